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

  // What follows counts for a phase, until the next call.
  void enter(hicache_phase phase) { change(phase); }
  // What follows counts for none.
  void pause() { change(HICACHE_PHASES); }
  void add(const PhaseTimes& other) {
    for (size_t i = 0; i < times_.size(); ++i) times_[i] += other.times_[i];
  }
  int64_t nanos(hicache_phase phase) const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(times_[phase]).count();
  }

 private:
  void change(hicache_phase phase) {
    const Clock::time_point now = Clock::now();
    if (phase_ != HICACHE_PHASES) times_[phase_] += now - since_;
    phase_ = phase;
    since_ = now;
  }

  std::array<Clock::duration, HICACHE_PHASES> times_ = {};
  hicache_phase phase_ = HICACHE_PHASES;
  Clock::time_point since_;
};

}  // namespace hicache
