// SPDX-License-Identifier: Apache-2.0
//
// Memory of one page in a test: on a page boundary, or off it by a chosen number of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "seeded.h"

namespace hicache {

class PageMemory {
 public:
  explicit PageMemory(size_t size, size_t misalignment = 0) : size_(size), misalignment_(misalignment) {
    size_t room = (size + misalignment + 4095) / 4096 * 4096;
    base_ = static_cast<uint8_t*>(std::aligned_alloc(4096, room == 0 ? 4096 : room));
    if (base_ == nullptr) throw std::bad_alloc();
    std::memset(data(), 0x5A, size_);
  }
  PageMemory(PageMemory&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)), size_(other.size_), misalignment_(other.misalignment_) {}
  PageMemory& operator=(PageMemory&&) = delete;
  ~PageMemory() { std::free(base_); }

  // A page of random bytes.
  static PageMemory random(size_t size, uint64_t seed, size_t misalignment = 0) {
    PageMemory page(size, misalignment);
    fillRandom(page.data(), size, seed);
    return page;
  }

  uint8_t* data() const { return base_ + misalignment_; }
  size_t size() const { return size_; }
  bool operator==(const PageMemory& other) const {
    return size_ == other.size_ && std::memcmp(data(), other.data(), size_) == 0;
  }

 private:
  uint8_t* base_;
  size_t size_;
  size_t misalignment_;
};

}  // namespace hicache
