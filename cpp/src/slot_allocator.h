// SPDX-License-Identifier: Apache-2.0
//
// Free slots of one base directory. A process takes slots out of slabs that it alone owns, without asking the index; a slab is
// let go when its slots are used up and each is published or given back. What a dead process owned belongs to the next taker.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "segment_files.h"
#include "segment_index.h"

namespace hicache {

// Threads: safe from any number of threads.
class SlotAllocator {
 public:
  struct Rules {
    uint64_t owner = 0;                      // our number, unlike that of any other store
    std::function<bool(uint64_t)> is_alive;  // whether the store of a number still runs
    // Whether a segment of so many bytes may be added to those of all_bytes.
    std::function<bool(int64_t all_bytes, int64_t bytes)> may_grow;
  };

  SlotAllocator(const SegmentIndex& index, SegmentFiles& files, Rules rules)
      : index_(index), files_(files), rules_(std::move(rules)) {}
  // Lets go of the slabs, but for those with slots still in use.
  ~SlotAllocator();
  SlotAllocator(const SlotAllocator&) = delete;
  SlotAllocator& operator=(const SlotAllocator&) = delete;

  // Slots of so many blocks that nobody else has, at most count; none when all are taken and no segment can be added. Takers of
  // different shards get slots in different segments where they can, since the kernel lets one writer into a file at a time;
  // those of one shard get neighbours. Throws Error.
  std::vector<Slot> take(uint32_t blocks, size_t shard, size_t count);
  // Ends what take began: the slots hold pages now, or they do not.
  void published(const std::vector<Slot>& slots) { end(slots, false); }
  void giveBack(const std::vector<Slot>& slots) { end(slots, true); }

 private:
  struct Owned {
    uint32_t slot_blocks = 0;
    std::vector<Slot> free;  // the next one is at the back
    int64_t open = 0;        // taken, and neither published nor given back
  };

  void end(const std::vector<Slot>& slots, bool free);
  std::optional<uint32_t> acquire(uint32_t blocks, size_t shard);
  std::optional<uint32_t> acquireSlab(uint32_t blocks, size_t shard);
  std::optional<Slab> choose(const IndexTransaction& transaction, uint32_t blocks, size_t shard, double* free_share) const;
  bool grow(IndexWrite& write, uint32_t blocks);
  bool dropEmptySegments();
  bool isShared(uint32_t segment, size_t shard) const;

  const SegmentIndex& index_;
  SegmentFiles& files_;
  const Rules rules_;

  std::mutex mutex_;                                         // guards what follows
  std::map<uint32_t, Owned> owned_;                          // by slab number
  std::map<std::pair<uint32_t, size_t>, uint32_t> current_;  // slab by blocks and shard
};

}  // namespace hicache
