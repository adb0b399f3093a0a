// SPDX-License-Identifier: Apache-2.0
#include "lane.h"

#include <pthread.h>

#include <algorithm>

#include "key_operations.h"

namespace hicache {
namespace {

using std::chrono::microseconds;

// Polling costs a core, sleeping costs latency: spin for what a buffered page takes, then sleep ever longer.
constexpr microseconds kSpin{20};
constexpr microseconds kShortSleep{50};
constexpr microseconds kLongSleep{2000};
constexpr std::chrono::seconds kPatience{1};

// Another for each lane of a process.
size_t nextShard() {
  static std::atomic<size_t> next{0};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

std::shared_ptr<Lane> Lane::start(std::shared_ptr<const StoreParts> parts, std::shared_ptr<ChunkQueue> queue, std::string name,
                                  std::unique_ptr<Agent> agent) {
  std::shared_ptr<Lane> lane(new Lane(std::move(parts), std::move(queue), std::move(name), std::move(agent)));
  // The thread holds its lane: one that hangs keeps all it needs, whatever becomes of the store.
  lane->thread_ = std::thread([lane] {
    ::pthread_setname_np(::pthread_self(), "hicache-lane");
    lane->run();
    lane->ended_.store(true, std::memory_order_release);
  });
  return lane;
}

Lane::Lane(std::shared_ptr<const StoreParts> parts, std::shared_ptr<ChunkQueue> queue, std::string name,
           std::unique_ptr<Agent> agent)
    : parts_(std::move(parts)),
      queue_(std::move(queue)),
      name_(std::move(name)),
      buffers_(static_cast<size_t>(parts_->config.chunks_in_flight), 2 * static_cast<size_t>(parts_->config.chunk_bytes)),
      agent_(std::move(agent)),
      memory_(parts_->memory),
      segments_(parts_->segments.get(), nextShard()),
      devices_(parts_->cuda, static_cast<size_t>(parts_->config.chunks_in_flight),
               2 * static_cast<size_t>(parts_->config.chunk_bytes)) {}

void Lane::retire() {
  retired_.store(true);
  queue_->wakeAll();
}

void Lane::finishThread() {
  if (!thread_.joinable()) return;
  if (ended()) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void Lane::run() {
  while (takeChunks()) {
    bool progressed = false;
    if (agent_ != nullptr) followMemory(anyInFlight());
    for (std::unique_ptr<Transfer>& transfer : transfers_) {
      progressed = advance(*transfer) || progressed;
      if (!transfer->drained() || !quiet()) continue;
      transfer->finish();
      Chunk chunk = transfer->chunk();
      std::vector<PageResult> results = transfer->takeResults();
      const PhaseTimes times = transfer->times();
      transfer.reset();  // closes its files before the caller hears of it
      endChunk(chunk, std::move(results), &times);
      progressed = true;
    }
    transfers_.erase(std::remove(transfers_.begin(), transfers_.end(), nullptr), transfers_.end());
    pause(progressed);
  }
  dropAgent();
}

bool Lane::takeChunks() {
  while (transfers_.size() < static_cast<size_t>(parts_->config.chunks_in_flight)) {
    std::optional<Chunk> chunk = queue_->take(this, retired_, transfers_.empty());
    if (!chunk) return !transfers_.empty() || !(retired_.load() || queue_->stopped());
    start(std::move(*chunk));
  }
  return true;
}

void Lane::start(Chunk chunk) {
  const Operation operation = chunk.batch->operation();
  if (!Transfer::does(*parts_, operation)) {
    endChunk(chunk, runKeyOperations(*parts_, chunk));
    return;
  }
  try {
    std::unique_ptr<Transfer> transfer = Transfer::of(parts_, {&buffers_, &segments_, &devices_}, chunk);
    if (!transfer->admit(&chunk.wait)) {
      transfer.reset();
      queue_->park(this, std::move(chunk));
      return;
    }
    transfer->begin();
    transfers_.push_back(std::move(transfer));
  } catch (...) {
    endChunk(chunk, std::vector<PageResult>(chunk.end - chunk.begin, PageResult::failed(currentError())));
  }
}

bool Lane::advance(Transfer& transfer) {
  if (transfer.inFlight()) {
    suspect_ = !transfer.poll() || suspect_;
    return !transfer.inFlight();
  }
  if (transfer.waits() || transfer.drained()) return false;
  if (!quiet()) return false;
  if (agent_ == nullptr) {
    try {
      agent_ = makeAgent(parts_->nixl, parts_->backend, name_);
      followMemory(false);
    } catch (...) {
      transfer.fail(currentError());
      return true;
    }
  }
  suspect_ = !transfer.post(*agent_, memory_);
  return true;
}

bool Lane::quiet() {
  if (!suspect_) return true;
  if (anyInFlight()) return false;
  dropAgent();
  suspect_ = false;
  return true;
}

bool Lane::anyInFlight() const {
  return std::any_of(transfers_.begin(), transfers_.end(), [](const auto& t) { return t != nullptr && t->inFlight(); });
}

// What a backend would remap is the caller's.
void Lane::followMemory(bool in_flight) {
  if (!parts_->backend.needs_own_memory) memory_.follow(*agent_, in_flight);
}

void Lane::dropAgent() {
  memory_.forget();
  segments_.forget();
  agent_.reset();
}

void Lane::endChunk(const Chunk& chunk, std::vector<PageResult> results, const PhaseTimes* times) {
  chunk.batch->endChunk(chunk.begin, std::move(results), times);
  queue_->ended(this, chunk);
}

void Lane::pause(bool progressed) {
  Clock::time_point now = Clock::now();
  if (progressed || transfers_.empty()) {
    last_progress_ = now;
    return;
  }
  Clock::duration idle = now - last_progress_;
  if (idle > kPatience) {
    std::this_thread::sleep_for(kLongSleep);
  } else if (idle > kSpin) {
    std::this_thread::sleep_for(kShortSleep);
  }
}

}  // namespace hicache
