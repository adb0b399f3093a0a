// SPDX-License-Identifier: Apache-2.0
//
// One lane's way to the memory of devices: on each device a stream in and a stream out, and pinned host memory on the way.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "aligned_buffer.h"
#include "cuda_fence.h"
#include "error.h"

namespace hicache {

enum class CopyDirection { kToHost, kToDevice };

// Nothing is made before the first page of a device. Threads: the lane's.
class LaneDevices {
 public:
  // buffers, buffer_bytes: how many buffers of which size stay allocated between uses.
  LaneDevices(std::shared_ptr<CudaApi> cuda, size_t buffers, size_t buffer_bytes)
      : cuda_(std::move(cuda)), buffers_(buffers, buffer_bytes, cuda_) {}
  ~LaneDevices();
  LaneDevices(const LaneDevices&) = delete;
  LaneDevices& operator=(const LaneDevices&) = delete;

  CudaApi& cuda() const { return *cuda_; }
  BufferPool& buffers() { return buffers_; }
  // Throws TRANSFER_FAILED.
  const CudaStream& stream(int device, CopyDirection direction);

 private:
  const std::shared_ptr<CudaApi> cuda_;
  BufferPool buffers_;
  std::map<std::pair<int, CopyDirection>, CudaStream> streams_;
};

// Copies between host and devices that belong together. Threads: the lane's.
class DeviceCopies {
 public:
  DeviceCopies(LaneDevices& lane, CopyDirection direction, std::shared_ptr<const CudaFence> fence)
      : lane_(lane), direction_(direction), fence_(std::move(fence)) {}
  // Nothing may run any more.
  ~DeviceCopies();
  DeviceCopies(const DeviceCopies&) = delete;
  DeviceCopies& operator=(const DeviceCopies&) = delete;

  // Queues a copy behind the fence. After a failure nothing more is queued.
  void add(int device, uint64_t to, uint64_t from, size_t length);
  // After the last one.
  void mark();
  // Looks again. True while a copy may still touch memory.
  bool running();
  // Why not all of them are done; once they no longer run.
  const std::optional<Error>& failure() const { return failure_; }
  // True when CUDA would not tell their end: the host's side must never be used again.
  bool isLost() const { return lost_; }

 private:
  struct Queued {
    CudaStream stream;
    size_t bytes = 0;
    std::optional<CudaEvent> end;
  };

  void failed(int device, size_t bytes, const std::string& reason);
  Queued* queueOf(int device);
  // Returns why it cannot; empty: done.
  std::string markEnd(Queued* queued);

  LaneDevices& lane_;
  const CopyDirection direction_;
  const std::shared_ptr<const CudaFence> fence_;
  std::vector<Queued> queued_;
  std::optional<Error> failure_;
  bool lost_ = false;
};

}  // namespace hicache
