// SPDX-License-Identifier: Apache-2.0
//
// A block: one contiguous byte range of a page in host memory. A page's bytes are its blocks, one after the other.
#pragma once

#include <cstdint>
#include <span>

namespace hicache {

struct Block {
  uint64_t address = 0;
  int64_t length = 0;  // bytes
};

using Blocks = std::span<const Block>;

// Bytes of all blocks.
int64_t lengthOf(Blocks blocks);
// Copies a page's blocks into one range, and one range into a page's blocks.
void gather(Blocks blocks, void* target);
void scatter(const void* source, Blocks blocks);

}  // namespace hicache
