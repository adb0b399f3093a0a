// SPDX-License-Identifier: Apache-2.0
//
// Pages of several blocks, components, pages that are stored already, and memory that stays registered.
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "checksum.h"
#include "seeded.h"
#include "store_fixture.h"

namespace hicache {
namespace {

constexpr size_t kBlock = 8192;

class PageBlocksTest : public QueueFixture {
 protected:
  // A call of a page of several blocks, beside what StoreClient offers.
  PageResult run(StoreClient& client, Operation operation, const std::string& name, int32_t component,
                 std::vector<Block> blocks, bool skip_existing = false) {
    std::vector<int64_t> addresses;
    std::vector<int64_t> lengths;
    for (const Block& block : blocks) {
      addresses.push_back(static_cast<int64_t>(block.address));
      lengths.push_back(block.length);
    }
    int32_t key_length = static_cast<int32_t>(name.size());
    int32_t count = static_cast<int32_t>(blocks.size());
    BatchRequest request{operation, 1, reinterpret_cast<const int8_t*>(name.data()), &key_length, &component, 30000};
    request.block_counts = &count;
    request.addresses = addresses.data();
    request.lengths = lengths.data();
    request.skip_existing = skip_existing;
    int64_t batch = client.store().submit(request);
    EXPECT_TRUE(client.waitFor(batch, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED));
    PageResult result = client.resultsOf(batch)[0];
    client.forget(batch);
    return result;
  }

  static Block blockAt(const PageMemory& memory, size_t offset, size_t length) {
    return {reinterpret_cast<uint64_t>(memory.data()) + offset, static_cast<int64_t>(length)};
  }

  // Every other block of a memory, from the last to the first.
  static std::vector<Block> scattered(const PageMemory& memory, size_t length = kBlock) {
    std::vector<Block> blocks;
    for (size_t at = memory.size() / kBlock; at-- > 0;) {
      if (at % 2 == 0) blocks.push_back(blockAt(memory, at * kBlock, length));
    }
    return blocks;
  }

  static std::string bytesOf(const std::vector<Block>& blocks) {
    std::string bytes(static_cast<size_t>(lengthOf(blocks)), '\0');
    gather(blocks, bytes.data());
    return bytes;
  }
};
INSTANTIATE_FOR_QUEUES(PageBlocksTest);

TEST_P(PageBlocksTest, shouldStoreTheBlocksOfAPageOneAfterTheOtherAndReadThemBack) {
  for (const std::string& directory : {disk_.path(), memory_.path()}) {
    StoreClient& client = openQueue(directory);
    // 8192: also through direct I/O; 5000: each block would be unaligned.
    for (size_t length : {kBlock, size_t{5000}, size_t{1}, size_t{0}}) {
      const PageMemory source = PageMemory::random(16 * kBlock, 1);
      const PageMemory target = PageMemory::random(16 * kBlock, 2);
      const PageMemory untouched = PageMemory::random(16 * kBlock, 2);
      const std::string key = "page" + std::to_string(length);
      EXPECT_TRUE(isOutcome(run(client, Operation::kSet, key, 0, scattered(source, length)), HICACHE_STORED));
      if (!inSegments() && !inObjects()) {
        EXPECT_EQ(readFile(client.pathOf(key)), bytesOf(scattered(source, length)));
      }
      PageResult result = run(client, Operation::kGet, key, 0, scattered(target, length));
      EXPECT_TRUE(isOutcome(result, HICACHE_HIT));
      EXPECT_EQ(result.length, static_cast<int64_t>(8 * length));
      EXPECT_EQ(bytesOf(scattered(target, length)), bytesOf(scattered(source, length)));
      for (size_t at = kBlock; at < target.size(); at += 2 * kBlock) {
        EXPECT_EQ(std::memcmp(target.data() + at, untouched.data() + at, kBlock), 0) << "between the blocks";
      }
      if (length == 0) continue;
      // The same page in one block, and in blocks of other lengths.
      const PageMemory whole = PageMemory::random(8 * length, 3);
      EXPECT_TRUE(isOutcome(client.getPage(key, whole), HICACHE_HIT));
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(whole.data()), whole.size()), bytesOf(scattered(source, length)));
      const PageMemory other = PageMemory::random(8 * length, 4);
      size_t first = length / 2;
      EXPECT_TRUE(
          isOutcome(run(client, Operation::kGet, key, 0,
                        {blockAt(other, 0, first), blockAt(other, first, 0), blockAt(other, first, 8 * length - first)}),
                    HICACHE_HIT));
      EXPECT_EQ(other, whole);
    }
  }
}

