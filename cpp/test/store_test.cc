// SPDX-License-Identifier: Apache-2.0
//
// What a store promises, over real NIXL and each queue of its POSIX plugin.
#include "store.h"

#include <filesystem>

#include "store_fixture.h"

namespace hicache {
namespace {

class StoreTest : public QueueFixture {};

TEST_P(StoreTest, shouldReturnExactlyWhatWasSet) {
  StoreClient& client = openQueue(memory_.path());
  if (!inObjects()) {
    EXPECT_EQ(client.described("queue"), GetParam());
  }
  const PageMemory page = PageMemory::random(72 * 1024, testSeed());
  const PageMemory target(page.size());
  EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.findPage("key"), HICACHE_MISS));
  const PageResult stored = client.setPage("key", page);
  EXPECT_TRUE(isOutcome(stored, HICACHE_STORED));
  EXPECT_EQ(stored.length, 72 * 1024);
  const PageResult found = client.findPage("key");
  EXPECT_TRUE(isOutcome(found, HICACHE_HIT));
  EXPECT_EQ(found.length, 72 * 1024);
  const PageResult hit = client.getPage("key", target);
  EXPECT_TRUE(isOutcome(hit, HICACHE_HIT));
  EXPECT_EQ(hit.length, 72 * 1024);
  EXPECT_EQ(target, page);
  if (inObjects()) return;  // they cannot be removed
  EXPECT_TRUE(isOutcome(client.removePage("key"), HICACHE_REMOVED));
  EXPECT_TRUE(isOutcome(client.removePage("key"), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_MISS));
}

// 300 pages of every awkward length, on disk with direct I/O where the machine has it, from addresses that it does not like.
TEST_P(StoreTest, shouldMoveABatchOfPagesOfAllLengthsFromAnyAddress) {
  const std::vector<size_t> lengths = {0, 1, 511, 4095, 4096, 4097, 72 * 1024};
  for (const std::string& directory : {disk_.path(), memory_.path()}) {
    StoreClient& client = openQueue(directory);
    std::mt19937_64 random = seeded();
    std::vector<PageMemory> pages;
    std::vector<PageMemory> targets;
    std::vector<PageArgument> set;
    std::vector<PageArgument> get;
    for (size_t i = 0; i < 300; ++i) {
      size_t length = i == 100 ? (8 << 20) : i == 200 ? (8 << 20) + 4097 : lengths[random() % lengths.size()];
      pages.push_back(PageMemory::random(length, random(), random() % 3 == 0 ? 0 : random() % 4096));
      targets.emplace_back(length, random() % 3 == 0 ? 0 : random() % 4096);
    }
    for (size_t i = 0; i < pages.size(); ++i) {
      set.emplace_back("page-" + std::to_string(i), pages[i]);
      get.emplace_back("page-" + std::to_string(i), targets[i]);
    }
    for (const PageResult& result : client.set(set)) ASSERT_TRUE(isOutcome(result, HICACHE_STORED));
    const std::vector<PageResult> hits = client.get(get);
    const bool direct = !inObjects() && client.described("directory.0.direct_io") == "true";
    for (size_t i = 0; i < hits.size(); ++i) {
      ASSERT_TRUE(isOutcome(hits[i], HICACHE_HIT)) << i;
      ASSERT_EQ(targets[i], pages[i]) << "page " << i << " of " << pages[i].size() << " bytes";
      bool buffered = direct && (pages[i].size() % 4096 != 0 || pages[i].size() == 0);
      EXPECT_EQ(hits[i].flags & HICACHE_FLAG_BUFFERED, buffered ? HICACHE_FLAG_BUFFERED : 0) << pages[i].size();
      EXPECT_EQ(hits[i].flags & HICACHE_FLAG_UNVERIFIED, 0);
    }
    if (!inObjects()) {
      EXPECT_EQ(client.clear().length, 300);
    }
  }
}

