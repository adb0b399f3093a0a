// SPDX-License-Identifier: Apache-2.0
//
// Transfers and file calls that do not come back, or come back late.
#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>
#include <thread>

#include "store_fixture.h"

namespace hicache {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int32_t kBoth = HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED;

class HangTest : public QueueFixture {
 protected:
  StoreClient& openOneLane(const SettingPairs& more = {}) {
    SettingPairs settings = {{"lanes", "1"}};
    settings.insert(settings.end(), more.begin(), more.end());
    return openQueue(disk_.path(), settings);
  }

  // Submits a batch of which a transfer hangs when its deadline comes, and waits for that. On a busy machine a lane may come
  // too late to post it at all: then the deadline is made longer.
  int64_t submitHanging(StoreClient& client, Operation operation, const std::vector<PageArgument>& pages,
                        int64_t first_few = 0) {
    const int64_t held_before = nixl_->heldCount();
    for (int64_t timeout_millis = 100;; timeout_millis *= 3) {
      nixl_->hold(FaultyNixl::kAll, first_few);
      int64_t batch = client.submit(operation, pages, timeout_millis);
      if (!client.waitFor(batch, HICACHE_EVENT_COMPLETED)) throw std::logic_error("a deadline is not kept");
      bool held = nixl_->heldCount() > held_before;
      nixl_->hold(0);
      if (held) return batch;
      client.waitFor(batch, kBoth);
    }
  }
  static testing::AssertionResult allTimedOut(const std::vector<PageResult>& results) {
    for (const PageResult& result : results) {
      testing::AssertionResult each = isFailure(result, HICACHE_TIMEOUT, "the storage did not answer in time");
      if (!each) return each;
    }
    return testing::AssertionSuccess();
  }
  static bool isInQuarantine(StoreClient& client, int lanes) {
    return soon([&] { return client.described("lanes_in_quarantine") == std::to_string(lanes); });
  }

