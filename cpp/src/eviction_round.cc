// SPDX-License-Identifier: Apache-2.0
#include "eviction_round.h"

#include <algorithm>

#include "access_time.h"
#include "error.h"
#include "page_group.h"

namespace hicache {
namespace {

constexpr int64_t kBlockBytes = 512;  // of st_blocks

bool hasDeviceGoal(const EvictionGoal& goal, size_t device) {
  return device < goal.of_device.size() && goal.of_device[device] > 0;
}

}  // namespace

bool EvictionGoal::empty() const {
  return charged_bytes <= 0 && !expired &&
         std::none_of(of_device.begin(), of_device.end(), [](int64_t bytes) { return bytes > 0; });
}

EvictionRound::EvictionRound(const LayoutFiles& layout, const std::vector<size_t>& device_of, const std::atomic<bool>& stop)
    : layout_(layout), walk_(layout), device_of_(device_of), stop_(stop) {}

EvictionResult EvictionRound::run(const EvictionGoal& goal) {
  now_nanos_ = nowNanos();
  result_ = {};
  EvictionGoal of_pressure = goal;
  of_pressure.expired = false;
  if (!of_pressure.empty()) {
    learn(goal);
    choose(goal);
  }
  if (!chosen_.empty() || goal.expired) remove(goal);
  groups_.clear();
  bytes_on_device_.clear();
  chosen_.clear();
  return result_;
}

bool EvictionRound::isExpired(const struct stat& status) const {
  return layout_.isExpired(nanosOf(status.st_mtim) / kNanosPerMilli, now_nanos_ / kNanosPerMilli);
}

void EvictionRound::learn(const EvictionGoal& goal) {
  expired_ = {};
  expired_.of_device.resize(goal.of_device.size());
  for (size_t i = 0; i < device_of_.size(); ++i) {
    const size_t device = device_of_[i];
    const bool of_device = hasDeviceGoal(goal, device);
    walk_.visitDirectory(i, [&](const FilePlace& place, const struct stat& status) {
      const int64_t charge = Usage::chargeOf(status.st_size);
      const int64_t allocated = status.st_blocks * kBlockBytes;
      if (goal.expired && isExpired(status) && !unremovable_.contains(groupOf(place.name))) {
        expired_.charged_bytes += charge;
        if (of_device) expired_.of_device[device] += allocated;
        return !stop_.load();
      }
      const uint64_t key = groupOf(place.name);
      Group& group = groups_[key];
      group.last_use = std::max(group.last_use, lastUseOf(status, now_nanos_));
      group.charged_bytes += charge;
      if (of_device) bytes_on_device_[shareKey(key, device)] += allocated;
      return !stop_.load();
    });
  }
}

void EvictionRound::choose(const EvictionGoal& goal) {
  int64_t charged = goal.charged_bytes - expired_.charged_bytes;
  std::vector<int64_t> of_device = goal.of_device;
  for (size_t device = 0; device < of_device.size(); ++device) of_device[device] -= expired_.of_device[device];
  std::vector<std::pair<int64_t, uint64_t>> oldest_first;
  oldest_first.reserve(groups_.size());
  for (const auto& [key, group] : groups_) oldest_first.emplace_back(group.last_use, key);
  std::sort(oldest_first.begin(), oldest_first.end());
  for (const auto& [last_use, key] : oldest_first) {
    if (last_use > now_nanos_) break;  // pinned, as are all behind it
    if (unremovable_.contains(key)) continue;
    bool helps = charged > 0;
    for (size_t device = 0; device < of_device.size(); ++device) {
      auto share = bytes_on_device_.find(shareKey(key, device));
      if (share == bytes_on_device_.end()) continue;
      helps = helps || (of_device[device] > 0 && share->second > 0);
    }
    if (!helps) continue;
    chosen_[key] = last_use;
    charged -= groups_[key].charged_bytes;
    for (size_t device = 0; device < of_device.size(); ++device) {
      auto share = bytes_on_device_.find(shareKey(key, device));
      if (share != bytes_on_device_.end()) of_device[device] -= share->second;
    }
  }
}

void EvictionRound::remove(const EvictionGoal& goal) {
  for (size_t i = 0; i < device_of_.size(); ++i) {
    walk_.visitDirectory(i, [&](const FilePlace& place, const struct stat& status) {
      if (!mustGo(goal, place, status)) return !stop_.load();
      try {
        if (layout_.files().remove(place, status.st_ino)) {
          ++result_.pages;
          result_.bytes += Usage::chargeOf(status.st_size);
        }
      } catch (const Error& error) {
        result_.problem = error.what();  // the others go all the same
        unremovable_.insert(groupOf(place.name));
      }
      return !stop_.load();
    });
  }
}

bool EvictionRound::mustGo(const EvictionGoal& goal, const FilePlace& place, const struct stat& status) {
  if (goal.expired && isExpired(status)) return true;
  auto chosen = chosen_.find(groupOf(place.name));
  if (chosen == chosen_.end()) return false;
  if (lastUseOf(status, now_nanos_) <= chosen->second) return true;
  chosen_.erase(chosen);  // used since: what is left of its group stays
  return false;
}

}  // namespace hicache
