// SPDX-License-Identifier: Apache-2.0
#include "segment_census.h"

#include <map>
#include <string>
#include <utility>

#include "scratch.h"

namespace hicache {
namespace {

using Place = std::pair<uint32_t, uint32_t>;  // segment, block

std::string nameOf(const Slot& slot) {
  return "segment " + std::to_string(slot.segment) + ", block " + std::to_string(slot.block) + ", " +
         std::to_string(slot.blocks) + " blocks";
}

}  // namespace

testing::AssertionResult agrees(SegmentDirectory& directory) {
  const SegmentIndex& index = directory.index();
  const IndexRead read(index.database());
  auto failure = testing::AssertionFailure();
  bool good = true;
  auto require = [&](bool holds, const std::string& what) {
    if (!holds) failure << what << "\n";
    good = good && holds;
  };

  std::map<Place, std::string> pages;
  std::map<uint32_t, uint32_t> taken;  // by slab
  int64_t bytes = 0;
  Slot before;
  std::map<Place, Slot> slots;
  index.visitPages(read, {}, [&](std::string_view key, const StoredPage& page) {
    const Place place(page.slot.segment, page.slot.block);
    require(pages.emplace(place, key).second, "two pages in " + nameOf(page.slot));
    slots[place] = page.slot;
    ++taken[index.slabOf(page.slot)];
    bytes += page.slot.bytes();
    return true;
  });
  for (const auto& [place, slot] : slots) {
    const bool apart = before.segment != slot.segment || before.block + before.blocks <= slot.block;
    require(apart, nameOf(before) + " reaches into " + nameOf(slot));
    before = slot;
  }
  std::map<Place, std::string> entries;
  index.visitSlots(read, [&](const Slot& slot, std::string_view key) {
    entries.emplace(Place(slot.segment, slot.block), key);
    return true;
  });
  require(entries == pages, "the entries of slots are not those of pages");
  require(index.bytes(read) == bytes,
          "the pages take " + std::to_string(bytes) + " bytes, known are " + std::to_string(index.bytes(read)));

  const uint32_t segments = index.segmentCount(read);
  std::map<uint32_t, Slab> slabs;
  for (const Slab& slab : index.slabs(read)) {
    slabs[slab.number] = slab;
    require(slab.taken == taken[slab.number], "slab " + std::to_string(slab.number) + " has " +
                                                  std::to_string(taken[slab.number]) + " pages, known are " +
                                                  std::to_string(slab.taken));
  }
  require(slabs.size() == segments * static_cast<size_t>(SegmentGeometry::kSlabsPerSegment), "slabs are missing, or too many");
  for (const auto& [place, slot] : slots) {
    const Slab& slab = slabs[index.slabOf(slot)];
    const bool fits = slot.blocks == slab.slot_blocks && slot.block % index.geometry().slabBlocks() % slot.blocks == 0;
    require(fits, nameOf(slot) + " in a slab of " + std::to_string(slab.slot_blocks) + " blocks");
  }
  for (uint32_t segment = 0; segment < segments; ++segment) {
    const std::string path = directory.files().pathOf(segment);
    require(fileExists(path) && fileSize(path) == index.geometry().segment_bytes, "'" + path + "' is no whole segment");
  }
  return good ? testing::AssertionSuccess() : failure;
}

}  // namespace hicache
