// SPDX-License-Identifier: Apache-2.0
#include "slot_allocator.h"

#include <algorithm>

#include "error.h"

namespace hicache {
namespace {

// A slab with less than this to take is only taken where no segment can be added.
constexpr double kFreeShareMin = 0.25;

}  // namespace

SlotAllocator::~SlotAllocator() {
  try {
    IndexWrite write(index_.database());
    for (const auto& [number, owned] : owned_) {
      std::optional<Slab> slab = index_.slab(write, number);
      if (owned.open > 0 || !slab || slab->owner != rules_.owner) continue;
      slab->owner = 0;
      index_.putSlab(write, *slab);
    }
    write.commit();
  } catch (const Error&) {
    // Then they are a dead owner's.
  }
}

std::vector<Slot> SlotAllocator::take(uint32_t blocks, size_t shard, size_t count) {
  std::vector<Slot> taken;
  taken.reserve(count);
  std::lock_guard<std::mutex> lock(mutex_);
  while (taken.size() < count) {
    auto current = current_.find({blocks, shard});
    if (current == current_.end() || owned_.at(current->second).free.empty()) {
      if (!taken.empty()) break;
      std::optional<uint32_t> acquired = acquire(blocks, shard);
      if (!acquired) break;
      current = current_.insert_or_assign({blocks, shard}, *acquired).first;
    }
    Owned& owned = owned_.at(current->second);
    for (; taken.size() < count && !owned.free.empty(); ++owned.open) {
      taken.push_back(owned.free.back());
      owned.free.pop_back();
    }
  }
  return taken;
}

void SlotAllocator::end(const std::vector<Slot>& slots, bool free) {
  std::lock_guard<std::mutex> lock(mutex_);
  // Backwards, so that neighbours are taken again in their order.
  for (auto slot = slots.rbegin(); slot != slots.rend(); ++slot) {
    Owned& owned = owned_.at(index_.slabOf(*slot));
    --owned.open;
    if (free) owned.free.push_back(*slot);
  }
}

std::optional<uint32_t> SlotAllocator::acquire(uint32_t blocks, size_t shard) {
  for (const auto& [number, owned] : owned_) {
    const bool is_current =
        std::any_of(current_.begin(), current_.end(), [n = number](const auto& c) { return c.second == n; });
    if (!is_current && owned.slot_blocks == blocks && !owned.free.empty()) return number;
  }
  std::optional<uint32_t> acquired = acquireSlab(blocks, shard);
  if (!acquired && dropEmptySegments()) acquired = acquireSlab(blocks, shard);
  if (acquired) return acquired;
  // Better another shard's than none.
  for (const auto& [number, owned] : owned_) {
    if (owned.slot_blocks == blocks && !owned.free.empty()) return number;
  }
  return std::nullopt;
}

std::optional<uint32_t> SlotAllocator::acquireSlab(uint32_t blocks, size_t shard) {
  IndexWrite write(index_.database());
  // What is used up goes back first: pages of it may have been removed since.
  std::vector<uint32_t> let_go;
  for (const auto& [number, owned] : owned_) {
    if (!owned.free.empty() || owned.open > 0) continue;
    if (std::optional<Slab> slab = index_.slab(write, number)) {
      slab->owner = 0;
      index_.putSlab(write, *slab);
    }
    let_go.push_back(number);
  }
  double free_share = 0;
  std::optional<Slab> slab = choose(write, blocks, shard, &free_share);
  const bool poor = !slab || free_share < kFreeShareMin || isShared(slab->number / SegmentGeometry::kSlabsPerSegment, shard);
  if (poor && grow(write, blocks)) slab = choose(write, blocks, shard, &free_share);
  Owned taken;
  if (slab) {
    slab->slot_blocks = blocks;
    slab->owner = rules_.owner;
    index_.putSlab(write, *slab);
    taken.slot_blocks = blocks;
    taken.free = index_.freeSlots(write, *slab);
    std::reverse(taken.free.begin(), taken.free.end());
  }
  write.commit();
  for (uint32_t number : let_go) {
    owned_.erase(number);
    std::erase_if(current_, [number](const auto& current) { return current.second == number; });
  }
  if (!slab || taken.free.empty()) return std::nullopt;
  owned_[slab->number] = std::move(taken);
  return slab->number;
}

std::optional<Slab> SlotAllocator::choose(const IndexTransaction& transaction, uint32_t blocks, size_t shard,
                                          double* free_share) const {
  const bool alone = index_.geometry().isAlone(blocks);
  const uint32_t slots = alone ? 1 : index_.geometry().slabBlocks() / blocks;
  std::map<uint64_t, bool> alive = {{0, false}};
  std::optional<Slab> best;
  double best_score = 0;
  for (const Slab& slab : index_.slabs(transaction)) {
    const bool alike = slab.slot_blocks == blocks;
    const bool changes = !alone && !index_.geometry().isAlone(slab.slot_blocks) && slab.taken == 0;
    if (!changes && !(alike && slab.taken < slots)) continue;
    auto known = alive.find(slab.owner);
    if (known == alive.end()) known = alive.emplace(slab.owner, rules_.is_alive(slab.owner)).first;
    if (known->second) continue;
    const double share = static_cast<double>(slots - slab.taken) / slots;
    const double score = share + (isShared(slab.number / SegmentGeometry::kSlabsPerSegment, shard) ? 0 : 1);
    if (best && score <= best_score) continue;
    best = slab;
    best_score = score;
    *free_share = share;
  }
  return best;
}

bool SlotAllocator::grow(IndexWrite& write, uint32_t blocks) {
  const SegmentGeometry& geometry = index_.geometry();
  const uint32_t number = index_.segmentCount(write);
  const int64_t bytes = geometry.bytesFor(blocks);
  if (!rules_.may_grow(index_.segmentBytes(write), bytes)) return false;
  try {
    files_.create(number, bytes);
  } catch (const Error& error) {
    if (error.code() == HICACHE_NO_SPACE) return false;
    throw;
  }
  const auto first = number * static_cast<uint32_t>(SegmentGeometry::kSlabsPerSegment);
  std::vector<Slab> slabs(geometry.isAlone(blocks) ? 1 : SegmentGeometry::kSlabsPerSegment);
  for (size_t i = 0; i < slabs.size(); ++i) slabs[i].number = first + static_cast<uint32_t>(i);
  if (geometry.isAlone(blocks)) slabs[0].slot_blocks = blocks;
  index_.addSegment(write, slabs, bytes);
  return true;
}

// Those of single pages, which no page of another size can use.
bool SlotAllocator::dropEmptySegments() {
  std::vector<uint32_t> dropped;
  IndexWrite write(index_.database());
  for (const Slab& slab : index_.slabs(write)) {
    if (!index_.geometry().isAlone(slab.slot_blocks) || slab.taken > 0 || owned_.contains(slab.number)) continue;
    if (slab.owner != 0 && rules_.is_alive(slab.owner)) continue;
    index_.removeSegment(write, slab);
    dropped.push_back(slab.number / SegmentGeometry::kSlabsPerSegment);
  }
  if (dropped.empty()) return false;
  write.commit();
  for (uint32_t segment : dropped) files_.remove(segment);
  return true;
}

bool SlotAllocator::isShared(uint32_t segment, size_t shard) const {
  return std::any_of(current_.begin(), current_.end(), [&](const auto& current) {
    return current.first.second != shard && current.second / SegmentGeometry::kSlabsPerSegment == segment;
  });
}

}  // namespace hicache
