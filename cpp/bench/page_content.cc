// SPDX-License-Identifier: Apache-2.0
#include "page_content.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace hicache::bench {
namespace {

constexpr int64_t kStampEvery = 4096;

struct Stamp {
  int64_t page;
  int64_t offset;
};
constexpr Stamp kNoStamp = {-1, -1};
constexpr auto kStampBytes = static_cast<int64_t>(sizeof(Stamp));

// Calls body(offset) for each place of a stamp.
template <typename Body>
void forEachStamp(int64_t page_bytes, Body body) {
  for (int64_t offset = 0; offset + kStampBytes <= page_bytes; offset += kStampEvery) body(offset);
}

std::string toKey(uint64_t seed, uint32_t kind, int64_t page) {
  std::seed_seq sequence{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), kind, static_cast<uint32_t>(page),
                         static_cast<uint32_t>(page >> 32)};
  uint32_t words[8];
  sequence.generate(std::begin(words), std::end(words));
  std::string key;
  for (uint32_t word : words) {
    for (int shift = 28; shift >= 0; shift -= 4) key += "0123456789abcdef"[word >> shift & 15];
  }
  return key;
}

}  // namespace

std::string keyOf(uint64_t seed, int64_t page) { return toKey(seed, 0, page); }
std::string absentKeyOf(uint64_t seed, int64_t page) { return toKey(seed, 1, page); }

PageContent::PageContent(uint64_t seed, int64_t page_bytes) : plain_(static_cast<size_t>(page_bytes)) {
  std::mt19937_64 random(seed);
  for (size_t at = 0; at < plain_.size(); at += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(plain_.data() + at, &word, std::min(sizeof(word), plain_.size() - at));
  }
}

void PageContent::stamp(char* memory, int64_t page) const {
  forEachStamp(pageBytes(), [&](int64_t offset) {
    const Stamp stamp = {page, offset};
    std::memcpy(memory + offset, &stamp, sizeof(stamp));
  });
}

void PageContent::blank(char* memory) const {
  forEachStamp(pageBytes(), [&](int64_t offset) { std::memcpy(memory + offset, &kNoStamp, sizeof(kNoStamp)); });
}

int64_t PageContent::firstDifference(const char* memory, int64_t page) const {
  for (int64_t at = 0; at < pageBytes(); at += kStampEvery) {
    const int64_t end = std::min(at + kStampEvery, pageBytes());
    char expected[kStampEvery];
    std::memcpy(expected, plain_.data() + at, static_cast<size_t>(end - at));
    if (at + kStampBytes <= end) {
      const Stamp stamp = {page, at};
      std::memcpy(expected, &stamp, sizeof(stamp));
    }
    if (std::memcmp(expected, memory + at, static_cast<size_t>(end - at)) == 0) continue;
    return at + std::mismatch(expected, expected + (end - at), memory + at).first - expected;
  }
  return -1;
}

}  // namespace hicache::bench
