// SPDX-License-Identifier: Apache-2.0
//
// The layout segments: what it promises beyond what every layout does.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

#include "child_process.h"
#include "numbered_page.h"
#include "segments_fixture.h"

namespace hicache {
namespace {

namespace fs = std::filesystem;

using SegmentsTest = SegmentsFixture;

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

TEST_F(SegmentsTest, shouldGiveTheRightBytesOrATypedErrorWhicheverFileCallFails) {
  for (int error : {EIO, ENOSPC}) {
    const std::string directory = disk_ / ("errno-" + std::to_string(error));
    const SettingPairs settings = {{"layout", "segments"}, {"segment_bytes", "1048576"}, {"lanes", "1"}};
    for (int64_t nth = 1;; ++nth) {
      SCOPED_TRACE(std::string(::strerror(error)) + ", call " + std::to_string(nth));
      const PageMemory large = PageMemory::random(200000, testSeed() + static_cast<uint64_t>(nth));
      files_->failCall(nth, error);
      try {
        StoreClient& client = openSegments(directory, settings);
        const PageMemory target(large.size());
        const std::vector<PageResult> stored = client.set({{"page", page_}, {"large", large}});
        for (const PageResult& result : stored)
          EXPECT_TRUE(result.outcome == HICACHE_STORED || isFailure(result, codeOfErrno(error)));
        const PageResult got = client.getPage("large", target);
        const bool right = stored[1].outcome != HICACHE_STORED || got.outcome != HICACHE_HIT || target == large;
        EXPECT_TRUE(right) << "a hit with wrong bytes";
        EXPECT_TRUE(got.outcome == HICACHE_HIT || got.outcome == HICACHE_MISS || isFailure(got, codeOfErrno(error)));
        close(client);
      } catch (const Error& refused) {
        EXPECT_EQ(refused.code(), codeOfErrno(error)) << refused.what();
      }
      const bool failed = files_->hasFailed();
      files_->failCall(0, 0);
      EXPECT_EQ(files_->openCount(), 0);
      StoreClient& again = openSegments(directory, settings);
      const PageMemory target(large.size());
      EXPECT_TRUE(isOutcome(again.setPage("large", large), HICACHE_STORED));
      EXPECT_TRUE(isOutcome(again.getPage("large", target), HICACHE_HIT));
      EXPECT_EQ(target, large);
      again.clear();
      EXPECT_EQ(again.describedNumber("usage_bytes"), 0);
      close(again);
      if (failed) continue;
      EXPECT_GT(nth, 20) << "these operations make more calls than that";
      break;
    }
  }
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
