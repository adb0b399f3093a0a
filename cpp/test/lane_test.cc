// SPDX-License-Identifier: Apache-2.0
//
// What lanes do with batches that hang: deadlines, quarantine, closing.
#include <chrono>
#include <limits>

#include "hang_fixture.h"

namespace hicache {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LaneTest : public HangFixture {};

TEST_F(LaneTest, shouldKeepADeadlineWithinSeconds) {
  StoreClient& client = openOneLane();
  nixl_->hold();
  auto started = Clock::now();
  int64_t batch = client.submit(Operation::kSet, {{"key", page_}}, 300);
  ASSERT_TRUE(client.waitFor(batch, HICACHE_EVENT_COMPLETED));
  EXPECT_GE(Clock::now() - started, milliseconds(300)) << "too early";
  EXPECT_LT(Clock::now() - started, seconds(20)) << "too late, even for a busy machine";
}

TEST_F(LaneTest, shouldKeepWhatWasDoneBeforeTheDeadline) {
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

TEST_F(LaneTest, shouldHoldOneAgentForEachLane) {
  StoreClient& client = open(disk_.path(), {{"lanes", "3"}});
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(isOutcome(client.setPage("key" + std::to_string(i), page_), HICACHE_STORED));
    EXPECT_LE(nixl_->liveAgents(), 3);
  }
  EXPECT_GE(nixl_->liveAgents(), 1);
}

TEST_F(LaneTest, shouldFinishWhatAHangingLaneHoldsBeside) {
  if (queue() == "posix_aio") GTEST_SKIP() << "over POSIX AIO a lane has one request in flight";
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

TEST_F(LaneTest, shouldCloseWithinItsBoundWhileATransferHangs) {
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

TEST_F(LaneTest, shouldRefuseWorkOnceSixteenLanesHang) {
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

TEST_F(LaneTest, shouldTimeOutAFileCallThatHangs) {
  StoreClient& client = openOneLane();
  ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  const std::vector<std::pair<Operation, FaultyFiles::Kind>> calls = {{Operation::kGet, FaultyFiles::Kind::kOpenBeneath},
                                                                      {Operation::kSet, FaultyFiles::Kind::kOpenBeneath},
                                                                      {Operation::kExists, FaultyFiles::Kind::kStatusAt},
                                                                      {Operation::kDelete, FaultyFiles::Kind::kUnlink}};
  for (const auto& [operation, kind] : calls) {
    files_->hang(kind);
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

TEST_F(LaneTest, shouldTakeTheLongestTimeout) {
  StoreClient& client = openOneLane();
  constexpr int64_t kForEver = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(isOutcome(client.set({{"key", page_}}, kForEver)[0], HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.get({{"key", target_}}, kForEver)[0], HICACHE_HIT));
  EXPECT_EQ(target_, page_);
}

}  // namespace
}  // namespace hicache
