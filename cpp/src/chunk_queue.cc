// SPDX-License-Identifier: Apache-2.0
#include "chunk_queue.h"

#include <algorithm>

namespace hicache {

bool ChunkQueue::submit(const std::shared_ptr<Batch>& batch, std::vector<Chunk> chunks) {
  size_t count = chunks.size();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return false;
    active_[batch->id()] = Active{batch, count, {}};
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

void ChunkQueue::ended(const Lane* lane, const Chunk& chunk) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = active_.find(chunk.batch->id());
  std::vector<const Lane*>& lanes = found->second.lanes;
  lanes.erase(std::find(lanes.begin(), lanes.end(), lane));
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

bool ChunkQueue::waitForDeadline() {
  std::unique_lock<std::mutex> lock(mutex_);
  watch_until_ = Clock::time_point::max();
  for (const auto& [id, active] : active_) {
    // A settled batch waits for its memory only; its deadline is over.
    if (!active.batch->allSettled()) watch_until_ = std::min(watch_until_, active.batch->deadline());
  }
  if (stopped_) return false;
  if (watch_until_ == Clock::time_point::max()) {
    watch_.wait(lock);
  } else {
    watch_.wait_until(lock, watch_until_);
  }
  return !stopped_;
}

}  // namespace hicache
