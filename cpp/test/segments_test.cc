// SPDX-License-Identifier: Apache-2.0
//
// The layout segments: what it promises beyond what every layout does.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "child_process.h"
#include "layout_segments.h"
#include "numbered_page.h"
#include "page_listing.h"
#include "store_fixture.h"

namespace hicache {
namespace {

namespace fs = std::filesystem;

class SegmentsTest : public StoreFixture {
 protected:
  static constexpr size_t kPage = 8192;

  StoreClient& openSegments(const std::vector<std::string>& directories, SettingPairs more = {}) {
    more.insert(more.begin(), {"layout", "segments"});
    return open(storeConfig(directories, anyQueue(), more));
  }
  StoreClient& openSegments(const std::string& directory, const SettingPairs& more = {}) {
    return openSegments(std::vector<std::string>{directory}, more);
  }
  static const LayoutSegments& layoutOf(StoreClient& client) { return *client.store().parts().segments; }
  static std::optional<LayoutSegments::Found> foundIn(StoreClient& client, const std::string& key) {
    return layoutOf(client).find(key);
  }
  static std::string segmentOf(StoreClient& client, const std::string& key) { return pathOfPage(client.store().parts(), key); }
  static std::set<std::string> keysOf(StoreClient& client) {
    std::set<std::string> keys;
    std::unique_ptr<PageListing> listing = PageListing::of(client.store().parts());
    std::string key;
    hicache_page_info info = {};
    while (listing->next(&key, &info)) EXPECT_TRUE(keys.insert(key).second) << key << " is listed twice";
    return keys;
  }
  static void writeAt(const std::string& path, uint64_t offset, uint8_t value) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0) << path;
    EXPECT_EQ(::pwrite(fd, &value, 1, static_cast<off_t>(offset)), 1);
    ::close(fd);
  }
  void setUsed(StoreClient& client, const std::string& key, int64_t seconds_ago) {
    const std::optional<LayoutSegments::Found> found = foundIn(client, key);
    ASSERT_TRUE(found) << key;
    layoutOf(client).directory(found->place.directory).lastUse(found->page.slot) =
        static_cast<uint32_t>(::time(nullptr) - seconds_ago);
  }
  void fill(StoreClient& client, uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i) {
      ASSERT_TRUE(isOutcome(client.setPage("page-" + std::to_string(i), page_), HICACHE_STORED));
      setUsed(client, "page-" + std::to_string(i), 100000 - static_cast<int64_t>(i));
    }
  }
  static std::vector<uint64_t> present(StoreClient& client, uint64_t count) {
    std::vector<uint64_t> all;
    for (uint64_t i = 0; i < count; ++i) {
      if (client.findPage("page-" + std::to_string(i)).outcome == HICACHE_HIT) all.push_back(i);
    }
    return all;
  }

  const PageMemory page_ = PageMemory::random(kPage, testSeed());
};

TEST_F(SegmentsTest, shouldHaveThePagesAgainAfterItWasClosed) {
  std::vector<PageMemory> pages;
  std::vector<PageArgument> batch;
  for (uint64_t i = 0; i < 200; ++i) pages.push_back(PageMemory::random(i * 977 % 100000, testSeed() + i));
  for (uint64_t i = 0; i < 200; ++i) batch.emplace_back("page-" + std::to_string(i), pages[i]);
  batch[7].dims = {3, 5};
  batch[7].dtype = 15;
  const std::string digested = std::string(3000, 'k') + "/..";
  {
    StoreClient& client = openSegments({disk_ / "a", memory_ / "b"});
    for (const PageResult& result : client.set(batch)) ASSERT_TRUE(isOutcome(result, HICACHE_STORED));
    ASSERT_TRUE(isOutcome(client.setPage(digested, page_), HICACHE_STORED));
    EXPECT_TRUE(close(client));
  }
  StoreClient& again = openSegments({disk_ / "a", memory_ / "b"});
  EXPECT_EQ(again.described("layout"), "segments");
  for (uint64_t i = 0; i < 200; ++i) {
    const PageMemory target(pages[i].size());
    ASSERT_TRUE(isOutcome(again.getPage("page-" + std::to_string(i), target), HICACHE_HIT)) << i;
    ASSERT_EQ(target, pages[i]) << i;
  }
  hicache_page_info info = {};
  ASSERT_TRUE(findPage(again.store().parts(), PageName("page-7"), &info));
  EXPECT_EQ(info.length, static_cast<int64_t>(pages[7].size()));
  EXPECT_EQ(info.dtype, 15);
  EXPECT_EQ(info.rank, 2);
  EXPECT_EQ(info.dims[1], 5);
  const std::set<std::string> keys = keysOf(again);
  EXPECT_EQ(keys.size(), 201u);
  EXPECT_TRUE(keys.contains(digested));
  EXPECT_TRUE(isOutcome(again.clear(), HICACHE_REMOVED));
  EXPECT_EQ(keysOf(again), std::set<std::string>());
  EXPECT_EQ(again.describedNumber("usage_bytes"), 0);
}

