// SPDX-License-Identifier: Apache-2.0
//
// What a set does when there is no room: it waits for eviction, or says why there will be none.
#include "room.h"

#include <cerrno>
#include <filesystem>
#include <thread>

#include "eviction_fixture.h"
#include "private_mounts.h"

namespace hicache {
namespace {

namespace fs = std::filesystem;
using Kind = FaultyFiles::Kind;
using Numbers = std::vector<uint64_t>;

const SettingPairs kTwentyPages = {{"capacity_bytes", std::to_string(20 * 8192)}, {"lanes", "1"}};
const SettingPairs kNoEviction = {
    {"capacity_bytes", std::to_string(20 * 8192)}, {"lanes", "1"}, {"l3_cleaner_enabled", "false"}};

class RoomTest : public EvictionFixture {
 protected:
  static bool isFull(StoreClient& client) { return client.describedNumber("usage_bytes") == 20 * 8192; }
};

TEST_F(RoomTest, shouldMakeRoomForASetByEvictingTheOldest) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  for (uint64_t i = 0; i < 100; ++i) {
    fill(client, i, 1, 1000 - static_cast<double>(i));
    ASSERT_LE(client.describedNumber("usage_bytes"), 20 * 8192);
    ASSERT_LE(bytesOfPages(disk_.path(), true), 20 * 8192);
  }
  EXPECT_EQ(present(client, 99, 1), Numbers{99});
  EXPECT_EQ(present(client, 0, 50), Numbers());
  // A round counts at its end, and a set goes on as soon as there is room.
  EXPECT_TRUE(soon([&] { return client.describedNumber("evicted_pages") >= 80; }));
  EXPECT_EQ(client.described("refused_no_space"), "0");
}

TEST_F(RoomTest, shouldMakeRoomForABatchThatIsLargerThanWhatIsFree) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 18);
  std::vector<PageArgument> batch;
  for (uint64_t i = 100; i < 112; ++i) batch.emplace_back(pageKey(i), page_);
  for (const PageResult& result : client.set(batch)) EXPECT_TRUE(isOutcome(result, HICACHE_STORED));
  EXPECT_EQ(present(client, 100, 12).size(), 12u);
  EXPECT_LE(client.describedNumber("usage_bytes"), 20 * 8192);
}

TEST_F(RoomTest, shouldRefuseAPageLargerThanTheCapacityAtOnceAndStoreItsNeighbours) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  const PageMemory huge(21 * 8192);
  const std::vector<PageResult> results = client.set({{"a", page_}, {"huge", huge}, {"b", page_}});
  EXPECT_TRUE(isOutcome(results[0], HICACHE_STORED));
  EXPECT_TRUE(isFailure(results[1], HICACHE_NO_SPACE, "capacity_bytes = 163840"));
  EXPECT_TRUE(isFailure(results[1], HICACHE_NO_SPACE, "raise the capacity above the size of a page"));
  EXPECT_TRUE(isOutcome(results[2], HICACHE_STORED));
  EXPECT_EQ(client.described("refused_no_space"), "1");
  const PageMemory largest(20 * 8192);
  EXPECT_TRUE(isOutcome(client.setPage("largest", largest), HICACHE_STORED)) << "it takes all there is";
}

TEST_F(RoomTest, shouldSayThatNothingCanGoWhenAllIsPinned) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 18);
  std::vector<std::string> keys;
  for (uint64_t i = 0; i < 18; ++i) keys.push_back(pageKey(i));
  for (const PageResult& result : client.pin(keys, 3600000)) ASSERT_TRUE(isOutcome(result, HICACHE_HIT));
  const PageMemory larger(3 * kPage);
  EXPECT_TRUE(isFailure(client.setPage("larger", larger), HICACHE_NO_SPACE, "nothing more can be evicted"));
  EXPECT_EQ(present(client, 0, 18).size(), 18u);
  ASSERT_TRUE(isOutcome(client.pin({keys[5]}, 0)[0], HICACHE_HIT));
  EXPECT_TRUE(isOutcome(client.setPage("larger", larger), HICACHE_STORED));
  EXPECT_EQ(present(client, 5, 1), Numbers());
  EXPECT_EQ(present(client, 0, 18).size(), 17u);
}

