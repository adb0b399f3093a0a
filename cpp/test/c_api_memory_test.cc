// SPDX-License-Identifier: Apache-2.0
//
// Host memory at the C boundary.
#include <cstring>

#include "c_settings.h"
#include "cuda_api.h"

namespace hicache {
namespace {

class CApiMemoryTest : public ::testing::Test {
 protected:
  static std::string describe(int64_t address) {
    return filled([=](int8_t* text, int64_t capacity) { return hicache_memory_describe(address, text, capacity); });
  }

  hicache_error error_ = {};
};

TEST_F(CApiMemoryTest, shouldAllocateDescribeAndFree) {
  const int32_t wishes = HICACHE_MEMORY_HUGE_PAGES | HICACHE_MEMORY_PINNED;
  int32_t granted = -1;
  const int64_t address = hicache_memory_allocate(5000, wishes, &granted, &error_);
  ASSERT_GT(address, 0) << messageOf(error_);
  std::memset(reinterpret_cast<void*>(address), 1, 5000);

  const std::string about = describe(address);
  EXPECT_EQ(valueIn(about, "length"), "5000");
  const bool huge = (granted & HICACHE_MEMORY_HUGE_PAGES) != 0;
  EXPECT_EQ(valueIn(about, "huge_pages"), huge ? "true" : "false");
  EXPECT_EQ(valueIn(about, "huge_pages_reason").empty(), huge);
  const bool pinned = (granted & HICACHE_MEMORY_PINNED) != 0;
  EXPECT_EQ(valueIn(about, "pinned"), pinned ? "true" : "false");
  EXPECT_EQ(valueIn(about, "pinned_reason").empty(), pinned);
  if (realCudaApi()->deviceCount() == 0) {
    EXPECT_EQ(valueIn(about, "pinned_reason"), "no CUDA device: " + realCudaApi()->unavailableReason());
  }

  EXPECT_EQ(hicache_memory_free(address, &error_), 1) << messageOf(error_);
  EXPECT_EQ(hicache_memory_describe(address, nullptr, 0), 0);
  EXPECT_EQ(hicache_memory_free(address, &error_), 0);
  EXPECT_EQ(error_.code, HICACHE_INVALID_ARGUMENT);
}

TEST_F(CApiMemoryTest, shouldGrantNothingThatNobodyAskedFor) {
  int32_t granted = -1;
  const int64_t address = hicache_memory_allocate(1, 0, &granted, &error_);
  EXPECT_EQ(granted, 0);
  const std::string about = describe(address);
  EXPECT_EQ(valueIn(about, "huge_pages_reason"), "");
  EXPECT_EQ(valueIn(about, "pinned_reason"), "");
  EXPECT_EQ(hicache_memory_free(address, nullptr), 1);
  EXPECT_EQ(hicache_memory_free(0, nullptr), 0);
}

TEST_F(CApiMemoryTest, shouldFillTheErrorWithoutMemory) {
  int32_t granted = -1;
  EXPECT_EQ(hicache_memory_allocate(0, 0, &granted, &error_), 0);
  EXPECT_EQ(error_.code, HICACHE_INVALID_ARGUMENT);
  EXPECT_EQ(hicache_memory_allocate(int64_t{1} << 60, 0, nullptr, &error_), 0);
  EXPECT_EQ(error_.code, HICACHE_IO);
  EXPECT_EQ(granted, -1);
}

}  // namespace
}  // namespace hicache
