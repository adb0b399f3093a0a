// SPDX-License-Identifier: Apache-2.0
//
// Where the time of transfer requests goes, see enum hicache_phase.
#pragma once

#include <array>
#include <chrono>

#include "hicache_nixl.h"

namespace hicache {

// Threads: one at a time.
class PhaseTimes {
 public:
  using Clock = std::chrono::steady_clock;

  // Counts the time of its scope.
  class Scope {
   public:
    Scope(PhaseTimes* times, hicache_phase phase) : times_(times), phase_(phase) {}
    ~Scope() { times_->count(phase_, start_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    PhaseTimes* const times_;
    const hicache_phase phase_;
    const Clock::time_point start_ = Clock::now();
  };

  void count(hicache_phase phase, Clock::time_point start) { times_[phase] += Clock::now() - start; }
  void add(const PhaseTimes& other) {
    for (size_t i = 0; i < times_.size(); ++i) times_[i] += other.times_[i];
  }
  int64_t nanos(hicache_phase phase) const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(times_[phase]).count();
  }

 private:
  std::array<Clock::duration, HICACHE_PHASES> times_ = {};
};

}  // namespace hicache
