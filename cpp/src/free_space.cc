// SPDX-License-Identifier: Apache-2.0
#include "free_space.h"

#include <algorithm>

namespace hicache {
namespace {

constexpr std::chrono::milliseconds kSampleAge{100};
constexpr int64_t kMinFreeMax = int64_t{1} << 30;
constexpr int64_t kMinFreeShare = 50;  // one part in so many

}  // namespace

FreeSpace::FreeSpace(FileCalls& calls, int base, std::optional<int64_t> min_free_bytes)
    : calls_(calls), base_(base), min_free_bytes_(min_free_bytes) {}

std::optional<FreeSpace::Sample> FreeSpace::sample() const {
  struct statvfs space = {};
  if (calls_.space(base_, &space) < 0 || space.f_blocks == 0) return std::nullopt;
  int64_t unit = static_cast<int64_t>(space.f_frsize);
  return Sample{static_cast<int64_t>(space.f_blocks) * unit, static_cast<int64_t>(space.f_bavail) * unit};
}

int64_t FreeSpace::minFreeOf(const Sample& sample) const {
  return min_free_bytes_.value_or(std::min(kMinFreeMax, sample.total / kMinFreeShare));
}

void FreeSpace::refresh() {
  auto now = std::chrono::steady_clock::now();
  if (sample_ && now - sampled_ < kSampleAge) return;
  sample_ = sample();
  sampled_ = now;
  taken_since_ = outstanding_;
}

bool FreeSpace::take(int64_t bytes) {
  if (min_free_bytes_ == 0) return true;
  std::lock_guard<std::mutex> lock(mutex_);
  refresh();
  if (sample_ && sample_->available - taken_since_ - bytes < minFreeOf(*sample_)) {
    sampled_ = {};  // the next one asks anew
    return false;
  }
  taken_since_ += bytes;
  outstanding_ += bytes;
  return true;
}

void FreeSpace::give(int64_t bytes) {
  if (min_free_bytes_ == 0) return;
  std::lock_guard<std::mutex> lock(mutex_);
  outstanding_ -= bytes;
}

int64_t FreeSpace::shortage(int64_t bytes) {
  if (min_free_bytes_ == 0) return 0;
  std::lock_guard<std::mutex> lock(mutex_);
  sampled_ = {};
  refresh();
  return sample_ ? minFreeOf(*sample_) + taken_since_ + bytes - sample_->available : 0;
}

std::optional<int64_t> FreeSpace::room() const {
  const std::optional<Sample> now = sample();
  return now ? std::optional<int64_t>(std::max<int64_t>(now->available - minFreeOf(*now), 0)) : std::nullopt;
}

int64_t FreeSpace::minFreeBytes() const {
  std::optional<Sample> now = sample();
  return now ? minFreeOf(*now) : min_free_bytes_.value_or(0);
}

}  // namespace hicache
