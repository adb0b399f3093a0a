// SPDX-License-Identifier: Apache-2.0
//
// Page-aligned memory of our own, for staging, and a small pool that keeps it mapped between uses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "cuda_api.h"

namespace hicache {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // Throws Error INTERNAL when the system has no memory left.
  explicit AlignedBuffer(size_t size);
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        pinned_by_(std::exchange(other.pinned_by_, nullptr)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(pinned_by_, other.pinned_by_);
    return *this;
  }
  // Memory that CUDA does not let go of stays mapped.
  ~AlignedBuffer();

  uint64_t address() const { return reinterpret_cast<uint64_t>(data_); }
  size_t size() const { return size_; }

  // For fast copies between it and a device. Where CUDA refuses, copies are slow and nothing else.
  void pin(std::shared_ptr<CudaApi> cuda);
  // For memory that somebody may still write to: it is never unmapped.
  void leak() { data_ = nullptr, size_ = 0, pinned_by_ = nullptr; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
  std::shared_ptr<CudaApi> pinned_by_;
};

// Keeps up to count buffers of up to size_max bytes each. Threads: one at a time.
class BufferPool {
 public:
  // pinned_by: what is taken from it is pinned; null: it is not.
  BufferPool(size_t count, size_t size_max, std::shared_ptr<CudaApi> pinned_by = nullptr)
      : count_(count), size_max_(size_max), pinned_by_(std::move(pinned_by)) {}
  // A buffer of at least size bytes.
  AlignedBuffer take(size_t size);
  void give(AlignedBuffer buffer);

 private:
  const size_t count_;
  const size_t size_max_;
  const std::shared_ptr<CudaApi> pinned_by_;
  std::vector<AlignedBuffer> free_;
};

}  // namespace hicache
