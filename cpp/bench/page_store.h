// SPDX-License-Identifier: Apache-2.0
//
// The C API of the store as the benchmark uses it: one batch at a time from each thread, submitted and waited for.
#pragma once

#include <hicache_nixl.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hicache::bench {

using Clock = std::chrono::steady_clock;

// The store refused or failed; the message is its own.
class StoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Operation { kSet, kGet, kExists };
inline constexpr Operation kOperations[] = {Operation::kSet, Operation::kExists, Operation::kGet};
const char* nameOf(Operation operation);

// Keys, and for set and get the memory of their pages, in the form of the C API.
struct PageBatch {
  std::string keys;
  std::vector<int32_t> key_lengths;
  std::vector<int64_t> addresses;
  std::vector<int64_t> lengths;

  void clear();
  void add(const std::string& key, int64_t address, int64_t length);
  size_t size() const { return key_lengths.size(); }
};

struct BatchResult {
  Clock::time_point submitted;
  Clock::time_point completed;
  std::vector<int32_t> outcomes;
  std::vector<int64_t> lengths;
  std::vector<int32_t> flags;
  std::string cause;  // of the first key that has one
  // Of set and get: what each phase took in one part of the batch, on average; parts 0: nothing was moved.
  int64_t parts = 0;
  std::array<std::chrono::nanoseconds, HICACHE_PHASES> phases = {};
};

// Threads: safe from any number of threads; the destructor runs alone.
class PageStore {
 public:
  using Settings = std::vector<std::pair<std::string, std::string>>;

  // Throws StoreError.
  explicit PageStore(const Settings& settings);
  ~PageStore();
  PageStore(const PageStore&) = delete;
  PageStore& operator=(const PageStore&) = delete;

  std::map<std::string, std::string> describe() const;
  // How long it took to open.
  double openMillis() const { return open_millis_; }

  // Submits a batch and waits until it has completed and its memory is free. Throws StoreError when it is refused, or when its
  // memory does not come free: then a transfer hangs, and nothing more can be measured.
  BatchResult run(Operation operation, const PageBatch& batch, int64_t timeout_millis);
  // Deletes pages. Throws StoreError when a key fails.
  void remove(const PageBatch& batch, int64_t timeout_millis);
  // Removes every page of the benchmark; returns their number. Throws StoreError.
  int64_t clear(int64_t timeout_millis);
  // The file that holds a key. Throws StoreError.
  std::string pathOf(const std::string& key) const;

  int64_t registerMemory(int64_t address, int64_t length);
  // False when a transfer hangs: the memory must stay.
  bool deregisterMemory(int64_t id, int64_t timeout_millis);

 private:
  void await(int64_t batch, Clock::time_point* completed, Clock::time_point until);
  bool takeReleased(int64_t batch);
  BatchResult finish(int64_t batch, size_t keys, Clock::time_point submitted, int64_t timeout_millis);

  hicache_store* store_ = nullptr;
  double open_millis_ = 0;
  std::mutex events_;                // guards hicache_next_event, and what follows
  std::map<int64_t, int32_t> told_;  // events of batches that others wait for
};

// Host memory for pages; registered with the store for as long as it lives.
class PoolMemory {
 public:
  // Throws StoreError.
  PoolMemory(PageStore& store, int64_t length);
  ~PoolMemory();
  PoolMemory(const PoolMemory&) = delete;
  PoolMemory& operator=(const PoolMemory&) = delete;

  int64_t address() const { return address_; }

 private:
  PageStore& store_;
  int64_t address_ = 0;
  int64_t registration_ = 0;
};

}  // namespace hicache::bench
