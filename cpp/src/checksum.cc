// SPDX-License-Identifier: Apache-2.0
#include "checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace hicache {

uint64_t checksum(const void* data, size_t length) {
  static const bool avx2 = __builtin_cpu_supports("avx2") != 0;
  return avx2 ? detail::checksumAvx2(data, length) : XXH3_64bits(data, length);
}

}  // namespace hicache
