// SPDX-License-Identifier: Apache-2.0
//
// A store with blocking calls, as a test wants it: submit a batch, wait for its events, take its results.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "page_memory.h"
#include "store.h"

namespace hicache {

// One entry of a set or a get.
struct PageArgument {
  std::string key;
  void* address = nullptr;
  int64_t length = 0;
  int32_t dtype = HICACHE_DTYPE_UNKNOWN;
  std::vector<int64_t> dims = {};
  int32_t device = HICACHE_DEVICE_UNKNOWN;  // where it is said to be

  PageArgument(std::string key_text, const PageMemory& memory)
      : key(std::move(key_text)), address(memory.data()), length(static_cast<int64_t>(memory.size())) {}
  PageArgument(std::string key_text, void* page_address, int64_t page_length)
      : key(std::move(key_text)), address(page_address), length(page_length) {}
};

// Threads: safe from any number of threads.
class StoreClient {
 public:
  static constexpr int64_t kTimeoutMillis = 30000;

  explicit StoreClient(const StoreConfig& config, Outside outside = {}) : store_(config, std::move(outside)) {}

  // Each waits until its batch is completed and, unless it timed out, released.
  std::vector<PageResult> set(const std::vector<PageArgument>& pages, int64_t timeout_millis = kTimeoutMillis);
  std::vector<PageResult> get(const std::vector<PageArgument>& pages, int64_t timeout_millis = kTimeoutMillis);
  std::vector<PageResult> exists(const std::vector<std::string>& keys, const std::vector<int64_t>& lengths = {});
  std::vector<PageResult> remove(const std::vector<std::string>& keys);
  PageResult clear(int64_t timeout_millis = kTimeoutMillis);
  std::vector<PageResult> pin(const std::vector<std::string>& keys, int64_t lease_millis);
  EvictionResult evict(int64_t timeout_millis = kTimeoutMillis) {
    return store_.evict(std::chrono::milliseconds(timeout_millis));
  }

  // With one key.
  PageResult setPage(const std::string& key, const PageMemory& page) { return set({PageArgument(key, page)})[0]; }
  PageResult getPage(const std::string& key, const PageMemory& page) { return get({PageArgument(key, page)})[0]; }
  PageResult findPage(const std::string& key) { return exists({key})[0]; }
  PageResult removePage(const std::string& key) { return remove({key})[0]; }

  // Unless it is stored already.
  PageResult setNewPage(const std::string& key, const PageMemory& page);
  // Unless there is a page under its key.
  std::vector<PageResult> setMissing(const std::vector<PageArgument>& pages);

  // set_flags: bits of hicache_set_flag.
  int64_t submit(Operation operation, const std::vector<PageArgument>& pages, int64_t timeout_millis, int64_t lease_millis = 0,
                 int32_t set_flags = 0, std::shared_ptr<const CudaFence> fence = nullptr);
  // True once all these events have come for the batch; false when they have not within the patience.
  bool waitFor(int64_t batch, int32_t bits, std::chrono::milliseconds patience = std::chrono::seconds(60));
  // The events that have come so far.
  int32_t eventsOf(int64_t batch);
  std::vector<PageResult> resultsOf(int64_t batch) const;
  void forget(int64_t batch);

  std::string described(const std::string& name) const;
  int64_t describedNumber(const std::string& name) const { return std::stoll(described(name)); }
  std::string pathOf(const std::string& key) const;
  Store& store() { return store_; }

 private:
  std::vector<PageResult> finish(int64_t batch);

  Store store_;
  std::mutex mutex_;  // guards the events and is held by the one who reads them
  std::map<int64_t, int32_t> events_;
};

}  // namespace hicache