TEST_F(RoomTest, shouldRefuseAtOnceWhereEvictionIsOffAndGoOnServing) {
  StoreClient& client = openCounted(disk_.path(), kNoEviction);
  fill(client, 0, 20);
  EXPECT_TRUE(isFailure(client.setPage("one more", page_), HICACHE_NO_SPACE, "eviction is off"));
  EXPECT_TRUE(isFailure(client.setPage(pageKey(0), page_), HICACHE_NO_SPACE)) << "the old and the new one do not fit together";
  EXPECT_EQ(present(client, 0, 20).size(), 20u);
  const PageMemory target(kPage);
  EXPECT_TRUE(isOutcome(client.getPage(pageKey(0), target), HICACHE_HIT));
  ASSERT_TRUE(isOutcome(client.removePage(pageKey(0)), HICACHE_REMOVED));
  EXPECT_TRUE(isOutcome(client.setPage("one more", page_), HICACHE_STORED));
}

TEST_F(RoomTest, shouldSkipAStoredPageThoughThereIsNoRoom) {
  StoreClient& client = openCounted(disk_.path(), kNoEviction);
  fill(client, 0, 20);
  EXPECT_TRUE(isOutcome(client.setNewPage(pageKey(0), page_), HICACHE_SKIPPED));
  EXPECT_TRUE(isFailure(client.setNewPage("one more", page_), HICACHE_NO_SPACE));
  EXPECT_TRUE(isFull(client));
}

// The only lane goes on while a set waits for a round that does not come to its end.
TEST_F(RoomTest, shouldServeGetsWhileASetWaitsForRoom) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 17);
  files_->hang(Kind::kRename);
  std::thread round([&] { client.evict(); });
  ASSERT_TRUE(soon([&] { return files_->hangs(); }));
  fill(client, 17, 3);
  const int64_t waiting = client.submit(Operation::kSet, {{"waits", page_}}, StoreClient::kTimeoutMillis);
  const PageMemory target(kPage);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(isOutcome(client.getPage(pageKey(19), target), HICACHE_HIT));
  EXPECT_EQ(client.eventsOf(waiting), 0);
  EXPECT_EQ(client.described("lanes_in_quarantine"), "0");
  files_->letGo();
  round.join();
  ASSERT_TRUE(client.waitFor(waiting, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED));
  EXPECT_TRUE(isOutcome(client.resultsOf(waiting)[0], HICACHE_STORED));
}

TEST_F(RoomTest, shouldTimeOutAWaitingSetWithoutRetiringItsLane) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 17);
  files_->hang(Kind::kRename);
  std::thread round([&] { client.evict(); });
  ASSERT_TRUE(soon([&] { return files_->hangs(); }));
  fill(client, 17, 3);
  EXPECT_TRUE(isFailure(client.set({{"late", page_}}, 100)[0], HICACHE_TIMEOUT));
  EXPECT_TRUE(soon([&] { return client.described("batches") == "0"; })) << "its memory is given back";
  EXPECT_EQ(client.described("lanes_in_quarantine"), "0");
  files_->letGo();
  round.join();
  EXPECT_TRUE(isOutcome(client.findPage("late"), HICACHE_MISS));
}

TEST_F(RoomTest, shouldCloseWhileASetWaits) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 17);
  files_->hang(Kind::kRename);
  std::thread round([&] { client.evict(); });
  ASSERT_TRUE(soon([&] { return files_->hangs(); }));
  fill(client, 17, 3);
  const int64_t waiting = client.submit(Operation::kSet, {{"waits", page_}}, StoreClient::kTimeoutMillis);
  EXPECT_TRUE(client.store().close(std::chrono::milliseconds(50)));
  ASSERT_TRUE(client.waitFor(waiting, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED));
  EXPECT_TRUE(isFailure(client.resultsOf(waiting)[0], HICACHE_TIMEOUT, "closed"));
  files_->letGo();
  round.join();
}

TEST_F(RoomTest, shouldWaitUntilThePagesAreCounted) {
  StoreClient& writer = open(disk_.path());
  fill(writer, 0, 19);
  close(writer);
  files_->hang(Kind::kStatusAt);  // in the middle of the count
  StoreClient& client = open(disk_.path(), kTwentyPages);
  ASSERT_TRUE(soon([&] { return files_->hangs(); }));
  EXPECT_EQ(client.described("usage_ready"), "false");
  const int64_t waiting = client.submit(Operation::kSet, {{"waits", page_}}, StoreClient::kTimeoutMillis);
  EXPECT_FALSE(client.waitFor(waiting, HICACHE_EVENT_COMPLETED, std::chrono::milliseconds(50)));
  files_->letGo();
  ASSERT_TRUE(client.waitFor(waiting, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED));
  EXPECT_TRUE(isOutcome(client.resultsOf(waiting)[0], HICACHE_STORED));
  EXPECT_LE(bytesOfPages(disk_.path()), 20 * 8192);
}

