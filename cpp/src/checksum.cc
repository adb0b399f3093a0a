// SPDX-License-Identifier: Apache-2.0
#include "checksum.h"

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

uint64_t checksum(Blocks blocks) { return hasAvx2() ? detail::checksumAvx2(blocks) : checksumOfBlocks(blocks); }

}  // namespace hicache