TEST_F(SegmentsTest, shouldMoveNeighboursAsOneDescriptor) {
  StoreClient& client = openSegments(disk_.path(), {{"lanes", "1"}});
  const PageMemory many(32 * kPage);
  std::vector<PageArgument> batch;
  for (uint64_t i = 0; i < 32; ++i) {
    batch.emplace_back("page-" + std::to_string(i), many.data() + i * kPage, int64_t{kPage});
  }
  const size_t before = nixl_->requestedHostRanges().size();
  for (const PageResult& result : client.set(batch)) ASSERT_TRUE(isOutcome(result, HICACHE_STORED));
  EXPECT_EQ(nixl_->requestedHostRanges().size(), before + 1);
  EXPECT_EQ(nixl_->requestedHostRanges().back().length, 32 * kPage);
  for (const PageResult& result : client.get(batch)) ASSERT_TRUE(isOutcome(result, HICACHE_HIT));
  EXPECT_EQ(nixl_->requestedHostRanges().size(), before + 2);
}

TEST_F(SegmentsTest, shouldUseFreedSlotsAgain) {
  StoreClient& client = openSegments(disk_.path(), {{"segment_bytes", "1048576"}, {"lanes", "1"}});
  for (int round = 0; round < 2000; ++round) {
    ASSERT_TRUE(isOutcome(client.setPage("page-" + std::to_string(round % 3), page_), HICACHE_STORED));
    if (round % 5 == 0) client.removePage("page-" + std::to_string(round % 3));
  }
  EXPECT_LE(layoutOf(client).directory(0).segmentCount(), 2u);
  EXPECT_LE(client.describedNumber("usage_bytes"), 3 * int64_t{kPage});
}

