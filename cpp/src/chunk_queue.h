// SPDX-License-Identifier: Apache-2.0
//
// The chunks that wait for a lane, and who runs which. Shared by lanes and the lane pool; outlives both.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "batch.h"

namespace hicache {

class Lane;

// Threads: safe from any number of threads.
class ChunkQueue {
 public:
  // Queues all chunks of a batch. False when the queue is closed to new work.
  bool submit(const std::shared_ptr<Batch>& batch, std::vector<Chunk> chunks);

  // The next chunk for a lane. wait: blocks until there is one, the queue stops, or the lanes are woken.
  std::optional<Chunk> take(const Lane* lane, const std::atomic<bool>& retired, bool wait);
  // The chunks of a batch that no lane has taken yet, and now none will: for the caller to end.
  std::vector<Chunk> withdraw(const Batch& batch);
  // A chunk cannot begin yet: no lane holds it until it is asked again.
  void park(const Lane* lane, Chunk chunk);
  // Gives the parked chunks back, before all others. True when there were any.
  bool askParkedAgain();
  // A chunk has ended: its results are in its batch. lane: null for a withdrawn one.
  void ended(const Lane* lane, const Chunk& chunk);

  // For the lane pool. No new batch is taken from here on.
  void close();
  // Lanes end as soon as they hold nothing.
  void stop();
  void wakeAll();
  bool stopped() const;
  // Waits until no batch is active: true, or false at the time given.
  bool waitIdle(Clock::time_point until);

  // Batches under way, and the lanes that hold chunks of a batch.
  std::vector<std::shared_ptr<Batch>> activeBatches() const;
  std::vector<const Lane*> lanesOf(const Batch& batch) const;
  size_t activeCount() const;
  // Keys of the batches under way.
  size_t activePages() const;

  // Sleeps until the nearest deadline of an active batch, a new nearer one, or stop, and hands out each batch once when its
  // deadline has passed, also one that is settled: a cancelled one may hang in a lane. False once stopped.
  bool waitForDeadline(std::vector<std::shared_ptr<Batch>>* overdue);

 private:
  bool askParkedAgainLocked();

  struct Active {
    std::shared_ptr<Batch> batch;
    size_t open_chunks = 0;
    std::vector<const Lane*> lanes;  // one entry for each chunk that a lane holds
    bool overdue = false;            // was handed out by waitForDeadline
  };

  Clock::time_point nearestDeadline() const;

  mutable std::mutex mutex_;
  std::condition_variable work_;   // lanes wait here
  std::condition_variable watch_;  // the supervisor waits here
  std::condition_variable idle_;   // close waits here
  std::deque<Chunk> chunks_;
  std::deque<Chunk> parked_;
  std::map<int64_t, Active> active_;  // by batch id
  Clock::time_point watch_until_ = Clock::time_point::max();
  uint64_t wakes_ = 0;
  bool closed_ = false;
  bool stopped_ = false;
};

}  // namespace hicache
