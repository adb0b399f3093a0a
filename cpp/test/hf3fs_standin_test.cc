// SPDX-License-Identifier: Apache-2.0
// Our side of the contract with NIXL's plugin for 3FS, which no package ships. A stand-in at the seam of NixlApi plays it over
// the POSIX plugin: it reports reads that end early as successes, and every test looks at what it was given to register. This
// proves nothing about 3FS itself.
#include <gtest/gtest.h>

#include <algorithm>

#include "store_fixture.h"

namespace hicache {
namespace {

class Hf3fsStandInTest : public StoreFixture {
 protected:
  void SetUp() override {
    if (inSegments()) GTEST_SKIP() << "3FS is shared by hosts, so its pages are files";
    StoreFixture::SetUp();
    nixl_->present({{"HF3FS", {"POSIX"}}, {"POSIX", {"POSIX"}}});
  }
  StoreClient& open3fs(const SettingPairs& more = {}) {
    Settings settings;
    settings.add("storage_dir", memory_.path());
    settings.add("backend", "3FS");
    settings.add("layout", "files");
    settings.add("lanes", "1");
    for (const auto& [name, value] : more) settings.add(name, value);
    StoreClient& client = open(StoreConfig::parse(settings));
    before_ = nixl_->registeredHostRanges().size();
    return client;
  }
  // What was registered since the store is open.
  std::vector<Descriptor> registered() const {
    std::vector<Descriptor> all = nixl_->registeredHostRanges();
    return {all.begin() + static_cast<std::ptrdiff_t>(before_), all.end()};
  }
  static bool overlaps(const Descriptor& range, const PageMemory& memory) {
    const auto begin = reinterpret_cast<uint64_t>(memory.data());
    return range.address < begin + memory.size() && begin < range.address + range.length;
  }

  size_t before_ = 0;
};

TEST_F(Hf3fsStandInTest, shouldRegisterWholePagesOfItsOwnMemoryOnly) {
  StoreClient& client = open3fs();
  const PageMemory pool(1 << 20);
  const int64_t id = client.store().registerMemory(reinterpret_cast<uint64_t>(pool.data()), static_cast<int64_t>(pool.size()));
  const PageMemory odd = PageMemory::random(3 * 4096 + 5, 1, 7);
  const std::vector<PageResult> stored =
      client.set({{"pool", pool.data(), 73728}, {"pool2", pool.data() + 73728, 4096}, {"odd", odd}});
  for (const PageResult& result : stored) EXPECT_TRUE(isOutcome(result, HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.getPage("odd", odd), HICACHE_HIT));
  const std::vector<Descriptor> ranges = registered();
  EXPECT_FALSE(ranges.empty());
  for (const Descriptor& range : ranges) {
    EXPECT_EQ(range.address % 4096, 0u);
    EXPECT_EQ(range.length % 4096, 0u);
    EXPECT_FALSE(overlaps(range, pool)) << "it remaps what it is given";
    EXPECT_FALSE(overlaps(range, odd));
  }
  EXPECT_TRUE(client.store().deregisterMemory(id, std::chrono::seconds(10)));
}

TEST_F(Hf3fsStandInTest, shouldTakeItsOwnParametersAndNoOthers) {
  StoreClient& client =
      open3fs({{"plugin.mount_point", "/mnt/3fs"}, {"plugin.mem_config", "dram"}, {"plugin.iopool_size", "64"}});
  EXPECT_EQ(client.described("backend"), "3FS");
  EXPECT_EQ(client.described("nixl_plugin"), "HF3FS");
  EXPECT_ERROR(open3fs({{"plugin.use_uring", "true"}}), HICACHE_INVALID_ARGUMENT, "plugin.use_uring: no parameter of 3FS");
}

// What the plugin reports as a success.
TEST_F(Hf3fsStandInTest, shouldFindReadsThatEndEarly) {
  for (const std::string verify : {"true", "false"}) {
    for (const size_t length : {size_t{1}, size_t{40}, size_t{4096}, size_t{73728}, size_t{100001}}) {
      const std::string key = "key" + std::to_string(length) + verify;
      StoreClient& client = open3fs({{"checksum", verify}});
      const PageMemory page = PageMemory::random(length, length);
      ASSERT_TRUE(isOutcome(client.setPage(key, page), HICACHE_STORED));
      for (const auto lie : {FaultyNixl::Lie::kMovesNothing, FaultyNixl::Lie::kMovesHalf}) {
        const PageMemory target = PageMemory::random(length, 99);
        nixl_->lie(lie);
        const PageResult found = client.getPage(key, target);
        nixl_->lie(FaultyNixl::Lie::kNone);
        if (found.outcome == HICACHE_HIT) {
          EXPECT_EQ(target, page) << key;
        } else {
          EXPECT_TRUE(verify == "true") << key << ": without a checksum it is read again";
        }
      }
      EXPECT_TRUE(close(client));
    }
  }
}

TEST_F(Hf3fsStandInTest, shouldTakeAPageForWhatItIsWhenItsEndIsRight) {
  StoreClient& client = open3fs({{"checksum", "false"}});
  const PageMemory page(4096);
  std::memset(page.data(), 0xA5, page.size());  // as the mark of an end that was not read
  const PageMemory target = PageMemory::random(4096, 1);
  ASSERT_TRUE(isOutcome(client.setPage("key", page), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_HIT));
  EXPECT_EQ(target, page);
}

TEST_F(Hf3fsStandInTest, shouldPassPagesOfDevicesThroughMemoryThatIsNotRemapped) {
  cuda_ = std::make_shared<FakeCuda>(1);
  StoreClient& client = open3fs();
  const PageMemory page = PageMemory::random(73728, 5);
  uint64_t device = 0;
  ASSERT_EQ(cuda_->allocate(0, page.size(), &device), "");
  cuda_->fill(device, page.data(), page.size());
  EXPECT_TRUE(isOutcome(client.set({{"key", reinterpret_cast<void*>(device), 73728}})[0], HICACHE_STORED));
  const std::map<uint64_t, size_t> pinned = cuda_->pinned;
  EXPECT_FALSE(pinned.empty());
  for (const Descriptor& range : registered()) {
    for (const auto& [address, length] : pinned) {
      EXPECT_FALSE(range.address < address + length && address < range.address + range.length);
    }
  }
  EXPECT_EQ(cuda_->release(0, device), "");
}

}  // namespace
}  // namespace hicache
