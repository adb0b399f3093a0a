// SPDX-License-Identifier: Apache-2.0
//
// What eviction takes, and what it spares.
#include "evictor.h"

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

class EvictorTest : public EvictionFixture {
 protected:
  // A file as SGLang or another process writes it, where its name belongs.
  std::string plant(const std::vector<std::string>& directories, const std::string& name, double seconds_ago) {
    const Route route = routeName(name, directories.size());
    const std::string folder = directories[route.directory] + "/" + bucketName(route.bucket);
    fs::create_directories(folder);
    writeFile(folder + "/" + name, std::string(kPage, 'x'));
    setLastUse(folder + "/" + name, seconds_ago);
    return folder + "/" + name;
  }
};

// 20 pages fill the capacity, 16 of them reach the low mark.
const SettingPairs kTwentyPages = {{"capacity_bytes", std::to_string(20 * 8192)}};

TEST_F(EvictorTest, shouldEvictTheLeastRecentlyUsedDownToTheLowMark) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 18);
  const EvictionResult result = client.evict();
  EXPECT_EQ(result.pages, 2);
  EXPECT_EQ(result.bytes, 2 * 8192);
  EXPECT_EQ(result.problem, "");
  EXPECT_EQ(present(client, 0, 4), (Numbers{2, 3}));
  EXPECT_EQ(present(client, 4, 14).size(), 14u);
  EXPECT_EQ(client.describedNumber("usage_bytes"), 16 * 8192);
  EXPECT_EQ(client.describedNumber("evicted_pages"), 2);
  EXPECT_EQ(client.describedNumber("evicted_bytes"), 2 * 8192);
  EXPECT_EQ(client.describedNumber("eviction_rounds"), 1);
  EXPECT_EQ(client.evict().pages, 0) << "nothing is above the low mark any more";
}

TEST_F(EvictorTest, shouldGoByUseAndNotByWriting) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 18);
  for (uint64_t i = 0; i < 18; ++i) setWritten(client.pathOf(pageKey(i)), 1 + static_cast<double>(i));
  const PageMemory target(kPage);
  for (uint64_t used : {0u, 1u}) EXPECT_TRUE(isOutcome(client.getPage(pageKey(used), target), HICACHE_HIT));
  client.evict();
  EXPECT_EQ(present(client, 0, 5), (Numbers{0, 1, 4})) << "2 and 3 were not used for longest, though written last";
}

TEST_F(EvictorTest, shouldNoteAUseToTheSecondAndOnlyWhereItEvicts) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 1);
  const std::string path = client.pathOf(pageKey(0));
  const PageMemory target(kPage);
  setLastUse(path, 500);
  EXPECT_TRUE(isOutcome(client.findPage(pageKey(0)), HICACHE_HIT));
  EXPECT_GT(secondsSinceUse(path), 499) << "to ask is not to use";
  EXPECT_TRUE(isOutcome(client.getPage(pageKey(0), target), HICACHE_HIT));
  EXPECT_LT(secondsSinceUse(path), 100);
  const int64_t noted = files_->countOf(Kind::kSetAccessTime);
  setLastUse(path, 0);
  EXPECT_TRUE(isOutcome(client.getPage(pageKey(0), target), HICACHE_HIT));
  EXPECT_EQ(files_->countOf(Kind::kSetAccessTime), noted) << "noted again within a second";
  setLastUse(path, 500);
  files_->failKind(Kind::kSetAccessTime, EPERM);
  EXPECT_TRUE(isOutcome(client.getPage(pageKey(0), target), HICACHE_HIT)) << "a use that cannot be noted is a hit all the same";
  files_->failKind(Kind::kNone, 0);
  StoreClient& plain = open(disk_.path());
  const int64_t before = files_->countOf(Kind::kSetAccessTime);
  EXPECT_TRUE(isOutcome(plain.getPage(pageKey(0), target), HICACHE_HIT));
  EXPECT_EQ(files_->countOf(Kind::kSetAccessTime), before) << "noted where nothing is evicted";
}

