// SPDX-License-Identifier: Apache-2.0
//
// Counts durations in buckets of constant relative width, as HdrHistogram does: every value below 2048 ns has a bucket of its
// own, above that each power of two has 1024. A percentile is less than 0.1 % too high, and never above the maximum.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace hicache::bench {

// Threads: one at a time.
class LatencyHistogram {
 public:
  // A negative duration counts as 0.
  void record(std::chrono::nanoseconds duration);
  void add(const LatencyHistogram& other);

  int64_t count() const { return count_; }
  double averageNanos() const;
  int64_t maxNanos() const { return max_; }
  // The least duration that so many percent of all do not exceed; 0 when there is none.
  int64_t percentileNanos(double percent) const;

 private:
  std::vector<int64_t> buckets_;  // as long as the largest value needs
  int64_t count_ = 0;
  double sum_ = 0;
  int64_t max_ = 0;
};

}  // namespace hicache::bench
