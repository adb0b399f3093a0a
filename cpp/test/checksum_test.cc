// SPDX-License-Identifier: Apache-2.0
#include "checksum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "seeded.h"

namespace hicache {
namespace {

// Compiled here without AVX2: the baseline that every processor has.
uint64_t baseline(const void* data, size_t length) { return XXH3_64bits(data, length); }

TEST(ChecksumTest, shouldBeXxh3WithItsKnownValues) {
  EXPECT_EQ(checksum("", 0), 0x2D06800538D394C2u);
  EXPECT_EQ(checksum("a", 1), 0xE6C632B61E964E1Fu);
  EXPECT_EQ(checksum("abc", 3), 0x78AF5F94892F3950u);
}

TEST(ChecksumTest, shouldNotDependOnTheProcessor) {
  if (__builtin_cpu_supports("avx2") == 0) GTEST_SKIP() << "this processor has no AVX2";
  std::mt19937_64 random = seeded();
  std::vector<uint8_t> data((1 << 20) + 64);
  fillRandom(data.data(), data.size(), random());
  for (size_t length = 0; length < 600; ++length) {
    ASSERT_EQ(detail::checksumAvx2(data.data(), length), baseline(data.data(), length)) << length;
  }
  for (int repeat = 0; repeat < 300; ++repeat) {
    size_t offset = random() % 64;
    size_t length = random() % (data.size() - offset);
    ASSERT_EQ(detail::checksumAvx2(data.data() + offset, length), baseline(data.data() + offset, length));
  }
}

TEST(ChecksumTest, shouldBeTheSameInParts) {
  std::mt19937_64 random = seeded();
  std::vector<uint8_t> data(100000);
  fillRandom(data.data(), data.size(), random());
  ChecksumStream stream;
  for (int repeat = 0; repeat < 200; ++repeat) {
    const size_t length = random() % data.size();
    stream.reset();
    for (size_t at = 0; at < length;) {
      const size_t part = std::min<size_t>(length - at, 1 + random() % 5000);
      stream.update(data.data() + at, part);
      at += part;
    }
    ASSERT_EQ(stream.digest(), baseline(data.data(), length)) << length;
  }
}

TEST(ChecksumTest, shouldSeeEveryFlippedBit) {
  for (size_t length : {1u, 16u, 100u, 241u, 1024u}) {
    std::vector<uint8_t> data(length);
    fillRandom(data.data(), length, testSeed());
    const uint64_t whole = checksum(data.data(), length);
    for (size_t bit = 0; bit < 8 * length; ++bit) {
      data[bit / 8] = static_cast<uint8_t>(data[bit / 8] ^ (1u << (bit % 8)));
      ASSERT_NE(checksum(data.data(), length), whole);
      data[bit / 8] = static_cast<uint8_t>(data[bit / 8] ^ (1u << (bit % 8)));
    }
  }
}

}  // namespace
}  // namespace hicache
