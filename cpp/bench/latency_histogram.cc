// SPDX-License-Identifier: Apache-2.0
#include "latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace hicache::bench {
namespace {

constexpr int kBits = 11;
constexpr uint64_t kExact = uint64_t{1} << kBits;  // values below have a bucket each
constexpr uint64_t kHalf = kExact / 2;             // buckets of each power of two above

size_t bucketOf(uint64_t value) {
  if (value < kExact) return value;
  const uint64_t shift = static_cast<uint64_t>(std::bit_width(value) - kBits);
  return kExact + (shift - 1) * kHalf + ((value >> shift) - kHalf);
}

// The largest value of a bucket.
uint64_t topOf(size_t bucket) {
  if (bucket < kExact) return bucket;
  const uint64_t shift = (bucket - kExact) / kHalf + 1;
  const uint64_t within = (bucket - kExact) % kHalf + kHalf;
  return ((within + 1) << shift) - 1;
}

}  // namespace

void LatencyHistogram::record(std::chrono::nanoseconds duration) {
  const int64_t value = std::max<int64_t>(duration.count(), 0);
  const size_t bucket = bucketOf(static_cast<uint64_t>(value));
  if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
  ++buckets_[bucket];
  ++count_;
  sum_ += static_cast<double>(value);
  max_ = std::max(max_, value);
}

void LatencyHistogram::add(const LatencyHistogram& other) {
  if (other.buckets_.size() > buckets_.size()) buckets_.resize(other.buckets_.size());
  for (size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

double LatencyHistogram::averageNanos() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

int64_t LatencyHistogram::percentileNanos(double percent) const {
  const int64_t wanted = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(percent / 100 * static_cast<double>(count_))));
  int64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return std::min(static_cast<int64_t>(topOf(i)), max_);
  }
  return max_;
}

}  // namespace hicache::bench
