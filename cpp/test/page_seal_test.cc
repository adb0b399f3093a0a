// SPDX-License-Identifier: Apache-2.0
#include "page_seal.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "seeded.h"

namespace hicache {
namespace {

using Encoded = std::array<uint8_t, PageSeal::kBytesMax>;

PageSeal randomSeal(std::mt19937_64& random, int32_t rank) {
  PageSeal seal;
  seal.length = random();
  seal.checksum = random();
  seal.name_hash = static_cast<uint32_t>(random());
  seal.shape.dtype = static_cast<int32_t>(random() % 129) - 1;
  seal.shape.rank = rank;
  for (int32_t i = 0; i < rank; ++i)
    seal.shape.dims[static_cast<size_t>(i)] = static_cast<int64_t>(random() >> (random() % 64));
  return seal;
}

void expectSame(const PageSeal& seal, const PageSeal& decoded) {
  EXPECT_EQ(decoded.length, seal.length);
  EXPECT_EQ(decoded.checksum, seal.checksum);
  EXPECT_EQ(decoded.name_hash, seal.name_hash);
  EXPECT_EQ(decoded.shape.dtype, seal.shape.dtype);
  EXPECT_EQ(decoded.shape.rank, seal.shape.rank);
  EXPECT_EQ(decoded.shape.dims, seal.shape.dims);
}

TEST(PageSealTest, shouldComeBackAsItWasForEveryRank) {
  std::mt19937_64 random = seeded();
  for (int32_t rank = 0; rank <= HICACHE_RANK_MAX; ++rank) {
    for (int repeat = 0; repeat < 200; ++repeat) {
      const PageSeal seal = randomSeal(random, rank);
      Encoded bytes;
      const size_t size = seal.encode(&bytes);
      ASSERT_LE(size, size_t{PageSeal::kBytesMax});
      PageSeal decoded;
      ASSERT_TRUE(PageSeal::decode(bytes.data(), size, &decoded));
      expectSame(seal, decoded);
    }
  }
}

TEST(PageSealTest, shouldHoldTheLargestDims) {
  PageSeal seal;
  seal.length = std::numeric_limits<uint64_t>::max();
  seal.shape.rank = HICACHE_RANK_MAX;
  seal.shape.dims.fill(std::numeric_limits<int64_t>::max());
  seal.shape.dims[3] = std::numeric_limits<int64_t>::min();
  Encoded bytes;
  const size_t size = seal.encode(&bytes);
  PageSeal decoded;
  ASSERT_TRUE(PageSeal::decode(bytes.data(), size, &decoded));
  expectSame(seal, decoded);
}

TEST(PageSealTest, shouldTakeAtMost64BytesForUsualShapes) {
  const std::vector<std::vector<int64_t>> shapes = {{},
                                                    {1},
                                                    {2, 64, 32, 8, 128},
                                                    {4096, 14336},
                                                    {2, 80, 64, 128, 8, 576},
                                                    {1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20}};
  for (const std::vector<int64_t>& dims : shapes) {
    PageSeal seal;
    seal.length = uint64_t{1} << 40;
    seal.shape.rank = static_cast<int32_t>(dims.size());
    std::copy(dims.begin(), dims.end(), seal.shape.dims.begin());
    Encoded bytes;
    EXPECT_LE(seal.encode(&bytes), 64u);
  }
}

TEST(PageSealTest, shouldRefuseEverySingleBitFlip) {
  std::mt19937_64 random = seeded();
  for (int32_t rank = 0; rank <= HICACHE_RANK_MAX; ++rank) {
    const PageSeal seal = randomSeal(random, rank);
    Encoded bytes;
    const size_t size = seal.encode(&bytes);
    for (size_t bit = 0; bit < 8 * size; ++bit) {
      Encoded flipped = bytes;
      flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
      PageSeal decoded;
      EXPECT_FALSE(PageSeal::decode(flipped.data(), size, &decoded)) << "rank " << rank << ", bit " << bit;
    }
  }
}

TEST(PageSealTest, shouldRefuseEveryTruncationAndEveryTail) {
  std::mt19937_64 random = seeded();
  const PageSeal seal = randomSeal(random, 5);
  Encoded bytes = {};
  const size_t size = seal.encode(&bytes);
  PageSeal decoded;
  for (size_t length = 0; length < size; ++length) EXPECT_FALSE(PageSeal::decode(bytes.data(), length, &decoded));
  std::vector<uint8_t> longer(bytes.begin(), bytes.end());
  longer.resize(200);
  for (size_t length = size + 1; length <= longer.size(); ++length) {
    EXPECT_FALSE(PageSeal::decode(longer.data(), length, &decoded)) << length;
  }
}

TEST(PageSealTest, shouldRefuseRandomBytes) {
  std::mt19937_64 random = seeded();
  for (int repeat = 0; repeat < 20000; ++repeat) {
    std::vector<uint8_t> bytes(random() % 130);
    fillRandom(bytes.data(), bytes.size(), random());
    if (!bytes.empty()) bytes[0] = 1;  // the version that it knows
    PageSeal decoded;
    ASSERT_FALSE(PageSeal::decode(bytes.data(), bytes.size(), &decoded));
  }
}

TEST(PageSealTest, shouldTellNamesApart) {
  EXPECT_EQ(PageSeal::hashOfName("a_m_0_1", "_m_0_1"), PageSeal::hashOfName("a_m_0_1", "_m_0_1"));
  EXPECT_NE(PageSeal::hashOfName("a_m_0_1", "_m_0_1"), PageSeal::hashOfName("b_m_0_1", "_m_0_1"));
  EXPECT_NE(PageSeal::hashOfName("a_x_m_0_1", "_m_0_1"), PageSeal::hashOfName("a_x_m_0_1", "_x_m_0_1"));
}

}  // namespace
}  // namespace hicache
