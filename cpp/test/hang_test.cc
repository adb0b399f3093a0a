// SPDX-License-Identifier: Apache-2.0
//
// Transfers that do not come back, or come back late, in each queue.
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "hang_fixture.h"

namespace hicache {
namespace {

using std::chrono::milliseconds;

class HangTest : public HangFixture, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    HangFixture::SetUp();
    const std::string refused = whyQueueRefusedOnce(GetParam());
    if (!refused.empty()) GTEST_SKIP() << refused;
  }
  std::string queue() const override { return GetParam(); }
};

TEST_P(HangTest, shouldTimeOutASetThatHangsAndNeverPublishItsPage) {
  StoreClient& client = openOneLane();
  ASSERT_TRUE(isOutcome(client.setPage("replaced", other_), HICACHE_STORED));
  int64_t batch = submitHanging(client, Operation::kSet, {{"new", page_}, {"replaced", page_}});
  EXPECT_TRUE(allTimedOut(client.resultsOf(batch)));
  EXPECT_EQ(client.eventsOf(batch), HICACHE_EVENT_COMPLETED) << "its memory is still in use";
  EXPECT_TRUE(isInQuarantine(client, 1));

  // Others go on in a new lane, on the same keys too.
  EXPECT_TRUE(isOutcome(client.getPage("replaced", target_), HICACHE_HIT));
  EXPECT_EQ(target_, other_);
  EXPECT_TRUE(isOutcome(client.setPage("beside", page_), HICACHE_STORED));
  EXPECT_EQ(client.eventsOf(batch), HICACHE_EVENT_COMPLETED);

  nixl_->letGo();
  ASSERT_TRUE(client.waitFor(batch, kBoth));
  EXPECT_TRUE(allTimedOut(client.resultsOf(batch))) << "late success changes no outcome";
  EXPECT_TRUE(isInQuarantine(client, 0));
  EXPECT_TRUE(isOutcome(client.findPage("new"), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.getPage("replaced", target_), HICACHE_HIT));
  EXPECT_EQ(target_, other_) << "a late set replaced a page";
  EXPECT_EQ(tempFilesBelow(client.store().layout().files().directories()[0].path), std::vector<std::string>());
}

TEST_P(HangTest, shouldTimeOutAGetThatHangs) {
  StoreClient& client = openOneLane();
  ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  int64_t batch = submitHanging(client, Operation::kGet, {{"key", target_}});
  EXPECT_TRUE(allTimedOut(client.resultsOf(batch)));
  const PageMemory second(8192);
  EXPECT_TRUE(isOutcome(client.getPage("key", second), HICACHE_HIT));
  EXPECT_EQ(second, page_);
  nixl_->letGo();
  ASSERT_TRUE(client.waitFor(batch, kBoth));
  EXPECT_TRUE(allTimedOut(client.resultsOf(batch)));
}

TEST_P(HangTest, shouldKeepWhatAHangingTransferNeedsWhenTheStoreIsFreed) {
  StoreClient& client = openOneLane();
  nixl_->hold();
  client.submit(Operation::kSet, {{"key", page_}}, StoreClient::kTimeoutMillis);
  ASSERT_TRUE(soon([&] { return nixl_->heldCount() == 1; }));
  const std::string path = client.pathOf("key");
  EXPECT_FALSE(client.store().close(milliseconds(0)));
  close(client);
  EXPECT_EQ(nixl_->liveRequests(), 1);
  EXPECT_GT(files_->openCount(), 0) << "the file that the transfer writes to was closed under it";
  nixl_->letGo();
  EXPECT_TRUE(soon([&] { return nixl_->liveAgents() == 0 && files_->openCount() == 0; }));
  EXPECT_FALSE(fileExists(path));
}

// NIXL reports the first failure of POSIX AIO while other reads of the request still run.
TEST_P(HangTest, shouldTouchNoMemoryOnceItIsReleased) {
  StoreClient& client = open(storeConfig({memory_.path()}, GetParam(),
                                         {{"lanes", "1"}, {"chunk_bytes", "1073741824"}, {"request_bytes", "1073741824"}}));
  const PageMemory large = PageMemory::random(96 << 20, 1);
  const PageMemory target(large.size());
  ASSERT_TRUE(isOutcome(client.setPage("cut", page_), HICACHE_STORED));
  ASSERT_TRUE(isOutcome(client.setPage("large", large), HICACHE_STORED));
  int64_t batch = submitHanging(client, Operation::kGet, {{"cut", target_}, {"large", target}});
  std::filesystem::resize_file(client.pathOf("cut"), 0);
  nixl_->letGo();
  ASSERT_TRUE(client.waitFor(batch, kBoth));
  std::memset(target.data(), 0xEE, target.size());
  std::this_thread::sleep_for(milliseconds(200));
  size_t touched = 0;
  for (size_t i = 0; i < target.size(); ++i) touched += target.data()[i] != 0xEE ? 1 : 0;
  EXPECT_EQ(touched, 0u);
}

INSTANTIATE_FOR_QUEUES(HangTest);

}  // namespace
}  // namespace hicache