TEST_P(StoreTest, shouldReplaceAPageByALongerOrShorterOne) {
  StoreClient& client = openQueue(disk_.path());
  for (size_t length : {8192u, 100u, 0u, 12288u, 1u}) {
    const PageMemory page = PageMemory::random(length, length);
    const PageMemory target(length);
    EXPECT_TRUE(isOutcome(client.setPage("key", page), HICACHE_STORED));
    EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_HIT));
    EXPECT_EQ(target, page);
    if (!inSegments() && !inObjects()) {
      EXPECT_EQ(fileSize(client.pathOf("key")), static_cast<int64_t>(length));
    }
  }
}

// One of each kind of bad entry among good ones.
TEST_P(StoreTest, shouldNotLetABadEntrySpoilItsNeighbours) {
  SKIP_IN_OBJECTS("damage is done to files here; ObjectsTest does it to objects");
  StoreClient& client = openQueue(memory_.path());
  const PageMemory page = PageMemory::random(5000, testSeed());
  const std::string damaged = client.pathOf("damaged");
  const std::string blocked = client.pathOf("blocked");
  ASSERT_TRUE(isOutcome(client.setPage("damaged", page), HICACHE_STORED));
  std::filesystem::resize_file(damaged, 4999);
  std::filesystem::create_directories(blocked + "/is a folder");
  auto batch = [&](const std::vector<PageMemory>& memory) {
    std::vector<PageArgument> entries;
    for (const char* key : {"good-0", "", "good-2", "blocked", "good-4"}) entries.emplace_back(key, memory[entries.size()]);
    entries.emplace_back("null", nullptr, 5);
    entries.emplace_back("negative", memory[6].data(), -1);
    entries.emplace_back(std::string(70000, 'k'), memory[7]);
    entries.emplace_back("good-8", memory[8]);
    return entries;
  };
  std::vector<PageMemory> pages;
  std::vector<PageMemory> targets;
  for (uint64_t i = 0; i < 10; ++i) {
    pages.push_back(PageMemory::random(5000, i));
    targets.emplace_back(5000);
  }
  const std::vector<PageResult> stored = client.set(batch(pages));
  std::vector<PageArgument> wanted = batch(targets);
  wanted.emplace_back("damaged", targets[9]);
  wanted.emplace_back("missing", targets[9]);
  const std::vector<PageResult> hits = client.get(wanted);
  for (size_t i : {0u, 2u, 4u, 8u}) {
    EXPECT_TRUE(isOutcome(stored[i], HICACHE_STORED)) << i;
    EXPECT_TRUE(isOutcome(hits[i], HICACHE_HIT)) << i;
    EXPECT_EQ(targets[i], pages[i]);
  }
  for (const std::vector<PageResult>& results : {stored, hits}) {
    EXPECT_TRUE(isFailure(results[1], HICACHE_INVALID_ARGUMENT, "key: empty"));
    EXPECT_TRUE(isFailure(results[3], HICACHE_IO, "blocked"));
    EXPECT_TRUE(isFailure(results[5], HICACHE_INVALID_ARGUMENT, "'null': its address is null"));
    EXPECT_TRUE(isFailure(results[6], HICACHE_INVALID_ARGUMENT, "'negative': its length is -1"));
    EXPECT_TRUE(isFailure(results[7], HICACHE_INVALID_ARGUMENT, "70000 bytes"));
  }
  EXPECT_TRUE(isFailure(hits[9], HICACHE_CORRUPT, "has 4999 bytes, was stored with 5000"));
  EXPECT_TRUE(isOutcome(hits[10], HICACHE_MISS));
}

