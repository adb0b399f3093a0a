// SPDX-License-Identifier: Apache-2.0
//
// A lease on a page: it is spared by every process, ends by itself, and outlives the one who took it.
#include <cerrno>

#include "eviction_fixture.h"
#include "private_mounts.h"

namespace hicache {
namespace {

using Kind = FaultyFiles::Kind;
using Numbers = std::vector<uint64_t>;

constexpr int64_t kHour = 3600000;
const SettingPairs kTwentyPages = {{"capacity_bytes", std::to_string(20 * 8192)}};

class PinTest : public EvictionFixture {};

TEST_F(PinTest, shouldSpareAPinnedPageInEveryStoreAndAfterARestart) {
  {
    StoreClient& client = open(disk_.path());
    fill(client, 0, 18);
    const std::vector<PageResult> pinned = client.pin({pageKey(0), "none", pageKey(1)}, kHour);
    EXPECT_TRUE(isOutcome(pinned[0], HICACHE_HIT));
    EXPECT_EQ(pinned[0].length, 8192);
    EXPECT_TRUE(isOutcome(pinned[1], HICACHE_MISS));
    EXPECT_TRUE(isOutcome(pinned[2], HICACHE_HIT));
    close(client);
  }
  StoreClient& evicting = openCounted(disk_.path(), kTwentyPages);
  EXPECT_EQ(evicting.evict().pages, 2);
  EXPECT_EQ(present(evicting, 0, 5), (Numbers{0, 1, 4}));
  EXPECT_TRUE(isOutcome(evicting.pin({pageKey(0)}, 0)[0], HICACHE_HIT)) << "anybody may unpin";
  EXPECT_LT(secondsSinceUse(evicting.pathOf(pageKey(0))), 60);
  EXPECT_GE(secondsSinceUse(evicting.pathOf(pageKey(0))), 0);
}

TEST_F(PinTest, shouldEndWithItsLease) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 18);
  std::vector<std::string> keys;
  for (uint64_t i = 0; i < 18; ++i) keys.push_back(pageKey(i));
  client.pin(keys, kHour);
  EXPECT_EQ(client.evict().pages, 0);
  client.pin(keys, 1);
  EXPECT_TRUE(soon([&] {
    client.evict();
    return present(client, 0, 18).size() == 16;
  }));
}

TEST_F(PinTest, shouldSpareTheOtherFilesOfThePage) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 2, 14);
  for (const char* half : {"_k", "_v"}) {
    ASSERT_TRUE(isOutcome(client.setPage(pageKey(0) + half, page_), HICACHE_STORED));
    setLastUse(client.pathOf(pageKey(0) + half), 5000);
  }
  client.pin({pageKey(0) + "_v"}, kHour);
  fill(client, 100, 2);
  client.evict();
  EXPECT_TRUE(isOutcome(client.findPage(pageKey(0) + "_k"), HICACHE_HIT));
  EXPECT_TRUE(isOutcome(client.findPage(pageKey(0) + "_v"), HICACHE_HIT));
}

TEST_F(PinTest, shouldKeepItsLeaseWhenThePageIsUsedOrSetAnew) {
  const PageMemory target(kPage);
  const PageMemory newer = PageMemory::random(kPage, testSeed() + 1);
  StoreClient& counting = openCounted(disk_.path(), kTwentyPages);
  StoreClient& plain = open(disk_.path());
  fill(plain, 0, 1);
  const std::string path = plain.pathOf(pageKey(0));
  plain.pin({pageKey(0)}, kHour);
  for (StoreClient* client : {&counting, &plain}) {
    for (Kind missing : {Kind::kNone, Kind::kRenameNew}) {
      files_->failKind(missing, EINVAL);
      ASSERT_TRUE(isOutcome(client->setPage(pageKey(0), newer), HICACHE_STORED));
      ASSERT_TRUE(isOutcome(client->getPage(pageKey(0), target), HICACHE_HIT));
      EXPECT_EQ(target, newer);
      EXPECT_LT(secondsSinceUse(path), -3000) << "the lease";
      files_->failKind(Kind::kNone, 0);
    }
  }
  EXPECT_TRUE(isOutcome(plain.removePage(pageKey(0)), HICACHE_REMOVED));
  fill(plain, 0, 1, 0);
  EXPECT_GT(secondsSinceUse(path), -1) << "a page that was deleted has no lease";
}

TEST_F(PinTest, shouldNotPinForEverByABrokenClock) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 18);
  for (uint64_t i : {10u, 11u}) {
    setLastUse(client.pathOf(pageKey(i)), -3e8);  // ten years on
    setWritten(client.pathOf(pageKey(i)), 9000);
  }
  EXPECT_EQ(client.evict().pages, 2);
  EXPECT_EQ(present(client, 10, 2), Numbers());
  const PageMemory target(kPage);
  setLastUse(client.pathOf(pageKey(12)), -3e8);
  EXPECT_TRUE(isOutcome(client.getPage(pageKey(12), target), HICACHE_HIT));
  EXPECT_GT(secondsSinceUse(client.pathOf(pageKey(12))), -1) << "a use sets it right";
}

TEST_F(PinTest, shouldPinNoDamagedPage) {
  StoreClient& client = open(disk_.path());
  fill(client, 0, 1);
  if (client.described("directory.0.attributes") != "true") GTEST_SKIP() << "no attributes in " << disk_.path();
  writeFile(client.pathOf(pageKey(0)), "cut");
  EXPECT_TRUE(isOutcome(client.pin({pageKey(0)}, kHour)[0], HICACHE_MISS));
}

TEST_F(PinTest, shouldRefuseALeaseThatCannotBe) {
  StoreClient& client = open(disk_.path());
  EXPECT_ERROR(client.pin({"key"}, -1), HICACHE_INVALID_ARGUMENT, "pin: a lease of -1 ms");
  EXPECT_ERROR(client.pin({"key"}, int64_t{31} * 24 * kHour), HICACHE_INVALID_ARGUMENT, "give 0 to 2592000000");
}

TEST_F(PinTest, shouldSayWhereLeasesCannotBeKept) {
  StoreClient& client = open(disk_.path());
  fill(client, 0, 1);
  files_->failKind(Kind::kSetAccessTime, EOPNOTSUPP);
  EXPECT_TRUE(isFailure(client.pin({pageKey(0)}, kHour)[0], HICACHE_UNSUPPORTED, "no access times"));
  files_->failKind(Kind::kSetAccessTime, EPERM);
  EXPECT_TRUE(isFailure(client.pin({pageKey(0)}, kHour)[0], HICACHE_IO, "check the owner"));
  files_->failKind(Kind::kNone, 0);
}

TEST_F(PinTest, shouldSayThatReadsWouldEndTheLease) {
  onSmallDisk(disk_.path(), 4 << 20, [this] {
    StoreClient& client = open(disk_.path());
    fill(client, 0, 1);
    EXPECT_TRUE(isOutcome(client.pin({pageKey(0)}, kHour)[0], HICACHE_HIT));
    close(client);
    noteEveryRead(disk_.path());
    StoreClient& again = open(disk_.path());
    EXPECT_TRUE(isFailure(again.pin({pageKey(0)}, kHour)[0], HICACHE_UNSUPPORTED, "mount it with relatime or noatime"));
    EXPECT_TRUE(isOutcome(again.pin({pageKey(0)}, 0)[0], HICACHE_HIT)) << "to unpin works everywhere";
    close(again);
  });
}

}  // namespace
}  // namespace hicache