// SGLang's test_tick_deletes_oldest_group_across_bucketed_dirs and test_tick_deletes_hybrid_components_atomically.
TEST_F(EvictorTest, shouldTakeTheFilesOfAPageTogetherAcrossBucketsDirectoriesAndRanks) {
  const std::vector<std::string> directories = {disk_ / "a", memory_ / "b"};
  std::vector<std::string> saved;
  std::vector<std::string> oldest;
  for (const std::string rank : {"_0_2", "_1_2"}) {
    for (const char* component : {"", "_k", "_v", "_kv_k", "_kv_v", "_swa_k", "_swa_v", "_mamba_temporal", "_mamba_conv_0"}) {
      saved.push_back(plant(directories, pageKey(1) + "_m" + rank + component, 300));
      oldest.push_back(plant(directories, pageKey(2) + "_m" + rank + component, 200));
    }
  }
  setLastUse(saved[13], 0);  // the use of one file is the use of its page
  StoreClient& client = openCounted(directories, {{"capacity_bytes", std::to_string(40 * 8192)}, {"model", "m"}});
  EXPECT_EQ(client.describedNumber("usage_bytes"), 36 * 8192);
  EXPECT_EQ(client.evict().pages, 18) << "four files would do";
  for (const std::string& path : saved) EXPECT_TRUE(fileExists(path)) << path;
  for (const std::string& path : oldest) EXPECT_FALSE(fileExists(path)) << path;
}

// SGLang's test_tick_ignores_non_bucket_directories, and everything else that is no page.
TEST_F(EvictorTest, shouldTouchNothingThatIsNoPage) {
  const std::string name = pageKey(7) + "_m_0_1";
  const std::string page = plant({disk_.path()}, name, 9000);
  const uint8_t bucket = routeName(name, 1).bucket;
  const std::vector<std::string> foreign = {
      "README",
      "not-a-bucket/" + name,
      bucketName(bucket) + "/below/" + name,
      bucketName(static_cast<uint8_t>(bucket + 1)) + "/" + name,  // not where its name belongs
      bucketName(bucket) + "/notes",
      bucketName(bucket) + "/" + pageKey(7),                               // without a suffix
      bucketName(bucket) + "/.hicache-0000000000000001-0000000000000000",  // a temp file
      std::string(".hicache/") + pageKey(1) + "_m_0_1",                    // in our own folder
      std::string("0f/") + std::string(38, 'e')};                          // of git
  for (const std::string& file : foreign) {
    fs::create_directories(fs::path(disk_ / file).parent_path());
    writeFile(disk_ / file, std::string(100000, 'x'));
    setLastUse(disk_ / file, 9000);
  }
  const std::string elsewhere = memory_ / name;
  writeFile(elsewhere, "behind a link");
  const std::string link = bucketName(static_cast<uint8_t>(bucket + 2));
  fs::create_directory_symlink(memory_.path(), disk_ / link);

  StoreClient& client = openCounted(disk_.path(), {{"capacity_bytes", "4096"}, {"model", "another"}});
  client.evict();
  EXPECT_FALSE(fileExists(page)) << "the budget is the directory's, for pages of every model";
  EXPECT_EQ(client.describedNumber("usage_bytes"), 0);
  for (const std::string& file : foreign) EXPECT_TRUE(fileExists(disk_ / file)) << file;
  EXPECT_TRUE(fileExists(elsewhere));
  fs::remove(disk_ / (".hicache/" + pageKey(1) + "_m_0_1"));
  fs::remove(disk_ / (bucketName(bucket) + "/.hicache-0000000000000001-0000000000000000"));
}

TEST_F(EvictorTest, shouldEvictPagesOfEveryKindOfKeyAndNaming) {
  StoreClient& client = openCounted(disk_.path(), {{"capacity_bytes", "1000000"}});
  StoreClient& flat = openCounted(disk_.path(), {{"capacity_bytes", "1000000"}, {"naming", "sglang-v0"}, {"model", "m"}});
  for (StoreClient* store : {&client, &flat}) {
    for (const std::string& key : {pageKey(1), std::string("plain"), std::string("needs/a digest")}) {
      ASSERT_TRUE(isOutcome(store->setPage(key, page_), HICACHE_STORED));
      setLastUse(store->pathOf(key), 100);
    }
  }
  EXPECT_EQ(client.describedNumber("usage_bytes"), 6 * 8192);
  EXPECT_EQ(flat.describedNumber("usage_bytes"), 6 * 8192);
  close(flat);
  close(client);
  StoreClient& tight = openCounted(disk_.path(), {{"capacity_bytes", "4096"}});
  EXPECT_TRUE(soon([&] { return tight.evict().pages >= 0 && tight.describedNumber("usage_bytes") == 0; }));
  EXPECT_EQ(bytesOfPages(disk_.path()), 0);
}