TEST_P(PageBlocksTest, shouldMoveAPageOfMoreBlocksThanNixlHasSlotsFor) {
  SKIP_IN_OBJECTS("ios_pool_size is of the POSIX plugin");
  if (GetParam() == "posix_aio") GTEST_SKIP() << "has no slots";
  StoreClient& client = openQueue(disk_.path(), {{"plugin.ios_pool_size", "64"}, {"chunk_pages", "8"}});
  const PageMemory source = PageMemory::random(4096 * 2 * 300, 1);
  std::vector<Block> blocks;
  for (size_t at = 0; at < source.size(); at += 8192) blocks.push_back(blockAt(source, at, 4096));
  EXPECT_TRUE(isOutcome(run(client, Operation::kSet, "many", 0, blocks), HICACHE_STORED));
  const PageMemory target = PageMemory::random(4096 * 300, 2);
  EXPECT_TRUE(isOutcome(client.getPage("many", target), HICACHE_HIT));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(target.data()), target.size()), bytesOf(blocks));
}

TEST_P(PageBlocksTest, shouldKeepTheComponentsOfAKeyApart) {
  StoreClient& client = openQueue(disk_.path(), {{"model", "m"}});
  const PageMemory k = PageMemory::random(kBlock, 1);
  const PageMemory v = PageMemory::random(kBlock, 2);
  EXPECT_TRUE(isOutcome(run(client, Operation::kSet, "key_k", 2, {blockAt(k, 0, kBlock)}), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(run(client, Operation::kSet, "key_v", 2, {blockAt(v, 0, kBlock)}), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.findPage("key"), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.findPage("key_k"), HICACHE_MISS)) << "a key that ends like a component";
  const PageMemory target = PageMemory::random(kBlock, 3);
  EXPECT_TRUE(isOutcome(run(client, Operation::kGet, "key_v", 2, {blockAt(target, 0, kBlock)}), HICACHE_HIT));
  EXPECT_EQ(target, v);
  EXPECT_TRUE(isFailure(run(client, Operation::kGet, "key_x", 2, {blockAt(target, 0, kBlock)}), HICACHE_INVALID_ARGUMENT,
                        "component: '_x'"));
  if (inObjects()) return;  // they cannot be removed
  EXPECT_EQ(client.clear().length, 2) << "both are this model's";
}

TEST_P(PageBlocksTest, shouldSkipOnlyAPageWhoseVeryBytesAreStored) {
  SKIP_IN_OBJECTS("the seal is an attribute of a file here");
  StoreClient& client = openQueue(disk_.path());
  const PageMemory page = PageMemory::random(kBlock, 1);
  const PageMemory other = PageMemory::random(kBlock, 2);
  const std::vector<Block> halves = {blockAt(page, 0, 100), blockAt(page, 100, kBlock - 100)};
  EXPECT_TRUE(isOutcome(run(client, Operation::kSet, "key", 0, halves, true), HICACHE_STORED));
  PageResult again = run(client, Operation::kSet, "key", 0, {blockAt(page, 0, kBlock)}, true);
  EXPECT_TRUE(isOutcome(again, HICACHE_SKIPPED));
  EXPECT_EQ(again.length, static_cast<int64_t>(kBlock));
  EXPECT_TRUE(isOutcome(run(client, Operation::kSet, "key", 0, {blockAt(page, 0, kBlock)}, false), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(run(client, Operation::kSet, "key", 0, {blockAt(other, 0, kBlock)}, true), HICACHE_STORED));
  const PageMemory target = PageMemory::random(kBlock, 3);
  EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_HIT));
  EXPECT_EQ(target, other);
  if (inSegments()) return;
  // Without its seal nobody can tell what the file holds.
  ASSERT_EQ(::removexattr(client.pathOf("key").c_str(), PageSeal::kAttribute), 0);
  EXPECT_TRUE(isOutcome(run(client, Operation::kSet, "key", 0, {blockAt(other, 0, kBlock)}, true), HICACHE_STORED));
  // A page cut short is stored anew.
  ASSERT_EQ(::truncate(client.pathOf("key").c_str(), 100), 0);
  EXPECT_TRUE(isOutcome(run(client, Operation::kSet, "key", 0, {blockAt(other, 0, kBlock)}, true), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_HIT));
}

