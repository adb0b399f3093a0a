// SPDX-License-Identifier: Apache-2.0
#include "batch.h"

#include <algorithm>
#include <utility>

namespace hicache {

std::chrono::milliseconds toTimeout(int64_t millis) {
  constexpr int64_t kYearMillis = int64_t{366} * 24 * 3600 * 1000;
  return std::chrono::milliseconds(std::clamp<int64_t>(millis, 0, kYearMillis));
}

const char* nameOf(Operation operation) {
  switch (operation) {
    case Operation::kSet:
      return "set";
    case Operation::kGet:
      return "get";
    case Operation::kExists:
      return "exists";
    case Operation::kDelete:
      return "delete";
    case Operation::kClear:
      return "clear";
    case Operation::kPin:
      return "pin";
  }
  return "?";
}

PageResult PageResult::failed(const Error& error) {
  return {error.code() == HICACHE_CORRUPT ? HICACHE_OUTCOME_CORRUPT : HICACHE_FAILED, 0, 0,
          std::make_shared<const Error>(error)};
}

void EventQueue::push(Event event) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    events_.push_back(event);
  }
  changed_.notify_one();
}

void EventQueue::close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

std::optional<EventQueue::Event> EventQueue::next(std::chrono::milliseconds timeout, bool* finished) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, timeout, [this] { return !events_.empty() || closed_; });
  if (finished != nullptr) *finished = closed_ && events_.empty();
  if (events_.empty()) return std::nullopt;
  Event event = events_.front();
  events_.pop_front();
  return event;
}

Batch::Batch(int64_t id, Operation operation, Clock::time_point deadline, int64_t timeout_millis,
             std::shared_ptr<EventQueue> events)
    : id_(id), operation_(operation), deadline_(deadline), timeout_millis_(timeout_millis), events_(std::move(events)) {}

void Batch::setPages(std::vector<char> text, std::vector<Block> blocks, std::vector<Page> pages) {
  text_ = std::move(text);
  blocks_ = std::move(blocks);
  pages_ = std::move(pages);
  results_.resize(pages_.size());
  settled_early_.resize(pages_.size());
  open_keys_ = pages_.size();
}

void Batch::settleEarly(size_t index, PageResult result) {
  std::lock_guard<std::mutex> lock(mutex_);
  results_[index] = std::move(result);
  settled_early_[index] = true;
  --open_keys_;
}

bool Batch::allSettled() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return open_keys_ == 0;
}

void Batch::endChunk(size_t begin, std::vector<PageResult> results, const PhaseTimes* times) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (times != nullptr) {
    ++timed_chunks_;
    times_.add(*times);
  }
  int32_t bits = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    PageResult& slot = results_[begin + i];
    if (slot.outcome != HICACHE_PENDING || results[i].outcome == HICACHE_PENDING) continue;
    slot = std::move(results[i]);
    --open_keys_;
  }
  if (open_keys_ == 0 && !completed_) {
    completed_ = true;
    bits |= HICACHE_EVENT_COMPLETED;
  }
  if (++ended_chunks_ == chunk_count_) bits |= HICACHE_EVENT_RELEASED;
  tell(std::move(lock), bits);
}

bool Batch::abandon(const std::string& reason) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (completed_) return false;
  auto cause = std::make_shared<const Error>(HICACHE_TIMEOUT, describeProgress() + reason);
  settleOpen(std::move(lock), {HICACHE_TIMED_OUT, 0, 0, std::move(cause)});
  return true;
}

bool Batch::cancel() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (completed_) return false;
  settleOpen(std::move(lock), PageResult::of(HICACHE_CANCELLED));
  return true;
}

void Batch::settleOpen(std::unique_lock<std::mutex> lock, const PageResult& result) {
  abandoned_.store(true, std::memory_order_release);
  for (PageResult& slot : results_) {
    if (slot.outcome == HICACHE_PENDING) slot = result;
  }
  open_keys_ = 0;
  completed_ = true;
  tell(std::move(lock), HICACHE_EVENT_COMPLETED);
}

void Batch::completeEmpty() {
  std::unique_lock<std::mutex> lock(mutex_);
  completed_ = true;
  tell(std::move(lock), HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED);
}

void Batch::tell(std::unique_lock<std::mutex> lock, int32_t bits) {
  if (bits == 0) return;
  if (waiting_ && (bits & HICACHE_EVENT_COMPLETED) != 0) {
    waiting_ = false;
    event_for_waiter_ = bits;
    waiter_.notify_one();  // under the lock: the waiter may free the batch as soon as it has it
    return;
  }
  lock.unlock();
  events_->push({id_, bits});
}

int32_t Batch::wait(std::chrono::milliseconds timeout) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (completed_) return 0;
  waiting_ = true;
  waiter_.wait_for(lock, timeout, [this] { return !waiting_; });
  waiting_ = false;
  return std::exchange(event_for_waiter_, 0);
}

std::string Batch::describeProgress() const {
  return std::string(nameOf(operation_)) + " of " + std::to_string(results_.size()) + " keys, " +
         std::to_string(results_.size() - open_keys_) + " of them done, deadline " + std::to_string(timeout_millis_) + " ms: ";
}

bool Batch::released() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return ended_chunks_ == chunk_count_;
}

int64_t Batch::results(int64_t n, int32_t* outcomes, int64_t* lengths, int32_t* flags) const {
  std::lock_guard<std::mutex> lock(mutex_);
  size_t count = std::min(results_.size(), static_cast<size_t>(std::max<int64_t>(n, 0)));
  for (size_t i = 0; i < count; ++i) {
    outcomes[i] = results_[i].outcome;
    lengths[i] = results_[i].length;
    flags[i] = results_[i].flags;
  }
  return static_cast<int64_t>(results_.size());
}

int64_t Batch::timing(int64_t* nanos) const {
  std::lock_guard<std::mutex> lock(mutex_);
  for (int phase = 0; phase < HICACHE_PHASES; ++phase) nanos[phase] = times_.nanos(static_cast<hicache_phase>(phase));
  return timed_chunks_;
}

std::shared_ptr<const Error> Batch::cause(int64_t index) const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (index < 0 || static_cast<size_t>(index) >= results_.size()) return nullptr;
  return results_[static_cast<size_t>(index)].cause;
}

}  // namespace hicache