TEST_F(EvictorTest, shouldEvictPagesFromBeforeADirectoryWasAdded) {
  StoreClient& alone = openCounted(disk_ / "a", {{"capacity_bytes", "1000000"}});
  fill(alone, 0, 20);
  close(alone);
  StoreClient& both = openCounted({disk_ / "a", disk_ / "b"}, {{"capacity_bytes", "1000000"}});
  EXPECT_LT(present(both, 0, 20).size(), 20u) << "names are spread over both directories now";
  EXPECT_EQ(both.describedNumber("usage_bytes"), 20 * 8192);
  close(both);
  StoreClient& tight = openCounted({disk_ / "a", disk_ / "b"}, {{"capacity_bytes", "8192"}});
  tight.evict();
  EXPECT_EQ(bytesOfPages(disk_ / "a"), 0);
}

TEST_F(EvictorTest, shouldSpareAPageThatIsUsedWhileARoundGoesOn) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 18);
  files_->hang(Kind::kRename);  // of the first page that goes
  EvictionResult result;
  std::thread round([&] { result = client.evict(); });
  ASSERT_TRUE(soon([&] { return files_->hangs(); }));
  for (uint64_t used : {0u, 1u}) setLastUse(client.pathOf(pageKey(used)), 0);
  files_->letGo();
  round.join();
  EXPECT_EQ(result.pages, 2);
  EXPECT_EQ(present(client, 0, 2).size(), 1u) << "of two that were chosen and then used, the one that was not yet gone";
  EXPECT_EQ(present(client, 2, 2), (Numbers{3})) << "the next one goes in its place";
}

// SGLang's test_start_only_runs_on_tp_rank_zero: ranks that share a directory do not fight over it.
TEST_F(EvictorTest, shouldHaveOneLeaderOfAllRanks) {
  SettingPairs first = kTwentyPages;
  first.insert(first.end(), {{"tp_rank", "0"}, {"tp_size", "2"}});
  SettingPairs second = kTwentyPages;
  second.insert(second.end(), {{"tp_rank", "1"}, {"tp_size", "2"}});
  StoreClient& leader = openCounted(disk_.path(), first);
  StoreClient& other = openCounted(disk_.path(), second);
  fill(leader, 0, 17);
  files_->hang(Kind::kRename);
  std::thread round([&] { EXPECT_EQ(leader.evict().pages, 1); });
  ASSERT_TRUE(soon([&] { return files_->hangs(); }));
  EXPECT_ERROR(other.evict(50), HICACHE_TIMEOUT, "other processes");
  files_->letGo();
  round.join();
  EXPECT_EQ(other.evict().pages, 0) << "what one has done the other need not do";
  EXPECT_EQ(other.describedNumber("usage_bytes"), 16 * 8192);
}

// SGLang's quota test of flaky unlinks.
TEST_F(EvictorTest, shouldGoOnAfterAPageThatCannotBeRemoved) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 18);
  files_->failKind(Kind::kRename, EIO);
  const EvictionResult none = client.evict();
  files_->failKind(Kind::kNone, 0);
  EXPECT_EQ(none.pages, 0);
  EXPECT_NE(none.problem.find("removing '"), std::string::npos) << none.problem;
  EXPECT_EQ(client.describedNumber("usage_bytes"), 18 * 8192);
  EXPECT_TRUE(soon([&] { return client.evict().pages == 0 && client.describedNumber("usage_bytes") == 16 * 8192; }));
  EXPECT_EQ(present(client, 0, 3), (Numbers{2}));
  EXPECT_EQ(client.described("eviction_problem"), "");
}

