// SPDX-License-Identifier: Apache-2.0
//
// What stands in the benchmark's pages, and how they are named. A page is random bytes of the seed, the same in each; every
// 4096 bytes a stamp says which page and which place this is, so that no page, and no part of one, can be taken for another.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace hicache::bench {

// 64 hexadecimal digits, as SGLang's keys are. Absent keys are never stored.
std::string keyOf(uint64_t seed, int64_t page);
std::string absentKeyOf(uint64_t seed, int64_t page);

// Threads: safe from any number of threads, each with its own memory.
class PageContent {
 public:
  PageContent(uint64_t seed, int64_t page_bytes);

  int64_t pageBytes() const { return static_cast<int64_t>(plain_.size()); }
  // Makes memory any page, but for its stamps.
  void fill(char* memory) const { std::copy(plain_.begin(), plain_.end(), memory); }
  // Makes memory that holds any page this page.
  void stamp(char* memory, int64_t page) const;
  // Makes memory that holds any page none, so that a part that a get leaves alone is noticed.
  void blank(char* memory) const;
  // The first byte that is not this page's; -1 when all are.
  int64_t firstDifference(const char* memory, int64_t page) const;

 private:
  std::vector<char> plain_;
};

}  // namespace hicache::bench
