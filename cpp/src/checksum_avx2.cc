// SPDX-License-Identifier: Apache-2.0
//
// Compiled with -mavx2; called only where the processor has it. Nothing else belongs here.
#include "checksum.h"
#include "checksum_blocks.h"

namespace hicache::detail {

uint64_t checksumAvx2(const void* data, size_t length) { return XXH3_64bits(data, length); }

uint64_t checksumAvx2(Blocks blocks) { return checksumOfBlocks(blocks); }

void updateAvx2(void* state, const void* data, size_t length) {
  XXH3_64bits_update(static_cast<XXH3_state_t*>(state), data, length);
}

}  // namespace hicache::detail
