// SPDX-License-Identifier: Apache-2.0
//
// Pages that show by themselves whose they are: any mixture of two of them, or a part of one, is recognised as wrong.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "page_memory.h"

namespace hicache {

inline std::string numberedKey(uint64_t key) { return "numbered-" + std::to_string(key); }

inline size_t numberedSize(uint64_t generation) { return 16 + static_cast<size_t>(generation % 7) * 3000; }

// The page that was set under a key in its given generation.
inline PageMemory numberedPage(uint64_t key, uint64_t generation) {
  PageMemory page = PageMemory::random(numberedSize(generation), key * 1000003 + generation);
  std::memcpy(page.data(), &key, sizeof(key));
  std::memcpy(page.data() + sizeof(key), &generation, sizeof(generation));
  return page;
}

// True when the page is one that numberedPage(key, ...) makes; its generation goes to *generation.
inline bool isNumberedPage(uint64_t key, const PageMemory& page, uint64_t* generation) {
  if (page.size() < 16) return false;
  std::memcpy(generation, page.data() + sizeof(key), sizeof(*generation));
  return page == numberedPage(key, *generation);
}

}  // namespace hicache
