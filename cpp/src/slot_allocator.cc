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

std::optional<Slot> SlotAllocator::take(uint32_t blocks, size_t shard) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto current = current_.find({blocks, shard});
  if (current == current_.end() || owned_.at(current->second).free.empty()) {
    std::optional<uint32_t> acquired = acquire(blocks, shard);
    if (!acquired) return std::nullopt;
    current = current_.insert_or_assign({blocks, shard}, *acquired).first;
  }
  Owned& owned = owned_.at(current->second);
  const Slot slot = owned.free.back();
  owned.free.pop_back();
  ++owned.open;
  return slot;
}

void SlotAllocator::end(const Slot& slot, bool free) {
  std::lock_guard<std::mutex> lock(mutex_);
  Owned& owned = owned_.at(index_.slabOf(slot));
  --owned.open;
  if (free) owned.free.push_back(slot);
}

std::optional<uint32_t> SlotAllocator::acquire(uint32_t blocks, size_t shard) {
  for (const auto& [number, owned] : owned_) {
    const bool is_current =
        std::any_of(current_.begin(), current_.end(), [n = number](const auto& c) { return c.second == n; });
    if (!is_current && owned.slot_blocks == blocks && !owned.free.empty()) return number;
  }
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
  if (poor && grow(write)) slab = choose(write, blocks, shard, &free_share);
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
  if (!slab || taken.free.empty()) {
    // Better another shard's than none.
    for (const auto& [number, owned] : owned_) {
      if (owned.slot_blocks == blocks && !owned.free.empty()) return number;
    }
    return std::nullopt;
  }
  owned_[slab->number] = std::move(taken);
  return slab->number;
}

std::optional<Slab> SlotAllocator::choose(const IndexTransaction& transaction, uint32_t blocks, size_t shard,
                                          double* free_share) const {
  const uint32_t slots = index_.geometry().slabBlocks() / blocks;
  std::map<uint64_t, bool> alive = {{0, false}};
  std::optional<Slab> best;
  double best_score = 0;
  for (const Slab& slab : index_.slabs(transaction)) {
    const bool fits = slab.taken == 0 || (slab.slot_blocks == blocks && slab.taken < slots);
    if (!fits) continue;
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

bool SlotAllocator::grow(IndexWrite& write) {
  const uint32_t number = index_.segmentCount(write);
  if (!rules_.may_grow(number)) return false;
  try {
    files_.create(number);
  } catch (const Error& error) {
    if (error.code() == HICACHE_NO_SPACE) return false;
    throw;
  }
  index_.setSegmentCount(write, number + 1);
  for (uint32_t i = 0; i < SegmentGeometry::kSlabsPerSegment; ++i)
    index_.putSlab(write, {number * static_cast<uint32_t>(SegmentGeometry::kSlabsPerSegment) + i});
  return true;
}

bool SlotAllocator::isShared(uint32_t segment, size_t shard) const {
  return std::any_of(current_.begin(), current_.end(), [&](const auto& current) {
    return current.first.second != shard && current.second / SegmentGeometry::kSlabsPerSegment == segment;
  });
}

}  // namespace hicache
