// SPDX-License-Identifier: Apache-2.0
#include "lane_pool.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

namespace hicache {
namespace {

// Beyond this the storage is gone, and more threads stuck in it help nobody.
constexpr size_t kQuarantineMax = 16;
constexpr std::chrono::milliseconds kLaneEndPatience{500};

}  // namespace

LanePool::LanePool(std::shared_ptr<const StoreParts> parts, std::unique_ptr<Agent> agent, size_t lane_count)
    : parts_(std::move(parts)), queue_(std::make_shared<ChunkQueue>()), lane_count_(lane_count) {
  try {
    for (size_t i = 0; i < lane_count; ++i) lanes_.push_back(newLane(std::move(agent)));
    supervisor_ = std::thread([this] { supervise(); });
  } catch (...) {
    close(std::chrono::milliseconds(0));
    throw;
  }
}

LanePool::~LanePool() { close(std::chrono::milliseconds(parts_->config.close_timeout_millis)); }

std::shared_ptr<Lane> LanePool::newLane(std::unique_ptr<Agent> agent) {
  std::string name = "hicache-" + std::to_string(::getpid()) + "-lane-" + std::to_string(next_lane_++);
  return Lane::start(parts_, queue_, name, std::move(agent));
}

void LanePool::submit(const std::shared_ptr<Batch>& batch, std::vector<Chunk> chunks) {
  if (quarantined() >= kQuarantineMax) {
    throw Error(HICACHE_BACKEND_UNAVAILABLE, std::to_string(kQuarantineMax) + " lanes wait for transfers that do not end: " +
                                                 parts_->backend.name + " on " + parts_->place() + " does not answer");
  }
  if (!queue_->submit(batch, std::move(chunks))) throw Error(HICACHE_CLOSED, "the store is closed");
}

std::function<bool()> LanePool::askingParkedAgain() const {
  return [queue = queue_] { return queue->askParkedAgain(); };
}

bool LanePool::closed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return closed_;
}

size_t LanePool::quarantined() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<size_t>(
      std::count_if(quarantine_.begin(), quarantine_.end(), [](const std::shared_ptr<Lane>& lane) { return !lane->ended(); }));
}

void LanePool::supervise() {
  ::pthread_setname_np(::pthread_self(), "hicache-watch");
  std::vector<std::shared_ptr<Batch>> overdue;
  while (queue_->waitForDeadline(&overdue)) {
    for (const std::shared_ptr<Batch>& batch : overdue) {
      // Before anybody hears of the batch.
      if (parts_->objects != nullptr) parts_->objects->countFailures(static_cast<int64_t>(queue_->lanesOf(*batch).size()));
      abandon(*batch, "the storage did not answer in time");
      if (batch->released()) continue;
      retireLanesOf(*batch);
    }
    overdue.clear();
    queue_->askParkedAgain();  // those of late batches end then
    refill();
    reapEnded();
  }
}

bool LanePool::cancel(const std::shared_ptr<Batch>& batch) {
  if (!batch->cancel()) return false;
  endQueued(*batch);
  return true;
}

void LanePool::abandon(Batch& batch, const char* reason) {
  batch.abandon(reason);
  endQueued(batch);
}

// Nobody waits for what no lane has begun: its memory is free at once, however busy the lanes are.
void LanePool::endQueued(const Batch& batch) {
  for (const Chunk& chunk : queue_->withdraw(batch)) {
    chunk.batch->endChunk(chunk.begin, {});
    queue_->ended(nullptr, chunk);
  }
}

void LanePool::retireLanesOf(const Batch& batch) {
  std::vector<const Lane*> late = queue_->lanesOf(batch);
  std::lock_guard<std::mutex> lock(mutex_);
  auto is_late = [&late](const auto& lane) { return std::count(late.begin(), late.end(), lane.get()) != 0; };
  auto retired = std::partition(lanes_.begin(), lanes_.end(), [&](const auto& lane) { return !is_late(lane); });
  for (auto lane = retired; lane != lanes_.end(); ++lane) {
    (*lane)->retire();
    quarantine_.push_back(*lane);
  }
  lanes_.erase(retired, lanes_.end());
}

void LanePool::refill() {
  std::lock_guard<std::mutex> lock(mutex_);
  try {
    while (lanes_.size() < lane_count_) lanes_.push_back(newLane(nullptr));
  } catch (const std::system_error&) {
    // No thread to be had now: the lanes that are left do the work, and the next deadline tries again.
  }
}

void LanePool::reapEnded() {
  std::lock_guard<std::mutex> lock(mutex_);
  auto ended = std::partition(quarantine_.begin(), quarantine_.end(), [](const auto& lane) { return !lane->ended(); });
  std::for_each(ended, quarantine_.end(), [](const auto& lane) { lane->finishThread(); });
  quarantine_.erase(ended, quarantine_.end());
}

bool LanePool::close(std::chrono::milliseconds timeout) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return drained_;
    closed_ = true;
  }
  Clock::time_point until = Clock::now() + timeout;
  queue_->close();
  bool idle = queue_->waitIdle(until);
  if (!idle) {
    for (const std::shared_ptr<Batch>& batch : queue_->activeBatches()) abandon(*batch, "the store was closed first");
  }
  queue_->stop();
  if (supervisor_.joinable()) supervisor_.join();

  std::lock_guard<std::mutex> lock(mutex_);
  lanes_.insert(lanes_.end(), quarantine_.begin(), quarantine_.end());
  quarantine_.clear();
  Clock::time_point patience = std::max(until, Clock::now() + kLaneEndPatience);
  drained_ = true;
  for (const std::shared_ptr<Lane>& lane : lanes_) {
    while (!lane->ended() && Clock::now() < patience) std::this_thread::sleep_for(std::chrono::microseconds(200));
    drained_ = drained_ && lane->ended();
    lane->finishThread();
  }
  // A hanging lane is kept by its own thread.
  lanes_.clear();
  return drained_;
}

}  // namespace hicache
