// SPDX-License-Identifier: Apache-2.0
//
// Page-aligned memory of our own, for staging, and a small pool that keeps it mapped between uses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hicache {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // Throws Error INTERNAL when the system has no memory left.
  explicit AlignedBuffer(size_t size);
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer();

  uint64_t address() const { return reinterpret_cast<uint64_t>(data_); }
  size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

// Keeps up to count buffers of up to size_max bytes each. Threads: one at a time.
class BufferPool {
 public:
  BufferPool(size_t count, size_t size_max) : count_(count), size_max_(size_max) {}
  // A buffer of at least size bytes.
  AlignedBuffer take(size_t size);
  void give(AlignedBuffer buffer);

 private:
  const size_t count_;
  const size_t size_max_;
  std::vector<AlignedBuffer> free_;
};

}  // namespace hicache