TEST_P(PageBlocksTest, shouldRegisterAPoolOnceForEachLaneAndNothingForItsTransfers) {
  StoreClient& client = openQueue(disk_.path(), {{"lanes", "2"}, {"chunk_pages", "1"}});
  const PageMemory pool = PageMemory::random(64 * kBlock, 1);
  int64_t id = client.store().registerMemory(reinterpret_cast<uint64_t>(pool.data()), static_cast<int64_t>(pool.size()));
  std::vector<PageArgument> pages;
  for (size_t i = 0; i < 64; ++i) pages.emplace_back("p" + std::to_string(i), pool.data() + i * kBlock, kBlock);
  for (int round = 0; round < 3; ++round) {
    for (const PageResult& result : client.set(pages)) EXPECT_TRUE(isOutcome(result, HICACHE_STORED));
    for (const PageResult& result : client.get(pages)) EXPECT_TRUE(isOutcome(result, HICACHE_HIT));
  }
  uint64_t begin = reinterpret_cast<uint64_t>(pool.data());
  size_t whole = 0;
  for (const Descriptor& range : nixl_->registeredHostRanges()) {
    bool inside = range.address >= begin && range.address < begin + pool.size();
    if (inside) {
      EXPECT_EQ(range.length, pool.size()) << "a transfer registered its part";
    }
    whole += inside ? 1 : 0;
  }
  EXPECT_GE(whole, 1u);
  EXPECT_LE(whole, 2u) << "one for each lane";
  const PageMemory elsewhere = PageMemory::random(kBlock, 2);
  EXPECT_TRUE(isOutcome(client.setPage("elsewhere", elsewhere), HICACHE_STORED));
  EXPECT_TRUE(client.store().deregisterMemory(id, std::chrono::seconds(30)));
  if (!inSegments()) {
    EXPECT_EQ(nixl_->liveRegistrations(), 0);
  }
  EXPECT_TRUE(client.store().deregisterMemory(id, std::chrono::seconds(30))) << "unknown by now";
  for (const PageResult& result : client.get(pages)) EXPECT_TRUE(isOutcome(result, HICACHE_HIT));
  EXPECT_ERROR(client.store().registerMemory(0, 10), HICACHE_INVALID_ARGUMENT, "10 bytes at address 0");
}

TEST_P(PageBlocksTest, shouldFindItsPagesAgainWhenSomebodyRemovesABucketAndMakesItAnew) {
  SKIP_IN_OBJECTS("there are no directories");
  StoreClient& client = openQueue(disk_.path());
  StoreClient& beside = openQueue(disk_.path());
  const PageMemory page = PageMemory::random(kBlock, 1);
  const PageMemory target = PageMemory::random(kBlock, 2);
  EXPECT_TRUE(isOutcome(client.setPage("key", page), HICACHE_STORED));
  std::filesystem::remove_all(std::filesystem::path(client.pathOf("key")).parent_path());
  EXPECT_TRUE(isOutcome(client.findPage("key"), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(beside.setPage("key", page), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.findPage("key"), HICACHE_HIT));
  EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_HIT));
  EXPECT_EQ(target, page);
  std::filesystem::remove_all(std::filesystem::path(client.pathOf("key")).parent_path());
  EXPECT_TRUE(isOutcome(client.setPage("key", page), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(beside.removePage("key"), HICACHE_REMOVED));
}

TEST(ChecksumTest, shouldNotDependOnHowAPageIsCutIntoBlocks) {
  std::mt19937_64 random = seeded();
  const PageMemory page = PageMemory::random(100000, 1);
  uint64_t address = reinterpret_cast<uint64_t>(page.data());
  const uint64_t expected = checksum(page.data(), page.size());
  for (int round = 0; round < 50; ++round) {
    std::vector<Block> blocks;
    for (size_t at = 0; at < page.size();) {
      size_t length = std::min<size_t>(page.size() - at, random() % 3000);
      blocks.push_back({address + at, static_cast<int64_t>(length)});
      at += length;
    }
    EXPECT_EQ(checksum(blocks), expected);
  }
}

}  // namespace
}  // namespace hicache
