// SPDX-License-Identifier: Apache-2.0
//
// What was measured, as the report shows it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "latency_histogram.h"
#include "page_store.h"
#include "plan.h"

namespace hicache::bench {

// One kind of operation in one workload.
struct OperationCount {
  int64_t batches = 0;
  int64_t pages = 0;
  int64_t bytes = 0;  // of pages stored and hit; 0 for exists
  int64_t hits = 0;   // get and exists
  int64_t misses = 0;
  int64_t lost = 0;       // misses of pages that are there
  int64_t failed = 0;     // failed, corrupt, timed out
  int64_t differing = 0;  // --verify: hits with other bytes
  int64_t buffered = 0;   // pages that direct I/O did not take
  LatencyHistogram latency;
  std::array<LatencyHistogram, HICACHE_PHASES> phases;  // of one part of a batch

  void add(const OperationCount& other);
};

// What --cold could do.
struct CacheDrop {
  int64_t files = 0;
  int64_t bytes = 0;
  int64_t bytes_left = 0;  // still in the page cache
  std::string problem;     // why, where bytes_left is not 0
};

// What the same storage did without a store.
struct RawResult {
  double gb_per_s = 0;
  std::string command;
};

// One workload on one cell.
struct Measurement {
  std::string workload;  // set, exists, get, mix
  Cell cell;
  int64_t threads = 0;
  double rate = 0;
  double seconds = 0;      // of work: without the time that callers spent on making and comparing pages
  double cpu_seconds = 0;  // of the process, likewise
  bool interrupted = false;
  std::map<Operation, OperationCount> operations;
  std::optional<CacheDrop> cache_drop;
  std::map<Operation, RawResult> fio;
  std::map<Operation, RawResult> plain;

  int64_t bytes() const;
  int64_t pages() const;
};

}  // namespace hicache::bench
