// SPDX-License-Identifier: Apache-2.0
#include "circuit_breaker.h"

#include <algorithm>

namespace hicache {

CircuitBreaker::CircuitBreaker(int64_t failures_max, std::chrono::milliseconds pause)
    : failures_max_(failures_max), first_pause_(pause), pause_(pause) {}

bool CircuitBreaker::admits() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (state_ == State::kClosed) return true;
  const Clock::time_point now = Clock::now();
  if (now < until_) return false;
  state_ = State::kHalfOpen;
  until_ = now + pause_;
  return true;
}

void CircuitBreaker::succeeded() {
  std::lock_guard<std::mutex> lock(mutex_);
  state_ = State::kClosed;
  failures_ = 0;
  pause_ = first_pause_;
}

void CircuitBreaker::failed(int64_t count) {
  std::lock_guard<std::mutex> lock(mutex_);
  failures_ += count;
  if (failures_max_ == 0 || failures_ < failures_max_ || state_ == State::kOpen) return;
  if (state_ == State::kHalfOpen) pause_ = std::min(2 * pause_, kPauseMax);
  if (state_ == State::kClosed) ++openings_;
  state_ = State::kOpen;
  until_ = Clock::now() + pause_;
}

const char* CircuitBreaker::state() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return state_ == State::kClosed ? "closed" : state_ == State::kOpen ? "open" : "half_open";
}

int64_t CircuitBreaker::failuresInARow() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return failures_;
}

int64_t CircuitBreaker::openings() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return openings_;
}

std::chrono::milliseconds CircuitBreaker::remaining() const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (state_ == State::kClosed) return std::chrono::milliseconds(0);
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(until_ - Clock::now()), std::chrono::milliseconds(0));
}

}  // namespace hicache
