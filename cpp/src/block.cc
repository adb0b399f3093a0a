// SPDX-License-Identifier: Apache-2.0
#include "block.h"

#include <cstring>

namespace hicache {

int64_t lengthOf(Blocks blocks) {
  int64_t length = 0;
  for (const Block& block : blocks) length += block.length;
  return length;
}

void gather(Blocks blocks, void* target) {
  char* to = static_cast<char*>(target);
  for (const Block& block : blocks) {
    if (block.length > 0) std::memcpy(to, reinterpret_cast<const void*>(block.address), static_cast<size_t>(block.length));
    to += block.length;
  }
}

void scatter(const void* source, Blocks blocks) {
  const char* from = static_cast<const char*>(source);
  for (const Block& block : blocks) {
    if (block.length > 0) std::memcpy(reinterpret_cast<void*>(block.address), from, static_cast<size_t>(block.length));
    from += block.length;
  }
}

}  // namespace hicache
