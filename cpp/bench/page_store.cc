// SPDX-License-Identifier: Apache-2.0
#include "page_store.h"

#include <algorithm>
#include <string_view>

namespace hicache::bench {
namespace {

constexpr std::chrono::milliseconds kDrainPatience{10000};  // after a deadline, until the memory has to be free
constexpr int64_t kEventWaitMillis = 1;
constexpr int64_t kCloseMillis = 10000;

const int8_t* bytesOf(const std::string& text) { return reinterpret_cast<const int8_t*>(text.data()); }

[[noreturn]] void fail(const hicache_error& error) { throw StoreError(reinterpret_cast<const char*>(error.message)); }

std::string toBlob(const PageStore::Settings& settings) {
  std::string blob;
  for (const auto& [name, value] : settings) blob.append(name).append(1, '\0').append(value).append(1, '\0');
  return blob;
}

int64_t millisUntil(Clock::time_point until) {
  return std::max<int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count());
}

}  // namespace

const char* nameOf(Operation operation) {
  switch (operation) {
    case Operation::kSet:
      return "set";
    case Operation::kGet:
      return "get";
    case Operation::kExists:
      return "exists";
  }
  return "?";
}

void PageBatch::clear() {
  keys.clear();
  key_lengths.clear();
  addresses.clear();
  lengths.clear();
}

void PageBatch::add(const std::string& key, int64_t address, int64_t length) {
  keys += key;
  key_lengths.push_back(static_cast<int32_t>(key.size()));
  addresses.push_back(address);
  lengths.push_back(length);
}

