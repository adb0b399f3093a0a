// SPDX-License-Identifier: Apache-2.0
//
// A batch of pages on its way through the lanes: what was asked, what became of each key, and who still touches its memory.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "block.h"
#include "cuda_fence.h"
#include "error.h"
#include "hicache_nixl.h"
#include "key_codec.h"
#include "page_seal.h"
#include "phase_times.h"

namespace hicache {

using Clock = std::chrono::steady_clock;

enum class Operation { kSet, kGet, kExists, kDelete, kClear, kPin };

// A timeout as the C boundary takes it: a negative one is 0, and one of more than a year is a year, so that no deadline
// overflows.
std::chrono::milliseconds toTimeout(int64_t millis);

// "set", "get", ... for messages.
const char* nameOf(Operation operation);

// One entry of a batch. The blocks' memory is borrowed from the caller until the batch is released.
struct Page {
  PageName name;        // into the batch's own text
  Blocks blocks;        // into the batch's own list
  int64_t length = -1;  // bytes of all blocks; -1: not known (exists)
  PageShape shape;
  MemoryPlace place = {};  // of all blocks
};

struct PageResult {
  hicache_outcome outcome = HICACHE_PENDING;
  int64_t length = 0;
  int32_t flags = 0;
  std::shared_ptr<const Error> cause;  // for FAILED, CORRUPT and TIMED_OUT

  static PageResult of(hicache_outcome outcome, int64_t length = 0, int32_t flags = 0) {
    return {outcome, length, flags, nullptr};
  }
  // CORRUPT for an error of that code, else FAILED.
  static PageResult failed(const Error& error);
};

// Tells one listener what happens to batches, in order. Threads: any number of writers, one reader.
class EventQueue {
 public:
  struct Event {
    int64_t batch = 0;
    int32_t bits = 0;  // enum hicache_event
  };

  void push(Event event);
  // No more events will come: next answers at once when empty.
  void close();
  // Waits up to timeout for an event. *finished tells that none will come any more: closed, and all handed out.
  std::optional<Event> next(std::chrono::milliseconds timeout, bool* finished = nullptr);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  bool closed_ = false;
};

// Threads: safe from any number of threads once submitted.
class Batch {
 public:
  Batch(int64_t id, Operation operation, Clock::time_point deadline, int64_t timeout_millis,
        std::shared_ptr<EventQueue> events);

  // What is asked: the pages, and what their names and blocks point into. Once, before anything else.
  void setPages(std::vector<char> text, std::vector<Block> blocks, std::vector<Page> pages);
  // A set leaves pages alone that are stored already with the same bytes, dtype and shape.
  void skipExisting() { skips_existing_ = true; }
  bool skipsExisting() const { return skips_existing_; }
  // A set leaves every page alone that is there.
  void keepExisting() { keeps_existing_ = true; }
  bool keepsExisting() const { return keeps_existing_; }
  // What must be done on devices before the pages' memory is touched; null: nothing. Once, before it is submitted.
  void setFence(std::shared_ptr<const CudaFence> fence) { fence_ = std::move(fence); }
  const std::shared_ptr<const CudaFence>& fence() const { return fence_; }
  // For a pin. Once, before it is submitted.
  void setLease(int64_t millis) { lease_millis_ = millis; }
  int64_t leaseMillis() const { return lease_millis_; }
  // How many times endChunk will be called. Once, before it is submitted.
  void setChunkCount(size_t count) { chunk_count_ = count; }

  const std::vector<Page>& pages() const { return pages_; }
  int64_t id() const { return id_; }
  Operation operation() const { return operation_; }
  Clock::time_point deadline() const { return deadline_; }

  // True once the deadline has passed, the batch was cancelled, or the store closed: what is still under way must come to
  // nothing.
  bool abandoned() const { return abandoned_.load(std::memory_order_acquire); }

  // Settles one key before the batch is submitted: a bad argument, a superseded entry.
  void settleEarly(size_t index, PageResult result);
  bool settledEarly(size_t index) const { return settled_early_[index]; }
  bool allSettled() const;

  // A chunk's end: settles keys begin.. (a PENDING result leaves its key alone) and gives their memory back.
  // times: of a chunk that a lane moved, else null.
  void endChunk(size_t begin, std::vector<PageResult> results, const PhaseTimes* times = nullptr);

  // Settles what is open as TIMED_OUT with the given reason; a no-op when all is settled. True when something was open.
  bool abandon(const std::string& reason);
  // The same as CANCELLED, which needs no cause.
  bool cancel();

  // Completes a batch that has no chunk.
  void completeEmpty();

  // Waits until the batch completes and takes that event, which then does not go to the queue: its bits, or 0 when the queue
  // has it already or time ran out. One waiter at a time.
  int32_t wait(std::chrono::milliseconds timeout);

  // True when every chunk has ended: nobody touches the pages' memory any more.
  bool released() const;

  // Copies of the first n results; returns the number of keys.
  int64_t results(int64_t n, int32_t* outcomes, int64_t* lengths, int32_t* flags) const;
  std::shared_ptr<const Error> cause(int64_t index) const;
  // Sums of the moved chunks, see hicache_batch_timing; returns their number.
  int64_t timing(int64_t* nanos) const;

 private:
  std::string describeProgress() const;
  void settleOpen(std::unique_lock<std::mutex> lock, const PageResult& result);
  void tell(std::unique_lock<std::mutex> lock, int32_t bits);

  const int64_t id_;
  const Operation operation_;
  const Clock::time_point deadline_;
  const int64_t timeout_millis_;
  const std::shared_ptr<EventQueue> events_;
  std::vector<char> text_;
  std::vector<Block> blocks_;
  std::vector<Page> pages_;
  bool skips_existing_ = false;
  bool keeps_existing_ = false;
  std::vector<bool> settled_early_;  // constant once submitted, so that lanes read it without the lock
  size_t chunk_count_ = 0;
  int64_t lease_millis_ = 0;
  std::shared_ptr<const CudaFence> fence_;
  std::atomic<bool> abandoned_{false};

  mutable std::mutex mutex_;
  std::vector<PageResult> results_;
  size_t open_keys_ = 0;
  size_t ended_chunks_ = 0;
  int64_t timed_chunks_ = 0;
  PhaseTimes times_;
  bool completed_ = false;
  bool waiting_ = false;  // somebody is inside wait
  int32_t event_for_waiter_ = 0;
  std::condition_variable waiter_;
};

// How long a set has waited for room.
struct RoomWait {
  bool begun = false;
  Clock::time_point since;
  int64_t round = 0;  // of eviction, the latest that had begun then
};

// A contiguous part of a batch, run by one lane.
struct Chunk {
  std::shared_ptr<Batch> batch;
  size_t begin = 0;
  size_t end = 0;
  RoomWait wait = {};
  const Page* pages = nullptr;  // in place of the batch's: begin is the first; null: the batch's own

  const Page& page(size_t index) const { return pages == nullptr ? batch->pages()[begin + index] : pages[index]; }
};

}  // namespace hicache
