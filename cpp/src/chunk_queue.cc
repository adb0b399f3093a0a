// SPDX-License-Identifier: Apache-2.0
#include "chunk_queue.h"

#include <algorithm>
#include <iterator>

namespace hicache {

bool ChunkQueue::submit(const std::shared_ptr<Batch>& batch, std::vector<Chunk> chunks) {
  size_t count = chunks.size();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return false;
    active_[batch->id()] = Active{batch, count, {}, false};
    for (Chunk& chunk : chunks) chunks_.push_back(std::move(chunk));
    if (batch->deadline() < watch_until_) watch_.notify_one();
  }
  for (size_t i = 0; i < count; ++i) work_.notify_one();
  return true;
}

std::optional<Chunk> ChunkQueue::take(const Lane* lane, const std::atomic<bool>& retired, bool wait) {
  std::unique_lock<std::mutex> lock(mutex_);
  uint64_t wakes = wakes_;
  if (wait) work_.wait(lock, [&] { return !chunks_.empty() || stopped_ || retired.load() || wakes_ != wakes; });
  if (chunks_.empty() || retired.load()) return std::nullopt;
  Chunk chunk = std::move(chunks_.front());
  chunks_.pop_front();
  active_[chunk.batch->id()].lanes.push_back(lane);
  return chunk;
}

std::vector<Chunk> ChunkQueue::withdraw(const Batch& batch) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Chunk> withdrawn;
  auto stays = [&batch](const Chunk& chunk) { return chunk.batch.get() != &batch; };
  auto first = std::stable_partition(chunks_.begin(), chunks_.end(), stays);
  withdrawn.assign(std::make_move_iterator(first), std::make_move_iterator(chunks_.end()));
  chunks_.erase(first, chunks_.end());
  auto parked = std::stable_partition(parked_.begin(), parked_.end(), stays);
  withdrawn.insert(withdrawn.end(), std::make_move_iterator(parked), std::make_move_iterator(parked_.end()));
  parked_.erase(parked, parked_.end());
  return withdrawn;
}

void ChunkQueue::park(const Lane* lane, Chunk chunk) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<const Lane*>& lanes = active_[chunk.batch->id()].lanes;
  lanes.erase(std::find(lanes.begin(), lanes.end(), lane));
  parked_.push_back(std::move(chunk));
  // Its time is over, or the store closes: nobody else would ask it again.
  if (stopped_ || parked_.back().batch->abandoned()) askParkedAgainLocked();
}

bool ChunkQueue::askParkedAgain() {
  std::lock_guard<std::mutex> lock(mutex_);
  return askParkedAgainLocked();
}

bool ChunkQueue::askParkedAgainLocked() {
  if (parked_.empty()) return false;
  chunks_.insert(chunks_.begin(), std::make_move_iterator(parked_.begin()), std::make_move_iterator(parked_.end()));
  parked_.clear();
  work_.notify_all();
  return true;
}

void ChunkQueue::ended(const Lane* lane, const Chunk& chunk) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = active_.find(chunk.batch->id());
  std::vector<const Lane*>& lanes = found->second.lanes;
  if (lane != nullptr) lanes.erase(std::find(lanes.begin(), lanes.end(), lane));
  if (--found->second.open_chunks == 0) active_.erase(found);
  if (active_.empty()) idle_.notify_all();
}

void ChunkQueue::close() {
  std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
}

void ChunkQueue::stop() {
  std::lock_guard<std::mutex> lock(mutex_);
  stopped_ = true;
  askParkedAgainLocked();
  work_.notify_all();
  watch_.notify_all();
}

bool ChunkQueue::stopped() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stopped_;
}

void ChunkQueue::wakeAll() {
  std::lock_guard<std::mutex> lock(mutex_);
  ++wakes_;
  work_.notify_all();
}

bool ChunkQueue::waitIdle(Clock::time_point until) {
  std::unique_lock<std::mutex> lock(mutex_);
  return idle_.wait_until(lock, until, [this] { return active_.empty(); });
}

std::vector<std::shared_ptr<Batch>> ChunkQueue::activeBatches() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::shared_ptr<Batch>> batches;
  for (const auto& [id, active] : active_) batches.push_back(active.batch);
  return batches;
}

std::vector<const Lane*> ChunkQueue::lanesOf(const Batch& batch) const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = active_.find(batch.id());
  return found == active_.end() ? std::vector<const Lane*>() : found->second.lanes;
}

size_t ChunkQueue::activeCount() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return active_.size();
}

size_t ChunkQueue::activePages() const {
  std::lock_guard<std::mutex> lock(mutex_);
  size_t pages = 0;
  for (const auto& [id, active] : active_) pages += active.batch->pages().size();
  return pages;
}

Clock::time_point ChunkQueue::nearestDeadline() const {
  Clock::time_point nearest = Clock::time_point::max();
  for (const auto& [id, active] : active_) {
    if (!active.overdue) nearest = std::min(nearest, active.batch->deadline());
  }
  return nearest;
}

bool ChunkQueue::waitForDeadline(std::vector<std::shared_ptr<Batch>>* overdue) {
  std::unique_lock<std::mutex> lock(mutex_);
  overdue->clear();
  watch_until_ = nearestDeadline();
  if (stopped_) return false;
  if (watch_until_ == Clock::time_point::max()) {
    watch_.wait(lock);
  } else {
    watch_.wait_until(lock, watch_until_);
  }
  Clock::time_point now = Clock::now();
  for (auto& [id, active] : active_) {
    if (active.overdue || active.batch->deadline() > now) continue;
    active.overdue = true;
    overdue->push_back(active.batch);
  }
  return !stopped_;
}

}  // namespace hicache
