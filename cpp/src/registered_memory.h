// SPDX-License-Identifier: Apache-2.0
//
// Memory that callers use again and again, such as a pool of pages: each lane registers it with its agent once, and a transfer
// within it registers nothing on its side.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "registration.h"

namespace hicache {

struct MemoryRange {
  int64_t id = 0;
  uint64_t address = 0;
  uint64_t length = 0;  // bytes
};

// What callers have made known to a store. Threads: safe from any number of threads.
class RegisteredMemory {
 public:
  using Range = std::shared_ptr<const MemoryRange>;

  // Returns an id. Throws INVALID_ARGUMENT for a range that cannot be.
  int64_t add(uint64_t address, int64_t length);
  // Waits until no lane has the range registered any more, up to a timeout; wake is called to have idle lanes look. False when
  // a lane that hangs still has it. True for an unknown id.
  bool remove(int64_t id, std::chrono::milliseconds timeout, const std::function<void()>& wake);

  // Changes with every add and remove.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  std::vector<Range> ranges() const;

 private:
  std::atomic<uint64_t> version_{0};
  mutable std::mutex mutex_;  // guards what follows
  std::vector<Range> ranges_;
  int64_t next_id_ = 1;
};

// One lane's registrations of it. Threads: the lane's.
class LaneMemory {
 public:
  explicit LaneMemory(std::shared_ptr<const RegisteredMemory> memory) : memory_(std::move(memory)) {}

  // Registers what is new with the lane's agent. What is gone is deregistered once nothing is in flight. A range that NIXL
  // refuses is left to its transfers.
  void follow(Agent& agent, bool in_flight);
  // To be called before the agent goes.
  void forget();
  // True when each descriptor lies within one registered range.
  bool covers(const std::vector<Descriptor>& descriptors) const;

 private:
  struct Held {
    RegisteredMemory::Range range;
    Registration registration;
  };

  const std::shared_ptr<const RegisteredMemory> memory_;
  uint64_t version_ = 0;
  std::vector<Held> held_;
};

}  // namespace hicache
