// SPDX-License-Identifier: Apache-2.0
//
// Sets that leave alone what is there, and removals of nothing but the page that was shown: what moves pages between stores
// that others use.
#include <thread>

#include "hang_fixture.h"
#include "page_listing.h"

namespace hicache {
namespace {

class KeepExistingTest : public HangFixture {
 protected:
  static hicache_page_info shown(StoreClient& client, const std::string& key) {
    hicache_page_info info = {};
    EXPECT_TRUE(findPage(client.store().parts(), key, &info)) << key;
    return info;
  }
  testing::AssertionResult holds(StoreClient& client, const std::string& key, const PageMemory& page) {
    testing::AssertionResult got = isOutcome(client.getPage(key, target_), HICACHE_HIT);
    if (!got) return got;
    return target_ == page ? testing::AssertionSuccess() : testing::AssertionFailure() << key << " has other bytes";
  }
};

TEST_F(KeepExistingTest, shouldLeaveAloneWhatIsThereWhateverItsBytes) {
  StoreClient& client = open(disk_.path());
  ASSERT_TRUE(isOutcome(client.setPage("other", other_), HICACHE_STORED));
  ASSERT_TRUE(isOutcome(client.setPage("same", page_), HICACHE_STORED));
  const std::vector<PageResult> results = client.setMissing({{"other", page_}, {"same", page_}, {"new", page_}});
  EXPECT_TRUE(isOutcome(results[0], HICACHE_SKIPPED));
  EXPECT_TRUE(isOutcome(results[1], HICACHE_SKIPPED));
  EXPECT_TRUE(isOutcome(results[2], HICACHE_STORED));
  EXPECT_TRUE(holds(client, "other", other_));
  EXPECT_TRUE(holds(client, "same", page_));
  EXPECT_TRUE(holds(client, "new", page_));
}

TEST_F(KeepExistingTest, shouldLeaveAloneWhatComesWhileTheSetIsUnderWay) {
  StoreClient& slow = openOneLane();
  StoreClient& quick = open(disk_.path());
  nixl_->hold(1);
  const int64_t batch = slow.submit(Operation::kSet, {{"key", page_}, {"free", page_}}, StoreClient::kTimeoutMillis, 0,
                                    HICACHE_SET_KEEP_EXISTING);
  ASSERT_TRUE(soon([&] { return nixl_->heldCount() == 1; }));
  ASSERT_TRUE(isOutcome(quick.setPage("key", other_), HICACHE_STORED));
  nixl_->letGo();
  ASSERT_TRUE(slow.waitFor(batch, kBoth));
  EXPECT_TRUE(isOutcome(slow.resultsOf(batch)[0], HICACHE_SKIPPED));
  EXPECT_TRUE(isOutcome(slow.resultsOf(batch)[1], HICACHE_STORED));
  EXPECT_TRUE(holds(slow, "key", other_));
  EXPECT_TRUE(holds(slow, "free", page_));
  EXPECT_EQ(tempFilesBelow(disk_.path()), std::vector<std::string>());
}

TEST_F(KeepExistingTest, shouldCountWhatWasKeptOutAsNothing) {
  const SettingPairs capacity = {{"capacity_bytes", "1048576"}};
  StoreClient& slow = openOneLane(capacity);
  ASSERT_TRUE(soon([&] { return slow.described("usage_ready") == "true"; }));
  nixl_->hold(1);
  const int64_t batch =
      slow.submit(Operation::kSet, {{"key", page_}}, StoreClient::kTimeoutMillis, 0, HICACHE_SET_KEEP_EXISTING);
  ASSERT_TRUE(soon([&] { return nixl_->heldCount() == 1; }));
  StoreClient& quick = open(disk_.path(), capacity);
  ASSERT_TRUE(isOutcome(quick.setPage("key", other_), HICACHE_STORED));
  nixl_->letGo();
  ASSERT_TRUE(slow.waitFor(batch, kBoth));
  EXPECT_TRUE(isOutcome(slow.resultsOf(batch)[0], HICACHE_SKIPPED));
  EXPECT_EQ(slow.describedNumber("usage_bytes"), static_cast<int64_t>(other_.size()));
}

TEST_F(KeepExistingTest, shouldLookFirstWhereTheFileSystemCannotRenameWithoutReplacing) {
  StoreClient& client = open(disk_.path());
  ASSERT_TRUE(isOutcome(client.setPage("there", other_), HICACHE_STORED));
  files_->failKind(FaultyFiles::Kind::kRenameNew, EINVAL);
  const std::vector<PageResult> results = client.setMissing({{"there", page_}, {"new", page_}});
  files_->failKind(FaultyFiles::Kind::kNone, 0);
  EXPECT_TRUE(isOutcome(results[0], HICACHE_SKIPPED));
  EXPECT_TRUE(isOutcome(results[1], HICACHE_STORED));
  EXPECT_TRUE(holds(client, "there", other_));
  EXPECT_TRUE(holds(client, "new", page_));
}

TEST_F(KeepExistingTest, shouldTakeThePlaceOfAPageWhoseTimeIsOver) {
  StoreClient& client = open(disk_.path(), {{"ttl_seconds", "1"}, {"l3_cleaner_enabled", "false"}});
  ASSERT_TRUE(isOutcome(client.setPage("key", other_), HICACHE_STORED));
  ASSERT_TRUE(soon([&] { return client.findPage("key").outcome == HICACHE_MISS; }));
  EXPECT_TRUE(isOutcome(client.setMissing({{"key", page_}})[0], HICACHE_STORED));
  EXPECT_TRUE(holds(client, "key", page_));
}

TEST_F(KeepExistingTest, shouldRemoveNothingButThePageThatWasShown) {
  StoreClient& client = open(disk_.path());
  const StoreParts& parts = client.store().parts();
  ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  const int64_t first = shown(client, "key").version;
  ASSERT_TRUE(isOutcome(client.getPage("key", target_), HICACHE_HIT));
  EXPECT_EQ(shown(client, "key").version, first) << "a use is no change";
  ASSERT_TRUE(isOutcome(client.setPage("key", other_), HICACHE_STORED));
  const int64_t second = shown(client, "key").version;
  EXPECT_NE(second, first);
  EXPECT_FALSE(removePage(parts, PageName("key"), first));
  EXPECT_TRUE(holds(client, "key", other_));
  EXPECT_TRUE(removePage(parts, PageName("key"), second));
  EXPECT_TRUE(isOutcome(client.findPage("key"), HICACHE_MISS));
  EXPECT_FALSE(removePage(parts, PageName("key"), second)) << "it is gone";
}

TEST_F(KeepExistingTest, shouldListPagesWithTheVersionThatALookUpShows) {
  StoreClient& client = open(disk_.path());
  ASSERT_TRUE(isOutcome(client.setPage("a", page_), HICACHE_STORED));
  ASSERT_TRUE(isOutcome(client.setPage("b", page_), HICACHE_STORED));
  const std::map<std::string, hicache_page_info> pages = listed(client);
  for (const auto& [key, info] : pages) EXPECT_EQ(info.version, shown(client, key).version) << key;
  EXPECT_EQ(pages.size(), 2u);
}

TEST_F(KeepExistingTest, shouldSayHowMuchMayStillBeSet) {
  StoreClient& client = open(disk_.path(), {{"min_free_bytes", "0"}});
  StoreClient& careful = open(disk_.path(), {{"min_free_bytes", std::to_string(int64_t{1} << 60)}});
  EXPECT_GT(client.describedNumber("directory.0.room_bytes"), 0);
  EXPECT_EQ(careful.describedNumber("directory.0.room_bytes"), 0);
  EXPECT_EQ(client.describedNumber("directory.0.free_slot_bytes"), 0);
  ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  if (inSegments()) {
    EXPECT_GT(client.describedNumber("directory.0.free_slot_bytes"), 0);
  }
}

}  // namespace
}  // namespace hicache
