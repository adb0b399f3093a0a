// SPDX-License-Identifier: Apache-2.0
//
// Host memory: aligned, zeroed, truthful about huge pages and pinning, and never freed twice.
#include "host_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "error.h"
#include "fake_cuda.h"
#include "fake_memory.h"
#include "seeded.h"

namespace hicache {
namespace {

constexpr int32_t kHuge = HICACHE_MEMORY_HUGE_PAGES;
constexpr int32_t kPinned = HICACHE_MEMORY_PINNED;
constexpr size_t kHugePage = HostMemory::kHugePageSize;

char* bytesAt(uint64_t address) { return reinterpret_cast<char*>(address); }

bool isZero(uint64_t address, size_t length) {
  const std::vector<char> zeros(length);
  return std::memcmp(bytesAt(address), zeros.data(), length) == 0;
}

// Whether the kernel can read a byte there, without touching it here.
bool isReadable(uint64_t address) {
  int ends[2];
  if (::pipe(ends) != 0) return false;
  const bool readable = ::write(ends[1], bytesAt(address), 1) == 1;
  ::close(ends[0]);
  ::close(ends[1]);
  return readable;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Error errorOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(HICACHE_INTERNAL, "");
}

class HostMemoryTest : public ::testing::Test {
 protected:
  ~HostMemoryTest() override { EXPECT_TRUE(calls_->mapped.empty()) << calls_->mapped.size() << " mappings are left"; }