TEST_F(EvictorTest, shouldTakeOthersInThePlaceOfPagesThatCannotBeRemoved) {
  onSmallDisk(disk_.path(), 4 << 20, [this] {
    StoreClient& client = openCounted(disk_.path(), kTwentyPages);
    fill(client, 0, 18);
    for (uint64_t held : {0u, 1u, 3u}) holdInPlace(client.pathOf(pageKey(held)));
    const EvictionResult result = client.evict();
    EXPECT_EQ(result.pages, 2);
    EXPECT_NE(result.problem.find("removing '"), std::string::npos) << result.problem;
    EXPECT_EQ(present(client, 0, 6), (Numbers{0, 1, 3, 5}));
    EXPECT_EQ(client.describedNumber("usage_bytes"), 16 * 8192);
    EXPECT_EQ(client.described("eviction_problem"), result.problem);
    EXPECT_TRUE(close(client));
  });
}

TEST_F(EvictorTest, shouldTellWhyAFolderCannotBeRead) {
  StoreClient& client = openCounted(disk_.path(), kTwentyPages);
  fill(client, 0, 18);
  files_->failKind(Kind::kList, EIO);
  EXPECT_ERROR(client.evict(), HICACHE_IO, "listing '");
  files_->failKind(Kind::kNone, 0);
  EXPECT_EQ(client.evict().pages, 2) << "the leader of a failed round leads no more";
}

TEST_F(EvictorTest, shouldRefuseToEvictWhereEvictionIsOff) {
  EXPECT_ERROR(open(disk_.path()).evict(), HICACHE_UNSUPPORTED, "eviction is off");
  StoreClient& limited = openCounted(disk_.path(), {{"capacity_bytes", "1000000"}, {"l3_cleaner_enabled", "false"}});
  EXPECT_ERROR(limited.evict(), HICACHE_UNSUPPORTED, "eviction is off");
  EXPECT_EQ(limited.described("eviction"), "false");
  StoreClient& evicting = openCounted(disk_.path(), kTwentyPages);
  evicting.store().close(std::chrono::seconds(5));
  EXPECT_ERROR(evicting.evict(), HICACHE_CLOSED, "closed");
}

class TimeToLiveTest : public EvictionFixture {};

TEST_F(TimeToLiveTest, shouldMissAndRemoveAPageThatHasOutlivedItsTime) {
  StoreClient& client = openCounted(disk_.path(), {{"ttl_seconds", "100"}});
  fill(client, 0, 3, 0);
  setWritten(client.pathOf(pageKey(0)), 101);
  setWritten(client.pathOf(pageKey(1)), 90);
  EXPECT_TRUE(isOutcome(client.pin({pageKey(2)}, 3600000)[0], HICACHE_HIT));
  setWritten(client.pathOf(pageKey(2)), 1000);
  const PageMemory target(kPage);
  EXPECT_TRUE(isOutcome(client.getPage(pageKey(0), target), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.findPage(pageKey(0)), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.pin({pageKey(0)}, 1000)[0], HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.getPage(pageKey(1), target), HICACHE_HIT));
  EXPECT_TRUE(isOutcome(client.getPage(pageKey(2), target), HICACHE_MISS)) << "a pin does not lengthen a life";
  EXPECT_TRUE(fileExists(client.pathOf(pageKey(0))));
  EXPECT_EQ(client.evict().pages, 2);
  EXPECT_FALSE(fileExists(client.pathOf(pageKey(0))));
  EXPECT_FALSE(fileExists(client.pathOf(pageKey(2))));
  EXPECT_TRUE(fileExists(client.pathOf(pageKey(1))));
  ASSERT_TRUE(isOutcome(client.setPage(pageKey(0), page_), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.getPage(pageKey(0), target), HICACHE_HIT));
}

TEST_F(TimeToLiveTest, shouldRemoveExpiredPagesByItself) {
  StoreClient& writer = open(disk_.path());
  fill(writer, 0, 2);
  setWritten(writer.pathOf(pageKey(0)), 101);
  StoreClient& client = open(disk_.path(), {{"ttl_seconds", "100"}});
  EXPECT_TRUE(soon([&] { return !fileExists(writer.pathOf(pageKey(0))); }));
  EXPECT_TRUE(fileExists(writer.pathOf(pageKey(1))));
  EXPECT_TRUE(soon([&] { return client.describedNumber("evicted_pages") == 1; }));
}

