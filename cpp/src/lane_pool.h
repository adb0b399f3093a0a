// SPDX-License-Identifier: Apache-2.0
//
// The lanes of a store, and the supervisor that enforces deadlines: it settles a late batch, retires the lanes that hold parts
// of it, and puts new lanes in their place. A cancelled batch is settled before; its lanes are retired at its deadline all the
// same.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "lane.h"

namespace hicache {

// Threads: safe from any number of threads.
class LanePool {
 public:
  // agent: the tested one, given to the first lane.
  LanePool(std::shared_ptr<const StoreParts> parts, std::unique_ptr<Agent> agent, size_t lane_count);
  ~LanePool();
  LanePool(const LanePool&) = delete;
  LanePool& operator=(const LanePool&) = delete;

  // Throws CLOSED, or BACKEND_UNAVAILABLE when too many lanes hang.
  void submit(const std::shared_ptr<Batch>& batch, std::vector<Chunk> chunks);

  // Cancels what is open of a batch. False when nothing was.
  bool cancel(const std::shared_ptr<Batch>& batch);

  // Takes no more batches, waits for those under way, abandons the rest. True when every lane has drained. Idempotent.
  bool close(std::chrono::milliseconds timeout);

  // Has idle lanes look at what is registered.
  void wake() { queue_->wakeAll(); }
  // Lets the sets that wait for room ask again; true when there were any. May be called when the lanes are long gone.
  std::function<bool()> askingParkedAgain() const;

  bool closed() const;
  size_t laneCount() const { return lane_count_; }
  size_t quarantined() const;
  size_t activeBatches() const { return queue_->activeCount(); }
  size_t activePages() const { return queue_->activePages(); }

 private:
  void supervise();
  void abandon(Batch& batch, const char* reason);
  void endQueued(const Batch& batch);
  void retireLanesOf(const Batch& batch);
  void refill();
  void reapEnded();
  std::shared_ptr<Lane> newLane(std::unique_ptr<Agent> agent);

  const std::shared_ptr<const StoreParts> parts_;
  const std::shared_ptr<ChunkQueue> queue_;
  const size_t lane_count_;

  mutable std::mutex mutex_;  // guards what follows
  std::vector<std::shared_ptr<Lane>> lanes_;
  std::vector<std::shared_ptr<Lane>> quarantine_;
  size_t next_lane_ = 0;
  bool closed_ = false;
  bool drained_ = false;
  std::thread supervisor_;
};

}  // namespace hicache
