// SPDX-License-Identifier: Apache-2.0
//
// Spares callers a storage that does not answer: after so many failures in a row requests are refused at once, for a while;
// then one is let through, and its fate decides.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace hicache {

// Threads: safe from any number of threads.
class CircuitBreaker {
 public:
  using Clock = std::chrono::steady_clock;

  // failures_max: in a row, until it opens; 0: never. pause: how long it stays open first; twice as long after each try that
  // fails, up to kPauseMax.
  CircuitBreaker(int64_t failures_max, std::chrono::milliseconds pause);

  static constexpr std::chrono::milliseconds kPauseMax{60000};

  // True when a request may be made; tell its fate with succeeded or failed. One whose fate is never told holds up the next try
  // for one pause.
  bool admits();
  // The storage answered, whatever it said of the page.
  void succeeded();
  // So many requests failed, or were not answered in time.
  void failed(int64_t count = 1);

  const char* state() const;  // closed | open | half_open
  int64_t failuresInARow() const;
  int64_t openings() const;
  // Until the next request is let through; 0 where it is not open.
  std::chrono::milliseconds remaining() const;

 private:
  enum class State { kClosed, kOpen, kHalfOpen };

  const int64_t failures_max_;
  const std::chrono::milliseconds first_pause_;

  mutable std::mutex mutex_;  // guards what follows
  State state_ = State::kClosed;
  std::chrono::milliseconds pause_;
  Clock::time_point until_;  // open: when one is let through; half open: when the next one is
  int64_t failures_ = 0;
  int64_t openings_ = 0;
};

}  // namespace hicache
