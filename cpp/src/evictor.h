// SPDX-License-Identifier: Apache-2.0
//
// The background thread of a store that counts: it counts the pages of its directories, and evicts when the store is told to.
// Of all processes on a directory one counts at a time, and one evicts at a time; the others rely on it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "eviction_round.h"
#include "room.h"
#include "store_parts.h"

namespace hicache {

class Evictor {
 public:
  // Counts at once and then every ten minutes, so that changes by others are seen. retry: lets the sets that wait for room ask
  // again; true when there were any. Starts the thread.
  static std::shared_ptr<Evictor> start(std::shared_ptr<const StoreParts> parts, std::function<bool()> retry);

  // Ends the thread; one that hangs in the storage goes on by itself, keeping all it needs. Idempotent.
  void stop();

  // Evicts down to the low marks now, and what has expired, whoever else does; waits up to timeout for its turn.
  // Throws UNSUPPORTED where eviction is off, TIMEOUT. Threads: any.
  EvictionResult evictNow(std::chrono::milliseconds timeout);

  int64_t evictedPages() const { return evicted_pages_.load(); }
  int64_t evictedBytes() const { return evicted_bytes_.load(); }
  int64_t rounds() const { return rounds_.load(); }
  // Why the last count or round could not do all; empty when it could.
  std::string problem() const;

 private:
  // Whoever holds it leads the eviction on all directories of the store.
  class Leadership;
  enum class Pressure { kNone, kMark, kSetWaits, kForced };

  Evictor(std::shared_ptr<const StoreParts> parts, std::function<bool()> retry);

  void run();
  void keepCounted();
  bool count(size_t directory);
  bool countIsDue(size_t directory) const;
  void keepRoom(bool set_waits);
  // The result, or nothing when another process leads.
  std::optional<EvictionResult> round(Pressure pressure);
  EvictionGoal goal(Pressure pressure, int64_t wanted) const;
  void addDeviceGoals(Pressure pressure, int64_t wanted, EvictionGoal* goal) const;
  bool fits(int64_t wanted) const;
  Usage& usage(size_t directory) const { return *parts_->files->usage(directory); }
  size_t directoryCount() const { return device_of_.size(); }
  void setProblem(const std::string& problem);

  const std::shared_ptr<const StoreParts> parts_;
  Room& room_;
  const Limits& limits_;
  const std::function<bool()> retry_;
  std::vector<size_t> device_of_;  // by directory

  std::mutex work_;            // held by the one thread of this process that counts or evicts; guards what follows
  std::vector<bool> unknown_;  // by directory: it has changed by nobody knows what, until counted
  std::chrono::steady_clock::time_point last_tick_{};
  std::chrono::steady_clock::time_point rest_until_{};  // after a round that could not free enough

  std::atomic<bool> stopping_{false};
  std::atomic<bool> ended_{false};
  std::atomic<int64_t> evicted_pages_{0};
  std::atomic<int64_t> evicted_bytes_{0};
  std::atomic<int64_t> rounds_{0};
  mutable std::mutex problem_mutex_;
  std::string problem_;  // guarded by problem_mutex_
  std::thread thread_;
};

}  // namespace hicache