TEST_P(StoreTest, shouldStoreTheLastOfSeveralEntriesWithOneKey) {
  StoreClient& client = openQueue(memory_.path());
  std::vector<PageMemory> pages;
  for (uint64_t i = 0; i < 5; ++i) pages.push_back(PageMemory::random(4096 + i, i));
  const std::vector<PageResult> stored =
      client.set({{"twice", pages[0]}, {"once", pages[1]}, {"twice", pages[2]}, {"twice", pages[3]}, {"twice", nullptr, 7}});
  EXPECT_TRUE(isOutcome(stored[0], HICACHE_SKIPPED));
  EXPECT_TRUE(isOutcome(stored[1], HICACHE_STORED));
  EXPECT_TRUE(isOutcome(stored[2], HICACHE_SKIPPED));
  EXPECT_TRUE(isOutcome(stored[3], HICACHE_STORED));
  EXPECT_TRUE(isFailure(stored[4], HICACHE_INVALID_ARGUMENT)) << "a bad entry supersedes nothing";
  // A get may name a key as often as it likes.
  const PageMemory first(pages[3].size());
  const PageMemory second(pages[3].size());
  for (const PageResult& hit : client.get({{"twice", first}, {"twice", second}})) EXPECT_TRUE(isOutcome(hit, HICACHE_HIT));
  EXPECT_EQ(first, pages[3]);
  EXPECT_EQ(second, pages[3]);
}

TEST_P(StoreTest, shouldRefuseATargetOfAnotherLengthOrDtype) {
  StoreClient& client = openQueue(memory_.path());
  const PageMemory page = PageMemory::random(4096, 1);
  PageArgument typed("key", page);
  typed.dtype = 15;
  typed.dims = {2, 1024};
  ASSERT_TRUE(isOutcome(client.set({typed})[0], HICACHE_STORED));
  const PageMemory longer(4097);
  const PageMemory shorter(1);
  const PageMemory target(4096);
  EXPECT_TRUE(isFailure(client.getPage("key", longer), HICACHE_INVALID_ARGUMENT, "has 4096 bytes, its target 4097"));
  EXPECT_TRUE(isFailure(client.getPage("key", shorter), HICACHE_INVALID_ARGUMENT, "its target 1"));
  PageArgument other("key", target);
  other.dtype = 6;
  EXPECT_TRUE(isFailure(client.get({other})[0], HICACHE_INVALID_ARGUMENT, "stored with dtype 15, its target has 6"));
  EXPECT_EQ(target, PageMemory(4096)) << "a refused target is not written";
  EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_HIT)) << "a target of unknown dtype takes any";
  other.dtype = 15;
  EXPECT_TRUE(isOutcome(client.get({other})[0], HICACHE_HIT));
  // exists knows the length as well.
  EXPECT_TRUE(isOutcome(client.exists({"key"}, {4096})[0], HICACHE_HIT));
  EXPECT_TRUE(isOutcome(client.exists({"key"}, {4095})[0], HICACHE_MISS));
}

TEST_P(StoreTest, shouldSettleAnEmptyBatchAndOneOfBadEntriesOnly) {
  StoreClient& client = openQueue(memory_.path());
  EXPECT_TRUE(client.set(std::vector<PageArgument>()).empty());
  EXPECT_TRUE(client.get(std::vector<PageArgument>()).empty());
  EXPECT_TRUE(client.exists({}).empty());
  EXPECT_TRUE(isFailure(client.set({{"a", nullptr, 1}})[0], HICACHE_INVALID_ARGUMENT));
}

TEST_P(StoreTest, shouldKeepItsPagesWhenItIsClosedAndOpenedAgain) {
  const PageMemory page = PageMemory::random(100000, testSeed());
  {
    StoreClient& client = openQueue(disk_.path());
    ASSERT_TRUE(isOutcome(client.setPage("key", page), HICACHE_STORED));
    EXPECT_TRUE(close(client));
  }
  const PageMemory target(page.size());
  EXPECT_TRUE(isOutcome(openQueue(disk_.path()).getPage("key", target), HICACHE_HIT));
  EXPECT_EQ(target, page);
}

INSTANTIATE_FOR_QUEUES(StoreTest);

}  // namespace
}  // namespace hicache
