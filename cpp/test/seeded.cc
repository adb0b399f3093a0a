// SPDX-License-Identifier: Apache-2.0
#include "seeded.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "checksum.h"

namespace hicache {

uint64_t testSeed() {
  static const uint64_t seed = [] {
    const char* chosen = std::getenv("HICACHE_TEST_SEED");
    if (chosen != nullptr) return static_cast<uint64_t>(std::strtoull(chosen, nullptr, 10));
    return static_cast<uint64_t>(std::random_device()());
  }();
  return seed;
}

std::mt19937_64 seeded() {
  const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
  std::string name = test == nullptr ? "" : std::string(test->test_suite_name()) + "." + test->name();
  return std::mt19937_64(testSeed() ^ checksum(name.data(), name.size()));
}

void fillRandom(void* data, size_t size, uint64_t seed) {
  uint8_t* next = static_cast<uint8_t*>(data);
  uint64_t state = seed;
  for (size_t left = size; left > 0;) {
    // splitmix64: fast enough for many MiB under a sanitizer
    uint64_t word = state += 0x9E3779B97F4A7C15u;
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    word ^= word >> 31;
    size_t count = left < sizeof(word) ? left : sizeof(word);
    std::memcpy(next, &word, count);
    next += count;
    left -= count;
  }
}

}  // namespace hicache
