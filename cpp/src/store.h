// SPDX-License-Identifier: Apache-2.0
//
// The store: open, submit, look, close, as straight lines over the parts below it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "batch.h"
#include "evictor.h"
#include "lane_pool.h"
#include "store_parts.h"

namespace hicache {

// The outside world, so that tests can put a fake in its place.
struct Outside {
  std::shared_ptr<NixlApi> nixl = realNixlApi();
  std::shared_ptr<CudaApi> cuda = realCudaApi();
  std::shared_ptr<FileCalls> files = realFileCalls();
};

// Keys and memory of one batch as the C boundary hands them over; see hicache_submit_set for the meaning of each.
struct BatchRequest {
  Operation operation = Operation::kExists;
  int64_t count = 0;
  const int8_t* keys = nullptr;
  const int32_t* key_lengths = nullptr;
  const int32_t* component_lengths = nullptr;
  int64_t timeout_millis = 0;
  const int32_t* block_counts = nullptr;
  const int64_t* addresses = nullptr;
  const int64_t* lengths = nullptr;
  const int32_t* dtypes = nullptr;
  const int32_t* ranks = nullptr;
  const int64_t* dims = nullptr;
  const int32_t* devices = nullptr;
  std::shared_ptr<const CudaFence> fence = nullptr;
  bool skip_existing = false;
  bool keep_existing = false;
  int64_t lease_millis = 0;  // of a pin
};

// Threads: safe from any number of threads; the destructor runs alone.
class Store {
 public:
  // Opens directories, selects and tests the backend, starts the lanes. Throws Error; then nothing is left open.
  explicit Store(const StoreConfig& config, Outside outside = {});

  // Starts a batch and returns its id. Throws Error; then nothing was started.
  int64_t submit(const BatchRequest& request);
  // nullptr when there is no such batch.
  std::shared_ptr<Batch> batch(int64_t id) const;
  // Settles what is open as CANCELLED, see hicache_batch_cancel. False when nothing was, or there is no such batch.
  bool cancel(int64_t id);
  void forget(int64_t id);

  // Memory that many transfers will use: from its first transfer on, each lane keeps it registered. Returns an id. Throws
  // INVALID_ARGUMENT.
  int64_t registerMemory(uint64_t address, int64_t length) { return parts_->memory->add(address, length); }
  // True when no lane has it registered any more; false when a hanging one has, and the memory must stay.
  bool deregisterMemory(int64_t id, std::chrono::milliseconds timeout);

  // Evicts down to the low marks now. Throws Error, see Evictor::evictNow and LayoutSegments::evict.
  EvictionResult evict(std::chrono::milliseconds timeout);

  EventQueue& events() const { return *events_; }
  // Of the layout files.
  const LayoutFiles& layout() const { return *parts_->layout; }
  const StoreParts& parts() const { return *parts_; }

  // True when everything drained; false when a transfer hangs and stays in quarantine. Idempotent.
  bool close(std::chrono::milliseconds timeout);
  // The pairs of hicache_store_describe.
  Settings describe() const;
  ~Store();

 private:
  std::shared_ptr<Batch> makeBatch(const BatchRequest& request);
  std::vector<Chunk> split(const std::shared_ptr<Batch>& batch) const;
  void describeRoom(Settings* description) const;
  void describeDirectories(Settings* description) const;

  std::shared_ptr<EventQueue> events_ = std::make_shared<EventQueue>();
  std::shared_ptr<const StoreParts> parts_;
  std::vector<BackendCandidate> candidates_;
  std::string test_object_;
  std::unique_ptr<LanePool> lanes_;
  std::shared_ptr<Evictor> evictor_;  // null where nothing is counted

  mutable std::mutex mutex_;  // guards what follows
  std::map<int64_t, std::shared_ptr<Batch>> batches_;
  int64_t next_batch_ = 1;
};

}  // namespace hicache
