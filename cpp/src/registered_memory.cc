// SPDX-License-Identifier: Apache-2.0
#include "registered_memory.h"

#include <algorithm>
#include <thread>

namespace hicache {

int64_t RegisteredMemory::add(uint64_t address, int64_t length) {
  if (address == 0 || length <= 0 || address + static_cast<uint64_t>(length) < address) {
    throw Error(HICACHE_INVALID_ARGUMENT, "register memory: " + std::to_string(length) + " bytes at address " +
                                              std::to_string(address) + " are no range");
  }
  std::lock_guard<std::mutex> lock(mutex_);
  ranges_.push_back(std::make_shared<const MemoryRange>(MemoryRange{next_id_, address, static_cast<uint64_t>(length)}));
  version_.fetch_add(1, std::memory_order_release);
  return next_id_++;
}

bool RegisteredMemory::remove(int64_t id, std::chrono::milliseconds timeout, const std::function<void()>& wake) {
  std::weak_ptr<const MemoryRange> left;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = std::find_if(ranges_.begin(), ranges_.end(), [id](const Range& range) { return range->id == id; });
    if (found == ranges_.end()) return true;
    left = *found;
    ranges_.erase(found);
    version_.fetch_add(1, std::memory_order_release);
  }
  auto end = std::chrono::steady_clock::now() + timeout;
  for (; !left.expired(); std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
    if (std::chrono::steady_clock::now() >= end) return false;
    wake();
  }
  return true;
}

std::vector<RegisteredMemory::Range> RegisteredMemory::ranges() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return ranges_;
}

void LaneMemory::follow(Agent& agent, bool in_flight) {
  uint64_t version = memory_->version();
  if (version == version_) return;
  std::vector<RegisteredMemory::Range> ranges = memory_->ranges();
  auto is_listed = [&](const Held& held) { return std::count(ranges.begin(), ranges.end(), held.range) != 0; };
  bool all_listed = std::all_of(held_.begin(), held_.end(), is_listed);
  if (!in_flight) {
    held_.erase(std::remove_if(held_.begin(), held_.end(), [&](const Held& held) { return !is_listed(held); }), held_.end());
    all_listed = true;
  }
  for (RegisteredMemory::Range& range : ranges) {
    if (std::any_of(held_.begin(), held_.end(), [&](const Held& held) { return held.range == range; })) continue;
    try {
      Registration registration(agent, MemoryType::kDram, {{range->address, range->length, 0}});
      held_.push_back({std::move(range), std::move(registration)});
    } catch (const Error&) {
      // Its transfers register what they move, and fail with NIXL's reason where that fails, too.
    }
  }
  if (all_listed) version_ = version;
}

void LaneMemory::forget() {
  held_.clear();
  version_ = 0;
}

bool LaneMemory::covers(const std::vector<Descriptor>& descriptors) const {
  auto covers_one = [this](const Descriptor& part) {
    return std::any_of(held_.begin(), held_.end(), [&](const Held& held) {
      return part.address >= held.range->address && part.length <= held.range->length &&
             part.address - held.range->address <= held.range->length - part.length;
    });
  };
  return !held_.empty() && std::all_of(descriptors.begin(), descriptors.end(), covers_one);
}

}  // namespace hicache
