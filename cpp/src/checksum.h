// SPDX-License-Identifier: Apache-2.0
//
// XXH3 with 64 bits over page bytes, by the xxHash library; the AVX2 build of it where the processor has AVX2.
#pragma once

#include <cstddef>
#include <cstdint>

#include "block.h"

namespace hicache {

// Checksum of host memory. The value does not depend on which build computed it.
uint64_t checksum(const void* data, size_t length);
// Of a page's bytes, as if its blocks were one range.
uint64_t checksum(Blocks blocks);

// The checksum of bytes that come in parts, one after the other. Threads: one at a time.
class ChecksumStream {
 public:
  void reset();
  void update(const void* data, size_t length);
  uint64_t digest() const;

 private:
  alignas(64) std::byte state_[576];  // an XXH3_state_t
};

namespace detail {
uint64_t checksumAvx2(const void* data, size_t length);
uint64_t checksumAvx2(Blocks blocks);
void updateAvx2(void* state, const void* data, size_t length);
}  // namespace detail

}  // namespace hicache