  const std::shared_ptr<FakeMemory> calls_ = std::make_shared<FakeMemory>();
  const std::shared_ptr<FakeCuda> cuda_ = std::make_shared<FakeCuda>(1);
};

TEST_F(HostMemoryTest, shouldGiveZeroedPagesOnABoundary) {
  for (const auto& [flags, alignment] : {std::pair<int32_t, size_t>{0, 4096}, {kHuge, kHugePage}}) {
    for (size_t length : {size_t{1}, size_t{4095}, size_t{4096}, kHugePage, kHugePage + 1}) {
      HostMemory memory(realMemoryCalls(), cuda_);
      const HostRegion region = memory.allocate(static_cast<int64_t>(length), flags);
      EXPECT_EQ(region.address % alignment, 0u);
      EXPECT_EQ(region.length, length);
      EXPECT_TRUE(isZero(region.address, length));
      fillRandom(bytesAt(region.address), length, 1);
      memory.free(region.address);
      EXPECT_FALSE(isReadable(region.address));
    }
  }
}

TEST_F(HostMemoryTest, shouldTellTheTruthOfHugePagesOnThisMachine) {
  HostMemory memory(realMemoryCalls(), cuda_);
  const HostRegion region = memory.allocate(8 * kHugePage, kHuge);
  if (region.granted == kHuge) {
    EXPECT_EQ(region.huge_pages_reason, "");
  } else {
    EXPECT_EQ(region.granted, 0);
    EXPECT_NE(region.huge_pages_reason, "");
  }
  RecordProperty("huge_pages", region.granted == kHuge ? "granted" : region.huge_pages_reason);
  const size_t huge = realMemoryCalls()->hugeBytes(region.address);  // 0 for reserved ones
  EXPECT_TRUE(huge == 0 || (huge == 8 * kHugePage) == (region.granted == kHuge)) << huge;
  EXPECT_TRUE(isZero(region.address, 8 * kHugePage));
  memory.free(region.address);
}

TEST_F(HostMemoryTest, shouldStandBetweenGuards) {
  HostMemory memory(realMemoryCalls(), cuda_);
  const HostRegion plain = memory.allocate(3 * 4096, 0);
  EXPECT_TRUE(isReadable(plain.address));
  EXPECT_TRUE(isReadable(plain.address + 3 * 4096 - 1));
  EXPECT_FALSE(isReadable(plain.address - 1));
  EXPECT_FALSE(isReadable(plain.address + 3 * 4096));
}

TEST_F(HostMemoryTest, shouldPreferReservedHugePages) {
  calls_->reserved_huge = 0;
  HostMemory memory(calls_, cuda_);
  const HostRegion region = memory.allocate(kHugePage + 1, kHuge);
  EXPECT_EQ(region.granted, kHuge);
  EXPECT_EQ(region.huge_pages_reason, "");
  EXPECT_EQ(calls_->mapped, (std::map<uint64_t, size_t>{{region.address, 2 * kHugePage}}));
  memory.free(region.address);
}

TEST_F(HostMemoryTest, shouldNotTakeReservedHugePagesThatCannotBeFilled) {
  calls_->reserved_huge = 0;
  calls_->populate = -EFAULT;
  HostMemory memory(calls_, cuda_);
  const HostRegion region = memory.allocate(kHugePage, kHuge);
  EXPECT_EQ(region.granted, 0);
  EXPECT_TRUE(contains(region.huge_pages_reason, "Bad address")) << region.huge_pages_reason;
  EXPECT_EQ(calls_->mapped.size(), 1u);
  EXPECT_TRUE(isZero(region.address, kHugePage));
}

TEST_F(HostMemoryTest, shouldTakeTransparentHugePagesNext) {
  calls_->transparent_huge = 0;
  calls_->all_huge = true;
  HostMemory memory(calls_, cuda_);
  const HostRegion region = memory.allocate(3 * kHugePage, kHuge);
  EXPECT_EQ(region.granted, kHuge);
  EXPECT_EQ(region.huge_pages_reason, "");
}

TEST_F(HostMemoryTest, shouldSayWhyThereAreNoHugePages) {
  HostMemory memory(calls_, cuda_);
  const HostRegion none = memory.allocate(kHugePage, kHuge);
  EXPECT_EQ(none.granted, 0);
  EXPECT_TRUE(contains(none.huge_pages_reason, "vm.nr_hugepages")) << none.huge_pages_reason;
  EXPECT_TRUE(contains(none.huge_pages_reason, "no transparent ones: Invalid argument")) << none.huge_pages_reason;
  calls_->transparent_huge = 0;
  const HostRegion half = memory.allocate(2 * kHugePage, kHuge);
  EXPECT_EQ(half.granted, 0);
  EXPECT_TRUE(contains(half.huge_pages_reason, "2097152 of 4194304 bytes")) << half.huge_pages_reason;
  calls_->populate = -EINVAL;
  const HostRegion unfilled = memory.allocate(kHugePage, kHuge);
  EXPECT_EQ(unfilled.granted, 0);
  EXPECT_TRUE(contains(unfilled.huge_pages_reason, "filled at once")) << unfilled.huge_pages_reason;
  for (const HostRegion& region : {none, half, unfilled}) {
    EXPECT_EQ(region.address % kHugePage, 0u);
    EXPECT_TRUE(isZero(region.address, region.length));
    memory.free(region.address);
  }
  EXPECT_EQ(memory.allocate(kHugePage, 0).huge_pages_reason, "") << "nobody asked for huge pages";
}

TEST_F(HostMemoryTest, shouldPinWholePagesUntilItIsFreed) {
  HostMemory memory(calls_, cuda_);
  const HostRegion region = memory.allocate(4097, kPinned);
  EXPECT_EQ(region.granted, kPinned);
  EXPECT_EQ(region.pinned_reason, "");
  EXPECT_EQ(cuda_->pinned, (std::map<uint64_t, size_t>{{region.address, 8192}}));
  memory.free(region.address);
  EXPECT_TRUE(cuda_->pinned.empty());
}

TEST_F(HostMemoryTest, shouldSayWhyItIsNotPinned) {
  HostMemory without(calls_, std::make_shared<FakeCuda>(0));
  const HostRegion plain = without.allocate(4096, kPinned);
  EXPECT_EQ(plain.granted, 0);
  EXPECT_EQ(plain.pinned_reason, "no CUDA device: the fake has no device");
  cuda_->failure = "out of memory";
  HostMemory memory(calls_, cuda_);
  const HostRegion denied = memory.allocate(4096, kPinned);
  EXPECT_EQ(denied.granted, 0);
  EXPECT_EQ(denied.pinned_reason, "out of memory");
  memory.free(denied.address);
}

TEST_F(HostMemoryTest, shouldKeepWhatCudaDoesNotLetGoOf) {
  HostMemory memory(calls_, cuda_);
  const HostRegion region = memory.allocate(4096, kPinned);
  cuda_->failure = "the context is gone";
  const Error error = errorOf([&] { memory.free(region.address); });
  EXPECT_EQ(error.code(), HICACHE_INTERNAL);
  EXPECT_TRUE(contains(error.what(), "the context is gone")) << error.what();
  EXPECT_TRUE(isReadable(region.address));
  EXPECT_EQ(memory.find(region.address).granted, kPinned);
  cuda_->failure.clear();
  memory.free(region.address);
  EXPECT_FALSE(isReadable(region.address));
}

TEST_F(HostMemoryTest, shouldTouchNothingForAnAddressThatIsNotItsOwn) {
  HostMemory memory(calls_, cuda_);
  const HostRegion region = memory.allocate(2 * 4096, 0);
  fillRandom(bytesAt(region.address), region.length, 2);
  const std::vector<char> before(bytesAt(region.address), bytesAt(region.address) + region.length);
  int elsewhere = 7;
  for (uint64_t address :
       {uint64_t{0}, ~uint64_t{0}, region.address + 4096, region.address - 4096, reinterpret_cast<uint64_t>(&elsewhere)}) {
    const Error error = errorOf([&] { memory.free(address); });
    EXPECT_EQ(error.code(), HICACHE_INVALID_ARGUMENT);
    EXPECT_TRUE(contains(error.what(), "nothing was allocated at this address")) << error.what();
    EXPECT_EQ(memory.find(address).address, 0u);
  }
  EXPECT_EQ(std::memcmp(bytesAt(region.address), before.data(), before.size()), 0);
  EXPECT_EQ(elsewhere, 7);
  memory.free(region.address);
  EXPECT_EQ(errorOf([&] { memory.free(region.address); }).code(), HICACHE_INVALID_ARGUMENT);
}

TEST_F(HostMemoryTest, shouldRefuseBadArguments) {
  HostMemory memory(calls_, cuda_);
  for (int64_t length : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX}) {
    EXPECT_EQ(errorOf([&] { memory.allocate(length, 0); }).code(), HICACHE_INVALID_ARGUMENT) << length;
  }
  for (int32_t flags : {4, -1, 1 << 30}) {
    EXPECT_EQ(errorOf([&] { memory.allocate(4096, flags); }).code(), HICACHE_INVALID_ARGUMENT) << flags;
  }
  EXPECT_EQ(calls_->calls, 0);
}

TEST_F(HostMemoryTest, shouldSayThatThereIsNoSuchMemory) {
  HostMemory memory(realMemoryCalls(), cuda_);
  for (int32_t flags : {0, kHuge, kHuge | kPinned}) {
    const Error error = errorOf([&] { memory.allocate(int64_t{1} << 60, flags); });
    EXPECT_EQ(error.code(), HICACHE_IO);
    EXPECT_EQ(error.errorNumber(), ENOMEM);
    EXPECT_TRUE(contains(error.what(), "1152921504606846976 bytes of host memory")) << error.what();
  }
}

// Whichever call fails, the memory is usable or there is an error, and nothing stays mapped or pinned.
TEST_F(HostMemoryTest, shouldLeaveNothingBehindWhenAnyCallFails) {
  for (int reserved : {0, -ENOMEM}) {
    calls_->reserved_huge = reserved;
    calls_->transparent_huge = 0;
    bool passed = false;
    for (calls_->fail_at = 1; !passed; ++calls_->fail_at) {
      calls_->calls = 0;
      HostMemory memory(calls_, cuda_);
      try {
        const HostRegion region = memory.allocate(kHugePage, kHuge | kPinned);
        EXPECT_TRUE(isZero(region.address, kHugePage));
        EXPECT_EQ(region.granted & kPinned, kPinned);
        memory.free(region.address);
      } catch (const Error& error) {
        EXPECT_EQ(error.errorNumber(), ENOMEM) << error.what();
      }
      EXPECT_TRUE(calls_->mapped.empty());
      EXPECT_TRUE(cuda_->pinned.empty());
      passed = calls_->calls < calls_->fail_at;
    }
    calls_->fail_at = 0;
  }
}

TEST_F(HostMemoryTest, shouldServeManyThreads) {
  HostMemory memory(realMemoryCalls(), std::make_shared<FakeCuda>(0));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&memory, t] {
      for (int i = 0; i < 100; ++i) {
        const HostRegion region = memory.allocate(4096 * (1 + i % 3), 0);
        fillRandom(bytesAt(region.address), region.length, static_cast<uint64_t>(t * 100 + i));
        EXPECT_EQ(memory.find(region.address).length, region.length);
        memory.free(region.address);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace hicache
