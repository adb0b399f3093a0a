// SPDX-License-Identifier: Apache-2.0
#include "measurement.h"

namespace hicache::bench {

void OperationCount::add(const OperationCount& other) {
  batches += other.batches;
  pages += other.pages;
  bytes += other.bytes;
  hits += other.hits;
  misses += other.misses;
  lost += other.lost;
  failed += other.failed;
  differing += other.differing;
  buffered += other.buffered;
  latency.add(other.latency);
  for (size_t phase = 0; phase < phases.size(); ++phase) phases[phase].add(other.phases[phase]);
}

int64_t Measurement::pages() const {
  int64_t all = 0;
  for (const auto& [operation, count] : operations) all += count.pages;
  return all;
}

int64_t Measurement::bytes() const {
  int64_t all = 0;
  for (const auto& [operation, count] : operations) all += count.bytes;
  return all;
}

}  // namespace hicache::bench
