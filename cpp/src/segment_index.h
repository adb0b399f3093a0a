// SPDX-License-Identifier: Apache-2.0
//
// What the segments of one base directory hold:
//   pages   suffix of the naming + name -> where the page lies, what raw bytes cannot carry
//   slots   segment + block -> the page's key in pages: which slots are taken
//   slabs   number -> size of its slots, how many are taken, and who alone may take more
//   facts   geometry, bytes of all pages, the latest generation
// A slot without an entry in slots is free, whatever is in the file: what a dead process had begun needs no cleaning up.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "index_database.h"
#include "page_seal.h"

namespace hicache {

// Slots begin at multiples of it, as direct I/O wants.
inline constexpr int64_t kSlotUnit = 4096;

// Where a page lies in a segment.
struct Slot {
  uint32_t segment = 0;
  uint32_t block = 0;   // the first, in units of kSlotUnit
  uint32_t blocks = 0;  // 0: no slot

  uint64_t offset() const { return uint64_t{block} * kSlotUnit; }
  int64_t bytes() const { return int64_t{blocks} * kSlotUnit; }
  bool operator==(const Slot&) const = default;
};

// Fixed when a directory gets its first segment.
struct SegmentGeometry {
  static constexpr int64_t kSlabsPerSegment = 8;

  int64_t segment_bytes = 0;

  int64_t slabBytes() const { return segment_bytes / kSlabsPerSegment; }
  uint32_t slabBlocks() const { return static_cast<uint32_t>(slabBytes() / kSlotUnit); }
  uint32_t segmentBlocks() const { return static_cast<uint32_t>(segment_bytes / kSlotUnit); }
  // A page of more than a slab has a segment of its own, as long as its slot.
  bool isAlone(uint32_t slot_blocks) const { return slot_blocks > slabBlocks(); }
  int64_t bytesFor(uint32_t slot_blocks) const {
    return isAlone(slot_blocks) ? int64_t{slot_blocks} * kSlotUnit : segment_bytes;
  }
};

struct StoredPage {
  Slot slot;
  uint64_t generation = 0;  // of all pages ever stored in the directory, so that the same slot with another page is told apart
  int64_t written_millis = 0;
  PageSeal seal;
  std::string key;  // where the name is a digest of it
};

// A slab: neighbouring slots of one size.
struct Slab {
  uint32_t number = 0;       // its segment * kSlabsPerSegment + which there
  uint32_t slot_blocks = 0;  // 0: never used
  uint32_t taken = 0;        // slots with pages
  uint64_t owner = 0;        // who takes its free slots; 0: nobody
};

// Threads: safe from any number of threads; each call within a transaction of the caller's.
class SegmentIndex {
 public:
  // Counters that a transaction changes, written once at its end.
  struct Tally {
    std::map<uint32_t, int64_t> taken;  // by slab
    int64_t bytes = 0;
    int64_t generation = 0;  // the latest given; 0: none
    std::string entry;       // scratch
  };

  // Reads the geometry, or notes this one where there is none yet.
  SegmentIndex(std::shared_ptr<IndexDatabase> database, int64_t segment_bytes);

  IndexDatabase& database() const { return *database_; }
  const SegmentGeometry& geometry() const { return geometry_; }

  // The key of a page: names of different suffixes are apart, even where they are spelled alike.
  static std::string_view nameIn(std::string_view page_key);
  // What all keys of a suffix begin with.
  static std::string keyPrefix(std::string_view suffix);

  std::optional<StoredPage> find(const IndexTransaction& transaction, std::string_view page_key) const;
  // Puts a page in its slot; what had the key before loses its own. Throws INTERNAL when the slot is taken. Returns the slot
  // that became free.
  Slot publish(IndexWrite& write, std::string_view page_key, StoredPage page, Tally* tally) const;
  // Frees the slot of a page; false when there is none of that key, or another than only.
  bool remove(IndexWrite& write, std::string_view page_key, std::optional<uint64_t> only_generation, Tally* tally) const;
  // Writes the counters and commits.
  void commit(IndexWrite& write, const Tally& tally) const;

  // Pages in the order of their keys, from a key on, until visit returns false.
  void visitPages(const IndexTransaction& transaction, std::string_view from,
                  const std::function<bool(std::string_view page_key, const StoredPage&)>& visit) const;
  // Taken slots, without their sizes, and the key of each one's page.
  void visitSlots(const IndexTransaction& transaction,
                  const std::function<bool(const Slot& slot, std::string_view page_key)>& visit) const;
  // The key of the page in a slot; empty where there is none.
  std::string keyAt(const IndexTransaction& transaction, const Slot& slot) const;
  std::vector<Slab> slabs(const IndexTransaction& transaction) const;
  // The slots of a slab that hold no page, in order.
  std::vector<Slot> freeSlots(const IndexTransaction& transaction, const Slab& slab) const;
  void putSlab(IndexWrite& write, const Slab& slab) const;
  std::optional<Slab> slab(const IndexTransaction& transaction, uint32_t number) const;
  // The number of the slab that a slot is in.
  uint32_t slabOf(const Slot& slot) const;

  // Bytes of all slots with pages.
  int64_t bytes(const IndexTransaction& transaction) const;
  uint32_t segmentCount(const IndexTransaction& transaction) const;
  // Bytes of all segments, of which segmentCount have been made, some of them removed again.
  int64_t segmentBytes(const IndexTransaction& transaction) const;
  void addSegment(IndexWrite& write, const std::vector<Slab>& slabs, int64_t bytes) const;
  // Forgets a segment without pages. Its number is not given again: who has it open may still write there.
  void removeSegment(IndexWrite& write, const Slab& only_slab) const;

  // How many blocks a slot for so many bytes has: exact up to 16, then in eight steps for each doubling.
  static uint32_t slotBlocksOf(int64_t length);

 private:
  int64_t fact(const IndexTransaction& transaction, std::string_view name) const;
  void setFact(IndexWrite& write, std::string_view name, int64_t value) const;
  void freeSlot(IndexWrite& write, const Slot& slot, Tally* tally) const;

  const std::shared_ptr<IndexDatabase> database_;
  SegmentGeometry geometry_;
};

}  // namespace hicache
