// SPDX-License-Identifier: Apache-2.0
#include "checksum.h"

#include <new>

#include "checksum_blocks.h"

namespace hicache {
namespace {

bool hasAvx2() {
  static const bool avx2 = __builtin_cpu_supports("avx2") != 0;
  return avx2;
}

}  // namespace

uint64_t checksum(const void* data, size_t length) {
  return hasAvx2() ? detail::checksumAvx2(data, length) : XXH3_64bits(data, length);
}

void ChecksumStream::reset() {
  static_assert(sizeof(XXH3_state_t) <= sizeof(state_) && alignof(XXH3_state_t) <= 64);
  XXH3_64bits_reset(new (state_) XXH3_state_t());
}

void ChecksumStream::update(const void* data, size_t length) {
  if (hasAvx2()) {
    detail::updateAvx2(state_, data, length);
  } else {
    XXH3_64bits_update(reinterpret_cast<XXH3_state_t*>(state_), data, length);
  }
}

uint64_t ChecksumStream::digest() const { return XXH3_64bits_digest(reinterpret_cast<const XXH3_state_t*>(state_)); }

uint64_t checksum(Blocks blocks) { return hasAvx2() ? detail::checksumAvx2(blocks) : checksumOfBlocks(blocks); }

}  // namespace hicache