PageStore::PageStore(const Settings& settings) {
  const std::string blob = toBlob(settings);
  hicache_error error = {};
  const Clock::time_point start = Clock::now();
  store_ = hicache_store_open(bytesOf(blob), static_cast<int64_t>(blob.size()), &error);
  if (store_ == nullptr) fail(error);
  open_millis_ = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

PageStore::~PageStore() {
  hicache_store_close(store_, kCloseMillis);
  hicache_store_free(store_);
}

std::map<std::string, std::string> PageStore::describe() const {
  std::string blob;
  for (int64_t needed = hicache_store_describe(store_, nullptr, 0); needed > static_cast<int64_t>(blob.size());) {
    blob.resize(static_cast<size_t>(needed));
    needed = hicache_store_describe(store_, reinterpret_cast<int8_t*>(blob.data()), needed);
  }
  std::map<std::string, std::string> pairs;
  std::string_view rest = blob;
  const auto next = [&rest] {
    const size_t end = std::min(rest.find('\0'), rest.size());
    std::string text(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return text;
  };
  while (!rest.empty()) {
    std::string name = next();
    std::string value = next();
    if (!name.empty()) pairs[name] = value;
  }
  return pairs;
}

BatchResult PageStore::run(Operation operation, const PageBatch& batch, int64_t timeout_millis) {
  const auto n = static_cast<int64_t>(batch.size());
  const int8_t* keys = bytesOf(batch.keys);
  const int32_t* key_lengths = batch.key_lengths.data();
  hicache_error error = {};
  int64_t id = 0;
  const Clock::time_point submitted = Clock::now();
  switch (operation) {
    case Operation::kSet:
      id = hicache_submit_set(store_, n, keys, key_lengths, nullptr, nullptr, batch.addresses.data(), batch.lengths.data(),
                              nullptr, nullptr, nullptr, nullptr, nullptr, 0, timeout_millis, &error);
      break;
    case Operation::kGet:
      id = hicache_submit_get(store_, n, keys, key_lengths, nullptr, nullptr, batch.addresses.data(), batch.lengths.data(),
                              nullptr, nullptr, nullptr, timeout_millis, &error);
      break;
    case Operation::kExists:
      id = hicache_submit_exists(store_, n, keys, key_lengths, nullptr, nullptr, timeout_millis, &error);
      break;
  }
  if (id == 0) fail(error);
  return finish(id, batch.size(), submitted, timeout_millis);
}

BatchResult PageStore::finish(int64_t batch, size_t keys, Clock::time_point submitted, int64_t timeout_millis) {
  BatchResult result;
  result.submitted = submitted;
  await(batch, &result.completed, submitted + std::chrono::milliseconds(timeout_millis) + kDrainPatience);
  result.outcomes.resize(keys);
  result.lengths.resize(keys);
  result.flags.resize(keys);
  hicache_batch_results(store_, batch, static_cast<int64_t>(keys), result.outcomes.data(), result.lengths.data(),
                        result.flags.data());
  for (size_t i = 0; i < keys && result.cause.empty(); ++i) {
    hicache_error cause = {};
    if (hicache_batch_cause(store_, batch, static_cast<int64_t>(i), &cause) == 1) {
      result.cause = reinterpret_cast<const char*>(cause.message);
    }
  }
  int64_t nanos[HICACHE_PHASES] = {};
  result.parts = hicache_batch_timing(store_, batch, nanos);
  for (size_t phase = 0; result.parts > 0 && phase < result.phases.size(); ++phase) {
    result.phases[phase] = std::chrono::nanoseconds(nanos[phase] / result.parts);
  }
  hicache_batch_free(store_, batch);
  return result;
}

void PageStore::await(int64_t batch, Clock::time_point* completed, Clock::time_point until) {
  const int32_t bits = hicache_batch_wait(store_, batch, millisUntil(until));
  *completed = Clock::now();
  if ((bits & HICACHE_EVENT_RELEASED) != 0) return;
  // It had completed before the wait began, or a late transfer still holds its memory: that event comes through the queue.
  while (!takeReleased(batch)) {
    if (Clock::now() > until) throw StoreError("a transfer hangs: the memory of a batch was not given back after its deadline");
  }
}

bool PageStore::takeReleased(int64_t batch) {
  const std::lock_guard<std::mutex> lock(events_);
  int32_t bits = 0;
  int64_t id = 0;
  while ((told_[batch] & HICACHE_EVENT_RELEASED) == 0 && (id = hicache_next_event(store_, kEventWaitMillis, &bits)) > 0) {
    told_[id] |= bits;
  }
  if ((told_[batch] & HICACHE_EVENT_RELEASED) == 0) return false;
  told_.erase(batch);
  return true;
}

void PageStore::remove(const PageBatch& batch, int64_t timeout_millis) {
  hicache_error error = {};
  const int64_t id = hicache_submit_delete(store_, static_cast<int64_t>(batch.size()), bytesOf(batch.keys),
                                           batch.key_lengths.data(), nullptr, timeout_millis, &error);
  if (id == 0) fail(error);
  const BatchResult result = finish(id, batch.size(), Clock::now(), timeout_millis);
  for (int32_t outcome : result.outcomes) {
    if (outcome != HICACHE_REMOVED && outcome != HICACHE_MISS) throw StoreError("delete: " + result.cause);
  }
}

int64_t PageStore::clear(int64_t timeout_millis) {
  hicache_error error = {};
  const int64_t id = hicache_submit_clear(store_, timeout_millis, &error);
  if (id == 0) fail(error);
  const BatchResult result = finish(id, 1, Clock::now(), timeout_millis);
  if (result.outcomes[0] != HICACHE_REMOVED) throw StoreError("clear: " + result.cause);
  return result.lengths[0];
}

std::string PageStore::pathOf(const std::string& key) const {
  std::string path(4096, '\0');
  hicache_error error = {};
  const int32_t length = hicache_page_path(store_, bytesOf(key), static_cast<int32_t>(key.size()), 0,
                                           reinterpret_cast<int8_t*>(path.data()), static_cast<int32_t>(path.size()), &error);
  if (length < 0) fail(error);
  path.resize(std::min(path.size(), static_cast<size_t>(length)));
  return path;
}

int64_t PageStore::registerMemory(int64_t address, int64_t length) {
  hicache_error error = {};
  const int64_t id = hicache_memory_register(store_, address, length, &error);
  if (id == 0) fail(error);
  return id;
}

bool PageStore::deregisterMemory(int64_t id, int64_t timeout_millis) {
  return hicache_memory_deregister(store_, id, timeout_millis) == 1;
}

PoolMemory::PoolMemory(PageStore& store, int64_t length) : store_(store) {
  hicache_error error = {};
  int32_t granted = 0;
  address_ = hicache_memory_allocate(length, 0, &granted, &error);
  if (address_ == 0) fail(error);
  try {
    registration_ = store_.registerMemory(address_, length);
  } catch (...) {
    hicache_memory_free(address_, nullptr);
    throw;
  }
}

PoolMemory::~PoolMemory() {
  // What a hanging transfer may still write stays allocated.
  if (store_.deregisterMemory(registration_, kCloseMillis)) hicache_memory_free(address_, nullptr);
}

}  // namespace hicache::bench
