// SPDX-License-Identifier: Apache-2.0
//
// The segments of one base directory: index, files and free slots together.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "eviction_round.h"
#include "free_space.h"
#include "slot_allocator.h"
#include "store_limits.h"

namespace hicache {

// Threads: safe from any number of threads.
class SegmentDirectory {
 public:
  struct Settings {
    int64_t segment_bytes = 0;  // of a directory without segments; 0: by the capacity and the disk
    Durability durability = Durability::kNone;
    Limits limits;
    size_t directories = 1;  // of the store, which share its capacity
  };

  // What is to get a name, and what came of it.
  struct Publication {
    std::string_view page_key;
    StoredPage page;
    bool keep = false;  // whoever has the name keeps it
    bool kept = false;  // somebody did
    std::optional<Error> error = std::nullopt;
  };

  // Opens or makes the segments. Throws UNSUPPORTED on a network file system, IO, NO_SPACE, or CORRUPT.
  SegmentDirectory(std::shared_ptr<FileManager> files, size_t directory, const Settings& settings);

  SegmentFiles& files() { return files_; }
  const SegmentIndex& index() const { return *index_; }
  SlotAllocator& slots() { return *slots_; }

  std::optional<StoredPage> find(std::string_view page_key) const;
  // With a look at the index that others share.
  std::optional<StoredPage> find(const IndexRead& read, std::string_view page_key) const;
  // Gives pages their names, all in one step. A page that finds no room within the limit of bytes has an error then; a slot
  // of it, and of one that did not get its name, is the caller's again.
  void publish(std::vector<Publication>& pages, int64_t bytes_max);
  bool remove(std::string_view page_key, std::optional<uint64_t> only_generation = std::nullopt);
  // Removes all pages whose keys begin with prefix; returns how many.
  int64_t clear(const std::string& prefix, const std::function<bool()>& stop);

  // When a page was last used, in seconds since 1970; in the future while it is pinned.
  std::atomic<uint32_t>& lastUse(const Slot& slot) { return files_.lastUse(slot); }

  // Removes pages whose time is over, and of the others the least recently used, with all that belong to the same logical page,
  // until no more than bytes_max are left. Pinned ones stay.
  EvictionResult evict(int64_t bytes_max);
  // Removes the pages of the slab that was used least recently, so that its slots can get another size.
  EvictionResult evictSlab();

  // Bytes of all slots with pages.
  int64_t bytes() const;
  // Bytes of the segments that hold no page.
  int64_t freeBytes() const;
  uint32_t segmentCount() const;

 private:
  struct Candidate {
    uint32_t last_use = 0;
    Slot slot;
  };

  bool forgetWhatTheMachineLost();
  void writeState(const std::string& state);
  void letOthersIn();
  int64_t segmentBytes() const;
  bool mayGrow(int64_t all_bytes, int64_t bytes);
  void removeForgottenFiles();
  bool isExpired(const StoredPage& page, int64_t now_millis) const;
  void sync(const std::vector<Publication>& pages) const;
  std::vector<std::string> groupOf(const IndexTransaction& transaction, const std::string& page_key);
  EvictionResult removeCandidates(const std::vector<Candidate>& candidates, int64_t bytes_max, bool groups);

  const std::shared_ptr<FileManager> manager_;
  const size_t directory_;
  const Settings settings_;
  SegmentFiles files_;
  FileHandle state_;
  FreeSpace free_space_;
  std::shared_ptr<IndexDatabase> database_;
  std::unique_ptr<SegmentIndex> index_;
  std::unique_ptr<SlotAllocator> slots_;
};

}  // namespace hicache
