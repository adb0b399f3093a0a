// SPDX-License-Identifier: Apache-2.0
#include "aligned_buffer.h"

#include <gtest/gtest.h>

#include "error.h"
#include "seeded.h"

namespace hicache {
namespace {

TEST(AlignedBufferTest, shouldStandOnAPageBoundaryAndGiveItsMemoryBack) {
  for (size_t size : {1u, 4095u, 4096u, 100000u}) {
    AlignedBuffer buffer(size);
    EXPECT_EQ(buffer.address() % 4096, 0u);
    EXPECT_EQ(buffer.size(), size);
    fillRandom(reinterpret_cast<void*>(buffer.address()), size, 1);
    AlignedBuffer moved(std::move(buffer));
    EXPECT_EQ(moved.size(), size);
    EXPECT_EQ(buffer.address(), 0u);
  }
  EXPECT_EQ(AlignedBuffer().size(), 0u);
}

TEST(AlignedBufferTest, shouldSayWhatToDoWithoutMemory) {
  try {
    AlignedBuffer buffer(size_t{1} << 60);
    ADD_FAILURE() << "there was room for 2^60 bytes";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), HICACHE_INTERNAL);
    EXPECT_NE(std::string(error.what()).find("chunk_bytes"), std::string::npos) << error.what();
  }
}

TEST(BufferPoolTest, shouldHandTheSameMemoryOutAgain) {
  BufferPool pool(2, 1 << 20);
  AlignedBuffer buffer = pool.take(8192);
  const uint64_t address = buffer.address();
  pool.give(std::move(buffer));
  EXPECT_EQ(pool.take(4096).address(), address);
}

TEST(BufferPoolTest, shouldNotGrowBeyondItsLimits) {
  BufferPool pool(1, 1 << 20);
  AlignedBuffer large = pool.take(2 << 20);
  const uint64_t too_large = large.address();
  pool.give(std::move(large));  // too large to be kept: unmapped
  AlignedBuffer one = pool.take(4096);
  AlignedBuffer other = pool.take(4096);
  EXPECT_EQ(one.size(), other.size());
  EXPECT_TRUE(one.size() < 2 << 20 || one.address() != too_large);
  pool.give(std::move(one));
  pool.give(std::move(other));  // one is kept already
  AlignedBuffer first = pool.take(4096);
  AlignedBuffer second = pool.take(4096);
  EXPECT_NE(first.address(), second.address());
  pool.give(AlignedBuffer());
  EXPECT_GE(pool.take(100).size(), 100u);
}

TEST(BufferPoolTest, shouldServePagesOfNearlyOneLengthFromOneBuffer) {
  BufferPool pool(1, 16 << 20);
  AlignedBuffer buffer = pool.take((8 << 20) + 512);
  const uint64_t address = buffer.address();
  pool.give(std::move(buffer));
  EXPECT_EQ(pool.take((8 << 20) + 528).address(), address);
}

TEST(BufferPoolTest, shouldKeepTheLargerOnesWhenItIsFull) {
  BufferPool pool(1, 16 << 20);
  AlignedBuffer small = pool.take(4096);
  AlignedBuffer large = pool.take(1 << 20);
  const uint64_t address = large.address();
  pool.give(std::move(small));
  pool.give(std::move(large));
  EXPECT_EQ(pool.take(1 << 20).address(), address);
}

}  // namespace
}  // namespace hicache
