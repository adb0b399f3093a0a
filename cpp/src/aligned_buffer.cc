// SPDX-License-Identifier: Apache-2.0
#include "aligned_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "error.h"

namespace hicache {
namespace {

// Pages of nearly one length share buffers.
constexpr size_t kUnit = 64 << 10;

}  // namespace

AlignedBuffer::AlignedBuffer(size_t size) {
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    throw Error(HICACHE_INTERNAL, "no memory for a staging buffer of " + std::to_string(size) + " bytes; lower chunk_bytes", 0,
                errno);
  }
  data_ = data;
  size_ = size;
}

AlignedBuffer::~AlignedBuffer() {
  if (data_ == nullptr) return;
  if (pinned_by_ != nullptr && !pinned_by_->unpin(address()).empty()) return;
  ::munmap(data_, size_);
}

void AlignedBuffer::pin(std::shared_ptr<CudaApi> cuda) {
  if (cuda->pin(address(), size_).empty()) pinned_by_ = std::move(cuda);
}

AlignedBuffer BufferPool::take(size_t size) {
  for (size_t i = 0; i < free_.size(); ++i) {
    if (free_[i].size() < size) continue;
    AlignedBuffer buffer = std::move(free_[i]);
    free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(i));
    return buffer;
  }
  AlignedBuffer buffer((size + kUnit - 1) / kUnit * kUnit);
  if (pinned_by_ != nullptr) buffer.pin(pinned_by_);
  return buffer;
}

void BufferPool::give(AlignedBuffer buffer) {
  if (buffer.size() == 0 || buffer.size() > size_max_ || count_ == 0) return;
  if (free_.size() < count_) {
    free_.push_back(std::move(buffer));
    return;
  }
  // Else small ones would fill the pool, and every larger one would be mapped anew.
  const auto smallest =
      std::min_element(free_.begin(), free_.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
  if (smallest->size() < buffer.size()) *smallest = std::move(buffer);
}

}  // namespace hicache