TEST_F(SegmentsTest, shouldTellModelsApartWhoseNamesAreSpelledAlike) {
  StoreClient& one = openSegments(disk_.path(), {{"model", "m"}});
  StoreClient& other = openSegments(disk_.path(), {{"model", "x_m"}});
  const PageMemory target(kPage);
  ASSERT_TRUE(isOutcome(one.setPage("a_x", page_), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(other.getPage("a", target), HICACHE_MISS));
  ASSERT_TRUE(isOutcome(other.setPage("a", page_), HICACHE_STORED));
  EXPECT_EQ(one.clear().length, 1);
  EXPECT_TRUE(isOutcome(other.getPage("a", target), HICACHE_HIT));
}

TEST_F(SegmentsTest, shouldKeepTheCapacityByEvictingTheLeastRecentlyUsed) {
  StoreClient& client = openSegments(disk_.path(), {{"capacity_bytes", std::to_string(20 * kPage)}, {"lanes", "1"}});
  for (uint64_t i = 0; i < 300; ++i) {
    fill(client, i, 1);
    ASSERT_LE(client.describedNumber("usage_bytes"), 20 * int64_t{kPage});
  }
  const std::vector<uint64_t> left = present(client, 300);
  EXPECT_GE(left.size(), 14u);
  EXPECT_EQ(left.front() + left.size(), 300u) << "the latest are left";
  const PageMemory target(kPage);
  ASSERT_TRUE(isOutcome(client.getPage("page-" + std::to_string(left.front()), target), HICACHE_HIT));
  fill(client, 300, 5);
  EXPECT_TRUE(isOutcome(client.findPage("page-" + std::to_string(left.front())), HICACHE_HIT)) << "it was used";
  EXPECT_GE(client.describedNumber("evicted_pages"), 280);
}

TEST_F(SegmentsTest, shouldSparePinnedPagesAndSayWhenNothingCanGo) {
  StoreClient& client = openSegments(disk_.path(), {{"capacity_bytes", std::to_string(20 * kPage)}, {"lanes", "1"}});
  fill(client, 0, 16);
  std::vector<std::string> keys;
  for (uint64_t i = 0; i < 16; ++i) keys.push_back("page-" + std::to_string(i));
  for (const PageResult& result : client.pin(keys, 3600000)) EXPECT_TRUE(isOutcome(result, HICACHE_HIT));
  const PageMemory large(6 * kPage);
  EXPECT_TRUE(isFailure(client.setPage("large", large), HICACHE_NO_SPACE, "nothing more can be evicted"));
  EXPECT_EQ(present(client, 16).size(), 16u);
  // The lease goes over to what replaces the page.
  ASSERT_TRUE(isOutcome(client.setPage("page-0", page_), HICACHE_STORED));
  EXPECT_TRUE(isFailure(client.setPage("large", large), HICACHE_NO_SPACE));
  for (const PageResult& result : client.pin({"page-1", "page-2", "page-3"}, 0)) EXPECT_TRUE(isOutcome(result, HICACHE_HIT));
  EXPECT_TRUE(isOutcome(client.setPage("large", large), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.findPage("page-0"), HICACHE_HIT));
  const PageMemory huge(21 * kPage);
  EXPECT_TRUE(isFailure(client.setPage("huge", huge), HICACHE_NO_SPACE, "raise the capacity above the size of a page"));
  EXPECT_TRUE(isOutcome(client.pin({"absent"}, 1000)[0], HICACHE_MISS));
}

TEST_F(SegmentsTest, shouldEvictTheFilesOfALogicalPageTogether) {
  StoreClient& client = openSegments(disk_.path(), {{"capacity_bytes", std::to_string(20 * kPage)}, {"lanes", "1"}});
  const std::string hash(64, 'a');
  for (const char* half : {"_k", "_v"}) ASSERT_TRUE(isOutcome(client.setPage(hash + half, page_), HICACHE_STORED));
  fill(client, 0, 14);
  setUsed(client, hash + "_k", 900000);
  setUsed(client, hash + "_v", 5);
  client.set({{"more", page_}, {"and more", page_}, {"and yet more", page_}});
  EXPECT_TRUE(isOutcome(client.findPage(hash + "_k"), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.findPage(hash + "_v"), HICACHE_MISS));
}

TEST_F(SegmentsTest, shouldGiveASlabAnotherSizeWhenPagesChangeTheirs) {
  StoreClient& client =
      openSegments(disk_.path(), {{"capacity_bytes", "4194304"}, {"segment_bytes", "1048576"}, {"lanes", "1"}});
  for (uint64_t i = 0; i < 600; ++i)
    ASSERT_TRUE(isOutcome(client.setPage("small-" + std::to_string(i), page_), HICACHE_STORED));
  const PageMemory larger = PageMemory::random(50000, 5);
  for (uint64_t i = 0; i < 300; ++i)
    ASSERT_TRUE(isOutcome(client.setPage("larger-" + std::to_string(i), larger), HICACHE_STORED));
  const PageMemory target(larger.size());
  EXPECT_TRUE(isOutcome(client.getPage("larger-299", target), HICACHE_HIT));
  EXPECT_EQ(target, larger);
  EXPECT_LE(client.describedNumber("usage_bytes"), 4194304);
  EXPECT_LE(layoutOf(client).directory(0).segmentCount(), 5u);
}

TEST_F(SegmentsTest, shouldRefuseAPageThatNoSlotCanHoldAndStoreItsNeighbours) {
  StoreClient& client = openSegments(disk_.path(), {{"segment_bytes", "1048576"}});
  const PageMemory large(131073);
  const std::vector<PageResult> results = client.set({{"a", page_}, {"large", large}, {"b", page_}});
  EXPECT_TRUE(isOutcome(results[0], HICACHE_STORED));
  EXPECT_TRUE(isFailure(results[1], HICACHE_INVALID_ARGUMENT, "take pages up to 131072"));
  EXPECT_TRUE(isOutcome(results[2], HICACHE_STORED));
}

TEST_F(SegmentsTest, shouldFindAndRemoveADamagedPage) {
  StoreClient& client = openSegments(disk_.path(), {{"direct_io", "false"}});
  const PageMemory target(kPage);
  ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  ASSERT_TRUE(isOutcome(client.setPage("neighbour", page_), HICACHE_STORED));
  const std::optional<LayoutSegments::Found> found = foundIn(client, "key");
  ASSERT_TRUE(found);
  writeAt(segmentOf(client, "key"), found->page.slot.offset() + 100, static_cast<uint8_t>(page_.data()[100] ^ 1));
  EXPECT_TRUE(isFailure(client.getPage("key", target), HICACHE_CORRUPT, "(it was removed)"));
  EXPECT_TRUE(isOutcome(client.findPage("key"), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.getPage("neighbour", target), HICACHE_HIT));
  fs::resize_file(segmentOf(client, "neighbour"), 0);
  EXPECT_TRUE(isFailure(client.getPage("neighbour", target), HICACHE_CORRUPT, "was cut"));
}

// The slot goes to another page between the moment it is found and the moment it is read.
TEST_F(SegmentsTest, shouldNotServeASlotThatHasGoneToAnotherPage) {
  for (const char* checksum : {"true", "false"}) {
    const std::string directory = disk_ / checksum;
    StoreClient& reader = openSegments(directory, {{"lanes", "1"}, {"checksum", checksum}, {"segment_bytes", "1048576"}});
    StoreClient& writer = openSegments(directory, {{"lanes", "1"}, {"segment_bytes", "1048576"}});
    ASSERT_TRUE(isOutcome(writer.setPage("key", page_), HICACHE_STORED));
    const std::optional<LayoutSegments::Found> before = foundIn(reader, "key");
    ASSERT_TRUE(before);
    const PageMemory target(kPage);
    nixl_->hold(1);
    const int64_t batch = reader.submit(Operation::kGet, {{"key", target}}, StoreClient::kTimeoutMillis);
    while (nixl_->heldCount() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(isOutcome(writer.removePage("key"), HICACHE_REMOVED));
    const PageMemory other = PageMemory::random(kPage, 77);
    bool reused = false;
    for (int i = 0; i < 400 && !reused; ++i) {
      ASSERT_TRUE(isOutcome(writer.setPage("other", other), HICACHE_STORED));
      reused = foundIn(writer, "other")->page.slot == before->page.slot;
    }
    EXPECT_TRUE(reused) << "no slot was used again: this test shows nothing";
    nixl_->letGo();
    ASSERT_TRUE(reader.waitFor(batch, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED));
    EXPECT_TRUE(isOutcome(reader.resultsOf(batch)[0], HICACHE_MISS)) << "checksum = " << checksum;
    EXPECT_TRUE(isOutcome(reader.findPage("other"), HICACHE_HIT)) << "it is not to blame";
  }
}

TEST_F(SegmentsTest, shouldServeWhatHasReplacedAPageWhileItWasRead) {
  StoreClient& reader = openSegments(disk_.path(), {{"lanes", "1"}});
  StoreClient& writer = openSegments(disk_.path(), {{"lanes", "1"}});
  ASSERT_TRUE(isOutcome(writer.setPage("key", page_), HICACHE_STORED));
  const std::optional<LayoutSegments::Found> before = foundIn(reader, "key");
  const PageMemory target(kPage);
  nixl_->hold(1);
  const int64_t batch = reader.submit(Operation::kGet, {{"key", target}}, StoreClient::kTimeoutMillis);
  while (nixl_->heldCount() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const PageMemory newer = PageMemory::random(kPage, 78);
  ASSERT_TRUE(isOutcome(writer.setPage("key", newer), HICACHE_STORED));
  // As if the old slot had other bytes by now.
  writeAt(layoutOf(reader).directory(0).files().pathOf(before->page.slot.segment), before->page.slot.offset(),
          static_cast<uint8_t>(page_.data()[0] ^ 1));
  nixl_->letGo();
  ASSERT_TRUE(reader.waitFor(batch, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED));
  EXPECT_TRUE(isOutcome(reader.resultsOf(batch)[0], HICACHE_HIT));
  EXPECT_EQ(target, newer);
}

TEST_F(SegmentsTest, shouldTakeOverWhatADeadProcessHadTaken) {
  uint32_t segments = 0;
  for (int round = 0; round < 20; ++round) {
    ChildProcess child({kHoldATransfer, disk_.path(), "layout=segments"});
    ASSERT_EQ(child.readLine(), "held");
    child.kill();
    ASSERT_EQ(child.wait(), 128 + SIGKILL);
    StoreClient& client = openSegments(disk_.path(), {{"lanes", "1"}});
    EXPECT_EQ(keysOf(client), std::set<std::string>()) << "what was not published is not there";
    ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
    ASSERT_TRUE(isOutcome(client.removePage("key"), HICACHE_REMOVED));
    segments = layoutOf(client).directory(0).segmentCount();
    EXPECT_TRUE(close(client));
  }
  EXPECT_EQ(segments, 1u);
}

TEST_F(SegmentsTest, shouldBeEmptyAfterAnotherStartOfTheMachineUnlessItIsDurable) {
  for (const char* durability : {"none", "data", "full"}) {
    const std::string directory = disk_ / durability;
    {
      StoreClient& client = openSegments(directory, {{"durability", durability}});
      ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
      EXPECT_TRUE(close(client));
    }
    const std::string state = directory + "/.hicache/segments/state";
    if (std::string(durability) == "none") {
      fs::resize_file(state, 0);
      writeAt(state, 0, 'x');  // the number of another start
    }
    StoreClient& again = openSegments(directory, {{"durability", durability}});
    EXPECT_TRUE(isOutcome(again.findPage("key"), std::string(durability) == "none" ? HICACHE_MISS : HICACHE_HIT)) << durability;
    EXPECT_TRUE(isOutcome(again.setPage("key", page_), HICACHE_STORED));
    EXPECT_TRUE(close(again));
  }
}

TEST_F(SegmentsTest, shouldBecomeDurableAndEndToBeWithThoseWhoOpenIt) {
  const std::string state = disk_ / ".hicache/segments/state";
  for (const char* durability : {"none", "data", "none", "full"}) {
    StoreClient& client = openSegments(disk_.path(), {{"durability", durability}});
    EXPECT_EQ(readFile(state) == "durable", std::string(durability) != "none") << durability;
    EXPECT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
    StoreClient& beside = openSegments(disk_.path(), {{"durability", "full"}});
    EXPECT_EQ(readFile(state) == "durable", std::string(durability) != "none") << "the least durable store decides";
    EXPECT_TRUE(close(beside));
    EXPECT_TRUE(isOutcome(client.findPage("key"), HICACHE_HIT));
    EXPECT_TRUE(close(client));
  }
}

TEST_F(SegmentsTest, shouldKeepItsPagesWhenAProcessDiesAsItMakesThemDurable) {
  StoreClient& client = openSegments(disk_.path());
  EXPECT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  EXPECT_TRUE(close(client));
  const std::string state = disk_ / ".hicache/segments/state";
  const std::string durable = "durable";
  for (size_t i = 0; i < durable.size(); ++i) writeAt(state, i, static_cast<uint8_t>(durable[i]));
  ASSERT_GT(readFile(state).size(), durable.size()) << "of the number that stood there the end is left";
  for (const char* durability : {"full", "none", "full"}) {
    StoreClient& again = openSegments(disk_.path(), {{"durability", durability}});
    EXPECT_TRUE(isOutcome(again.findPage("key"), HICACHE_HIT)) << durability;
    EXPECT_TRUE(close(again));
  }
}

TEST_F(SegmentsTest, shouldBeEmptyWhenItsStateIsLost) {
  StoreClient& client = openSegments(disk_.path());
  EXPECT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  EXPECT_TRUE(close(client));
  fs::resize_file(disk_ / ".hicache/segments/state", 0);
  EXPECT_TRUE(isOutcome(openSegments(disk_.path()).findPage("key"), HICACHE_MISS));
}

TEST_F(SegmentsTest, shouldLetAPageGoWhenItsTimeIsOver) {
  StoreClient& client = openSegments(disk_.path(), {{"ttl_seconds", "1"}});
  ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.findPage("key"), HICACHE_HIT));
  EXPECT_TRUE(soon([&] { return client.findPage("key").outcome == HICACHE_MISS; }));
  EXPECT_EQ(client.evict().pages, 1);
  EXPECT_EQ(client.describedNumber("usage_bytes"), 0);
}

TEST_F(SegmentsTest, shouldSkipWhatIsStored) {
  StoreClient& client = openSegments(disk_.path());
  EXPECT_TRUE(isOutcome(client.setNewPage("key", page_), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.setNewPage("key", page_), HICACHE_SKIPPED));
  const PageMemory other = PageMemory::random(kPage, 9);
  EXPECT_TRUE(isOutcome(client.setNewPage("key", other), HICACHE_STORED));
}

TEST_F(SegmentsTest, shouldRefuseAnIndexThatIsNone) {
  {
    EXPECT_TRUE(close(openSegments(disk_.path())));
  }
  const std::string index = disk_ / ".hicache/segments/index";
  fs::resize_file(index, 0);
  fs::resize_file(index, 8192);
  EXPECT_ERROR(openSegments(disk_.path()), HICACHE_CORRUPT, "remove this file");
}

TEST_F(SegmentsTest, shouldSetFromManyStoresAtOnce) {
  const SettingPairs small = {{"segment_bytes", "1048576"}, {"lanes", "2"}};
  std::vector<StoreClient*> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(&openSegments(memory_.path(), small));
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 300; ++i) {
        const PageMemory page = numberedPage(t * 1000 + i, i);
        ASSERT_TRUE(isOutcome(clients[t]->setPage(numberedKey(t * 1000 + i), page), HICACHE_STORED));
        if (i % 3 == 0) {
          ASSERT_TRUE(isOutcome(clients[t]->removePage(numberedKey(t * 1000 + i)), HICACHE_REMOVED));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (uint64_t t = 0; t < 3; ++t) {
    for (uint64_t i = 0; i < 300; ++i) {
      if (i % 3 == 0) continue;
      const PageMemory target(numberedSize(i));
      uint64_t generation = 0;
      ASSERT_TRUE(isOutcome(clients[(t + 1) % 3]->getPage(numberedKey(t * 1000 + i), target), HICACHE_HIT));
      ASSERT_TRUE(isNumberedPage(t * 1000 + i, target, &generation));
    }
  }
}

TEST(SlotSizeTest, shouldWasteAtMostAnEighth) {
  EXPECT_EQ(SegmentIndex::slotBlocksOf(0), 1u);
  EXPECT_EQ(SegmentIndex::slotBlocksOf(4096), 1u);
  EXPECT_EQ(SegmentIndex::slotBlocksOf(4097), 2u);
  EXPECT_EQ(SegmentIndex::slotBlocksOf(73728), 18u);
  EXPECT_EQ(SegmentIndex::slotBlocksOf(8 << 20), 2048u);
  for (int64_t length = 1; length < (64 << 20); length = length * 9 / 8 + 1) {
    const int64_t bytes = SegmentIndex::slotBlocksOf(length) * kSlotUnit;
    EXPECT_GE(bytes, length);
    EXPECT_LE(bytes, length + length / 8 + kSlotUnit) << length;
  }
}

}  // namespace
}  // namespace hicache
