// SPDX-License-Identifier: Apache-2.0
//
// Runs batches of one cell from several callers, and counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "measurement.h"
#include "options.h"
#include "page_content.h"
#include "page_store.h"
#include "progress.h"

namespace hicache::bench {

// What went wrong, each kind once. Threads: safe from any number of threads.
class Problems {
 public:
  void add(const std::string& problem);
  std::vector<std::string> list() const;

 private:
  static constexpr size_t kMost = 10;
  mutable std::mutex mutex_;
  std::vector<std::string> problems_;
};

// Threads: one; it starts its callers itself.
class Workload {
 public:
  // interrupted: set from outside, ends what runs after the batches under way.
  Workload(PageStore& store, const Options& options, const Cell& cell, const std::atomic<bool>& interrupted, Progress& progress,
           Problems& problems);
  ~Workload();

  // Stores all pages, untimed.
  void prepare();
  // Drops the files of all pages from the page cache.
  CacheDrop dropCache();
  // One pass after another over the pages, in order.
  Measurement measure(Operation operation);
  // Random batches, as --mix says.
  Measurement measureMix();

 private:
  class Caller;
  struct Step {
    Operation operation = Operation::kSet;
    int64_t first = 0;  // page
    int64_t count = 0;
    uint64_t seed = 0;  // of which keys are absent
  };
  using StepOf = std::function<Step(int64_t number)>;

  // When a run ends: after so many batches, or so long.
  struct End {
    int64_t batches = 0;  // 0: no limit
    double seconds = 0;   // 0: no limit
  };

  Step passStep(Operation operation, int64_t number) const;
  Step mixStep(int64_t number) const;
  End endOf() const;
  void warmUp(const StepOf& step_of);
  Measurement run(const std::string& name, const StepOf& step_of, End end, double rate);
  bool canMiss(Operation operation) const;

  PageStore& store_;
  const Options& options_;
  const Cell cell_;
  const std::atomic<bool>& interrupted_;
  Progress& progress_;
  Problems& problems_;
  const PageContent content_;
  std::vector<std::string> keys_;  // of all pages, or none of too many
  std::unique_ptr<PoolMemory> memory_;
};

}  // namespace hicache::bench