  const PageMemory page_ = PageMemory::random(8192, testSeed());
  const PageMemory other_ = PageMemory::random(8192, testSeed() + 1);
  const PageMemory target_{8192};
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

TEST_P(HangTest, shouldKeepADeadlineWithinSeconds) {
  StoreClient& client = openOneLane();
  nixl_->hold();
  auto started = Clock::now();
  int64_t batch = client.submit(Operation::kSet, {{"key", page_}}, 300);
  ASSERT_TRUE(client.waitFor(batch, HICACHE_EVENT_COMPLETED));
  EXPECT_GE(Clock::now() - started, milliseconds(300)) << "too early";
  EXPECT_LT(Clock::now() - started, seconds(20)) << "too late, even for a busy machine";
}

TEST_P(HangTest, shouldKeepWhatWasDoneBeforeTheDeadline) {
  StoreClient& client = openOneLane({{"chunk_pages", "1"}, {"chunks_in_flight", "1"}});
  // The second of three chunks hangs: the first is stored, the third never begins.
  int64_t batch = submitHanging(client, Operation::kSet, {{"a", page_}, {"b", page_}, {"c", page_}}, 1);
  const std::vector<PageResult> results = client.resultsOf(batch);
  EXPECT_TRUE(isOutcome(results[0], HICACHE_STORED));
  EXPECT_TRUE(isFailure(results[1], HICACHE_TIMEOUT, "set of 3 keys, 1 of them done, deadline "));
  EXPECT_TRUE(isFailure(results[2], HICACHE_TIMEOUT));
  nixl_->letGo();
  ASSERT_TRUE(client.waitFor(batch, kBoth));
  EXPECT_TRUE(isOutcome(client.getPage("a", target_), HICACHE_HIT));
  EXPECT_TRUE(isOutcome(client.findPage("b"), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.findPage("c"), HICACHE_MISS));
}

TEST_P(HangTest, shouldFinishWhatAHangingLaneHoldsBeside) {
  StoreClient& client = openOneLane({{"chunks_in_flight", "4"}});
  nixl_->hold(1);
  int64_t hanging = client.submit(Operation::kSet, {{"hangs", page_}}, StoreClient::kTimeoutMillis);
  ASSERT_TRUE(soon([&] { return nixl_->heldCount() == 1; }));
  EXPECT_TRUE(isOutcome(client.setPage("beside", page_), HICACHE_STORED)) << "in the same lane, before the deadline";
  EXPECT_TRUE(isOutcome(client.getPage("beside", target_), HICACHE_HIT));
  EXPECT_EQ(client.eventsOf(hanging), 0);
  nixl_->letGo();
  ASSERT_TRUE(client.waitFor(hanging, kBoth));
  EXPECT_TRUE(isOutcome(client.resultsOf(hanging)[0], HICACHE_STORED)) << "late, and still in time";
}

TEST_P(HangTest, shouldCloseWithinItsBoundWhileATransferHangs) {
  StoreClient& client = openOneLane();
  nixl_->hold();
  int64_t batch = client.submit(Operation::kSet, {{"key", page_}}, StoreClient::kTimeoutMillis);
  ASSERT_TRUE(soon([&] { return nixl_->heldCount() == 1; }));
  auto started = Clock::now();
  EXPECT_FALSE(client.store().close(milliseconds(100)));
  EXPECT_LT(Clock::now() - started, seconds(10));
  EXPECT_EQ(client.eventsOf(batch), HICACHE_EVENT_COMPLETED);
  EXPECT_TRUE(isFailure(client.resultsOf(batch)[0], HICACHE_TIMEOUT, "the store was closed first"));
  EXPECT_FALSE(client.store().close(milliseconds(100))) << "idempotent";
  EXPECT_ERROR(client.submit(Operation::kSet, {{"key", page_}}, 1000), HICACHE_CLOSED, "closed");
  EXPECT_ERROR(client.submit(Operation::kSet, {}, 1000), HICACHE_CLOSED, "closed");
  EXPECT_EQ(nixl_->liveRequests(), 1);
  nixl_->letGo();
  EXPECT_TRUE(client.waitFor(batch, kBoth));
  EXPECT_TRUE(soon([&] { return nixl_->liveAgents() == 0; }));
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

TEST_P(HangTest, shouldRefuseWorkOnceSixteenLanesHang) {
  StoreClient& client = openOneLane();
  std::vector<int64_t> batches;
  for (int i = 0; i < 16; ++i) {
    batches.push_back(submitHanging(client, Operation::kSet, {{"key", page_}}));
    ASSERT_TRUE(isInQuarantine(client, i + 1));
  }
  EXPECT_ERROR(client.submit(Operation::kSet, {{"key", page_}}, 1000), HICACHE_BACKEND_UNAVAILABLE, "16 lanes wait");
  nixl_->letGo();
  for (int64_t batch : batches) EXPECT_TRUE(client.waitFor(batch, kBoth));
  ASSERT_TRUE(isInQuarantine(client, 0));
  EXPECT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
}

TEST_P(HangTest, shouldTimeOutAFileCallThatHangs) {
  StoreClient& client = openOneLane();
  ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  for (Operation operation : {Operation::kGet, Operation::kSet, Operation::kExists, Operation::kDelete}) {
    files_->hang(FaultyFiles::Kind::kOpenBeneath);
    int64_t batch = client.submit(operation, {{"key", target_}}, 200);
    ASSERT_TRUE(client.waitFor(batch, HICACHE_EVENT_COMPLETED));
    EXPECT_TRUE(allTimedOut(client.resultsOf(batch)));
    if (files_->hangs()) {
      EXPECT_EQ(client.eventsOf(batch), HICACHE_EVENT_COMPLETED);
      EXPECT_TRUE(isOutcome(client.setPage("beside", page_), HICACHE_STORED));
    }
    files_->letGo();
    EXPECT_TRUE(client.waitFor(batch, kBoth));
  }
}

// NIXL reports the first failure of POSIX AIO while other reads of the request still run.
TEST_P(HangTest, shouldTouchNoMemoryOnceItIsReleased) {
  StoreClient& client = openQueue(memory_.path(), {{"lanes", "1"}, {"chunk_bytes", "1073741824"}});
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

TEST_P(HangTest, shouldTakeTheLongestTimeout) {
  StoreClient& client = openOneLane();
  constexpr int64_t kForEver = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(isOutcome(client.set({{"key", page_}}, kForEver)[0], HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.get({{"key", target_}}, kForEver)[0], HICACHE_HIT));
  EXPECT_EQ(target_, page_);
}

INSTANTIATE_FOR_QUEUES(HangTest);

}  // namespace
}  // namespace hicache