// What a dead process left counted must not stop everybody else for ever.
TEST_F(RoomTest, shouldCountAgainBeforeItSaysThatThereIsNoRoom) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  Usage& usage = *client.store().layout().files().usage(0);
  usage.hold(3).add(20 * 8192);
  usage.setCounted(1);  // long ago
  EXPECT_TRUE(isOutcome(client.setPage("page", page_), HICACHE_STORED));
  EXPECT_EQ(client.describedNumber("usage_bytes"), 8192);
}

class FreeSpaceTest : public EvictionFixture {
 protected:
  static constexpr size_t kDisk = 4 << 20;
  static int64_t freeBytes(const std::string& path) { return static_cast<int64_t>(fs::space(path).available); }
};

TEST_F(FreeSpaceTest, shouldRefuseADiskBeforeItIsFullAndStoreWhatFits) {
  onSmallDisk(disk_.path(), kDisk, [this] {
    StoreClient& client = open(disk_.path(), {{"min_free_bytes", "1048576"}});
    const PageMemory large(2 << 20);
    const PageMemory small(4096);
    ASSERT_TRUE(isOutcome(client.setPage("first", large), HICACHE_STORED));
    const std::vector<PageResult> results = client.set({{"a", small}, {"second", large}, {"b", small}});
    EXPECT_TRUE(isOutcome(results[0], HICACHE_STORED));
    EXPECT_TRUE(isFailure(results[1], HICACHE_NO_SPACE, "1048576 bytes must stay free"));
    EXPECT_TRUE(isFailure(results[1], HICACHE_NO_SPACE, disk_.path()));
    EXPECT_TRUE(isOutcome(results[2], HICACHE_STORED));
    EXPECT_GE(freeBytes(disk_.path()), 1 << 20);
    for (int i = 0; i < 100; ++i) client.setPage("fill-" + std::to_string(i), PageMemory(65536));
    EXPECT_GE(freeBytes(disk_.path()), 1 << 20);
    EXPECT_LT(freeBytes(disk_.path()), (1 << 20) + 200000) << "what may be used is used";
    EXPECT_GT(client.describedNumber("refused_no_space"), 50);
    EXPECT_EQ(client.describedNumber("usage_bytes"), -1) << "nothing is counted for that";
    ASSERT_TRUE(isOutcome(client.removePage("first"), HICACHE_REMOVED));
    EXPECT_TRUE(isOutcome(client.setPage("after", PageMemory(1 << 20)), HICACHE_STORED));
    EXPECT_TRUE(close(client));
  });
}

TEST_F(FreeSpaceTest, shouldLeaveTwoPercentUnlessToldOtherwise) {
  onSmallDisk(disk_.path(), kDisk, [this] {
    StoreClient& client = open(disk_.path());
    for (int i = 0; i < 300; ++i) client.setPage("page-" + std::to_string(i), PageMemory(16384));
    EXPECT_GE(freeBytes(disk_.path()), static_cast<int64_t>(kDisk) / 50);
    EXPECT_LT(freeBytes(disk_.path()), static_cast<int64_t>(kDisk) / 20);
    EXPECT_TRUE(isFailure(client.setPage("more", PageMemory(16384)), HICACHE_NO_SPACE, "must stay free"));
    StoreClient& to_the_end = open(disk_.path(), {{"min_free_bytes", "0"}});
    EXPECT_TRUE(isOutcome(to_the_end.setPage("more", PageMemory(16384)), HICACHE_STORED));
    EXPECT_TRUE(close(to_the_end));
    EXPECT_TRUE(close(client));
  });
}

TEST_F(FreeSpaceTest, shouldEvictRatherThanRefuse) {
  onSmallDisk(disk_.path(), kDisk, [this] {
    StoreClient& client = openCounted(disk_.path(), {{"capacity_bytes", "100000000"}, {"min_free_bytes", "2097152"}});
    for (uint64_t i = 0; i < 600; ++i) fill(client, i, 1, 10000 - static_cast<double>(i));
    EXPECT_GE(freeBytes(disk_.path()), 2 << 20);
    EXPECT_EQ(present(client, 599, 1), Numbers{599});
    EXPECT_EQ(present(client, 0, 100), Numbers());
    EXPECT_GT(present(client, 300, 300).size(), 100u) << "no more goes than must";
    EXPECT_EQ(client.described("refused_no_space"), "0");
    EXPECT_TRUE(close(client));
  });
}

TEST_F(FreeSpaceTest, shouldStoreWhereTheKernelDoesNotKnowWhatIsFree) {
  StoreClient& client = open(disk_.path());
  files_->failKind(Kind::kSpace, ENOSYS);
  EXPECT_TRUE(isOutcome(client.setPage("page", page_), HICACHE_STORED));
  files_->failKind(Kind::kNone, 0);
}

}  // namespace
}  // namespace hicache