TEST_F(TimeToLiveTest, shouldLetExpiredPagesGoBeforeOthers) {
  StoreClient& client = openCounted(disk_.path(), {{"ttl_seconds", "100"}, {"capacity_bytes", std::to_string(20 * 8192)}});
  fill(client, 0, 18);
  for (uint64_t expired : {12u, 17u}) setWritten(client.pathOf(pageKey(expired)), 200);
  EXPECT_EQ(client.evict().pages, 2);
  EXPECT_EQ(present(client, 0, 18).size(), 16u);
  EXPECT_FALSE(fileExists(client.pathOf(pageKey(12))));
}

// A file system that the test has for itself.
class WatermarkTest : public EvictionFixture {
 protected:
  static constexpr size_t kDisk = 4 << 20;
  const SettingPairs half_ = {{"l3_cleaner_high_watermark", "50"}, {"l3_cleaner_low_watermark", "25"}, {"min_free_bytes", "0"}};
  // Of the small disk, in percent.
  double usedShare() {
    const fs::space_info space = fs::space(disk_.path());
    return 100.0 * static_cast<double>(space.capacity - space.available) / static_cast<double>(space.capacity);
  }
};

TEST_F(WatermarkTest, shouldEvictDownToTheLowWatermarkOnceTheHighOneIsReached) {
  onSmallDisk(disk_.path(), kDisk, [this] {
    StoreClient& client = openCounted(disk_.path(), half_);
    for (uint64_t i = 0; usedShare() < 40; ++i) fill(client, i, 1, 10000 - static_cast<double>(i));
    EXPECT_EQ(client.describedNumber("eviction_rounds"), 0) << "below the high watermark";
    uint64_t last = 0;
    for (uint64_t i = 1000; usedShare() < 51; last = i++) fill(client, i, 1, 5000 - static_cast<double>(i));
    EXPECT_TRUE(soon([&] { return client.describedNumber("eviction_rounds") > 0 && usedShare() <= 25; })) << usedShare();
    EXPECT_GT(usedShare(), 15) << "more than was needed";
    EXPECT_EQ(present(client, 0, 20), Numbers()) << "the oldest";
    EXPECT_EQ(present(client, last, 1), Numbers{last}) << "the newest";
    EXPECT_TRUE(close(client));
  });
}

// SGLang's test_without_capacity_uses_filesystem_usage.
TEST_F(WatermarkTest, shouldCountWhatOthersKeepOnTheFileSystem) {
  onSmallDisk(disk_.path(), kDisk, [this] {
    StoreClient& client = openCounted(disk_ / "pages", half_);
    fill(client, 0, 10);
    writeFile(disk_ / "of-others", std::string(kDisk * 6 / 10, 'x'));
    EXPECT_TRUE(soon([&] { return present(client, 0, 10).empty(); }));
    EXPECT_TRUE(fileExists(disk_ / "of-others"));
    EXPECT_TRUE(close(client));
  });
}

// SGLang's test_capacity_below_high_watermark_keeps_everything.
TEST_F(WatermarkTest, shouldGoByTheCapacityAloneWhereSglangsKeyGivesOne) {
  onSmallDisk(disk_.path(), kDisk, [this] {
    SettingPairs settings = half_;
    settings.emplace_back("l3_cleaner_capacity_gb", "0.001");  // 1073741 bytes
    StoreClient& client = openCounted(disk_ / "pages", settings);
    fill(client, 0, 10);
    writeFile(disk_ / "of-others", std::string(kDisk * 6 / 10, 'x'));
    EXPECT_EQ(client.evict().pages, 0);
    fill(client, 10, 30);
    EXPECT_EQ(client.evict().pages, 40 - 268435 / 8192) << "25 % of the capacity";
    EXPECT_TRUE(close(client));
  });
}

}  // namespace
}  // namespace hicache
