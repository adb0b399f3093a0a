// SPDX-License-Identifier: Apache-2.0
//
// Cancelled batches: settled at once, drained in their own time, whole pages or none.
#include <atomic>
#include <chrono>
#include <thread>

#include "hang_fixture.h"
#include "numbered_page.h"

namespace hicache {
namespace {

using std::chrono::milliseconds;

class CancelTest : public HangFixture {
 protected:
  // One page a chunk and one chunk in flight: what comes second waits in the queue.
  StoreClient& openNarrow() { return openOneLane({{"chunk_pages", "1"}, {"chunks_in_flight", "1"}}); }
  int64_t submitHeld(StoreClient& client, Operation operation, const std::vector<PageArgument>& pages,
                     int64_t timeout_millis = StoreClient::kTimeoutMillis, int64_t first_few = 0) {
    const int64_t held_before = nixl_->heldCount();
    nixl_->hold(FaultyNixl::kAll, first_few);
    int64_t batch = client.submit(operation, pages, timeout_millis);
    EXPECT_TRUE(soon([&] { return nixl_->heldCount() > held_before; }));
    nixl_->hold(0);
    return batch;
  }
  static testing::AssertionResult allCancelled(const std::vector<PageResult>& results) {
    for (const PageResult& result : results) {
      testing::AssertionResult each = isOutcome(result, HICACHE_CANCELLED);
      if (!each) return each;
    }
    return testing::AssertionSuccess();
  }
};

TEST_F(CancelTest, shouldSettleAtOnceWhatHangsAndNeverPublishIt) {
  StoreClient& client = openNarrow();
  ASSERT_TRUE(isOutcome(client.setPage("replaced", other_), HICACHE_STORED));
  int64_t batch = submitHeld(client, Operation::kSet, {{"replaced", page_}, {"new", page_}});
  EXPECT_EQ(client.eventsOf(batch), 0);
  EXPECT_TRUE(client.store().cancel(batch));
  EXPECT_EQ(client.eventsOf(batch), HICACHE_EVENT_COMPLETED) << "its memory is still in use";
  EXPECT_TRUE(allCancelled(client.resultsOf(batch)));
  EXPECT_FALSE(client.store().cancel(batch)) << "cancelled before";

  nixl_->letGo();
  ASSERT_TRUE(client.waitFor(batch, kBoth));
  EXPECT_TRUE(allCancelled(client.resultsOf(batch))) << "late success changes no outcome";
  EXPECT_TRUE(isOutcome(client.findPage("new"), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.getPage("replaced", target_), HICACHE_HIT));
  EXPECT_EQ(target_, other_) << "a cancelled set replaced a page";
  EXPECT_EQ(tempFilesBelow(client.store().layout().files().directories()[0].path), std::vector<std::string>());
}

TEST_F(CancelTest, shouldKeepWhatWasStoredBefore) {
  StoreClient& client = openNarrow();
  int64_t batch =
      submitHeld(client, Operation::kSet, {{"a", page_}, {"b", page_}, {"c", page_}}, StoreClient::kTimeoutMillis, 1);
  EXPECT_TRUE(client.store().cancel(batch));
  const std::vector<PageResult> results = client.resultsOf(batch);
  EXPECT_TRUE(isOutcome(results[0], HICACHE_STORED));
  EXPECT_TRUE(isOutcome(results[1], HICACHE_CANCELLED));
  EXPECT_TRUE(isOutcome(results[2], HICACHE_CANCELLED));
  nixl_->letGo();
  ASSERT_TRUE(client.waitFor(batch, kBoth));
  EXPECT_TRUE(isOutcome(client.getPage("a", target_), HICACHE_HIT));
  EXPECT_TRUE(isOutcome(client.findPage("b"), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.findPage("c"), HICACHE_MISS));
}

TEST_F(CancelTest, shouldEndAtOnceWhatWaitsInTheQueueWithoutTouchingAFile) {
  StoreClient& client = openNarrow();
  ASSERT_TRUE(isOutcome(client.setPage("there", page_), HICACHE_STORED));
  int64_t hanging = submitHeld(client, Operation::kSet, {{"hangs", page_}});
  // The only lane hangs with all it may hold. A file call would fail, and show.
  files_->failKind(FaultyFiles::Kind::kOpenBeneath, EIO);
  for (Operation operation : {Operation::kGet, Operation::kSet, Operation::kExists, Operation::kDelete}) {
    int64_t queued = client.submit(operation, {{"there", target_}, {"absent", target_}}, StoreClient::kTimeoutMillis);
    EXPECT_TRUE(client.store().cancel(queued));
    EXPECT_EQ(client.eventsOf(queued), kBoth) << "nobody has begun it: its memory is free";
    EXPECT_TRUE(allCancelled(client.resultsOf(queued)));
  }
  EXPECT_EQ(client.eventsOf(hanging), 0) << "others are left alone";
  files_->failKind(FaultyFiles::Kind::kNone, 0);
  nixl_->letGo();
  ASSERT_TRUE(client.waitFor(hanging, kBoth));
  EXPECT_TRUE(isOutcome(client.resultsOf(hanging)[0], HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.findPage("there"), HICACHE_HIT));
}

TEST_F(CancelTest, shouldRetireTheLaneOfACancelledBatchThatHangsAtItsDeadline) {
  StoreClient& client = openNarrow();
  int64_t batch = submitHeld(client, Operation::kSet, {{"hangs", page_}, {"queued", page_}}, 2000);
  EXPECT_TRUE(client.store().cancel(batch));
  EXPECT_TRUE(isInQuarantine(client, 0)) << "not before its deadline";
  EXPECT_TRUE(isInQuarantine(client, 1)) << "the only lane is lost to others";
  EXPECT_TRUE(isOutcome(client.setPage("beside", page_), HICACHE_STORED)) << "a new lane took its place";
  EXPECT_EQ(client.eventsOf(batch), HICACHE_EVENT_COMPLETED);
  EXPECT_TRUE(allCancelled(client.resultsOf(batch))) << "the deadline changes no outcome";
  nixl_->letGo();
  ASSERT_TRUE(client.waitFor(batch, kBoth));
  EXPECT_TRUE(isInQuarantine(client, 0));
  EXPECT_TRUE(isOutcome(client.findPage("hangs"), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.findPage("queued"), HICACHE_MISS));
}

TEST_F(CancelTest, shouldRetireTheLaneOfACancelledFileCallThatHangsAtItsDeadline) {
  StoreClient& client = openNarrow();
  ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  for (Operation operation : {Operation::kGet, Operation::kExists}) {
    files_->hang(operation == Operation::kGet ? FaultyFiles::Kind::kOpenBeneath : FaultyFiles::Kind::kStatusAt);
    int64_t batch = client.submit(operation, {{"key", target_}}, 2000);
    ASSERT_TRUE(soon([&] { return files_->hangs(); }));
    EXPECT_TRUE(client.store().cancel(batch));
    EXPECT_TRUE(isInQuarantine(client, 1));
    EXPECT_TRUE(isOutcome(client.setPage("beside", page_), HICACHE_STORED));
    files_->letGo();
    EXPECT_TRUE(client.waitFor(batch, kBoth));
    EXPECT_TRUE(allCancelled(client.resultsOf(batch)));
    EXPECT_TRUE(isInQuarantine(client, 0));
  }
}

TEST_F(CancelTest, shouldReleaseWhatWaitsInTheQueueWhenItTimesOutOrTheStoreCloses) {
  StoreClient& client = openNarrow();
  int64_t hanging = submitHeld(client, Operation::kSet, {{"hangs", page_}});
  int64_t late = client.submit(Operation::kSet, {{"late", page_}}, 50);
  ASSERT_TRUE(client.waitFor(late, kBoth)) << "it waits behind a lane that hangs, and is in nobody's hands";
  EXPECT_TRUE(allTimedOut(client.resultsOf(late)));
  EXPECT_TRUE(isInQuarantine(client, 0)) << "no lane had it";
  int64_t open = client.submit(Operation::kGet, {{"late", target_}}, StoreClient::kTimeoutMillis);
  EXPECT_FALSE(client.store().close(milliseconds(0)));
  EXPECT_EQ(client.eventsOf(open), kBoth);
  EXPECT_EQ(client.eventsOf(hanging), HICACHE_EVENT_COMPLETED);
  nixl_->letGo();
  EXPECT_TRUE(client.waitFor(hanging, kBoth));
}

TEST_F(CancelTest, shouldCloseWhileACancelledTransferHangs) {
  StoreClient& client = openNarrow();
  ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  int64_t batch = submitHeld(client, Operation::kGet, {{"key", target_}});
  EXPECT_TRUE(client.store().cancel(batch));
  EXPECT_FALSE(client.store().close(milliseconds(0))) << "a transfer hangs";
  EXPECT_EQ(nixl_->liveRequests(), 1) << "a request in flight is never released";
  EXPECT_EQ(client.eventsOf(batch), HICACHE_EVENT_COMPLETED);
  nixl_->letGo();
  EXPECT_TRUE(client.waitFor(batch, kBoth));
  EXPECT_TRUE(allCancelled(client.resultsOf(batch)));
}

// Sets, gets and cancels at random: a page is whole, of one that was set, or absent.
TEST_F(CancelTest, shouldLeaveWholePagesOrNoneUnderManyCancels) {
  StoreClient& client = open(storeConfig({memory_.path()}, queue(), {{"lanes", "2"}, {"chunk_pages", "2"}}));
  constexpr uint64_t kKeys = 8;
  std::atomic<int64_t> cancelled{0};
  const uint64_t seed = seeded()();
  auto work = [&](uint64_t worker) {
    std::mt19937_64 random(seed + worker);
    for (int round = 0; round < 100; ++round) {
      const uint64_t generation = worker * 1000 + static_cast<uint64_t>(round) + 1;
      std::vector<PageMemory> pages;
      std::vector<PageArgument> arguments;
      const Operation operation = random() % 3 == 0 ? Operation::kGet : Operation::kSet;
      for (uint64_t key = 0; key < kKeys; ++key) {
        pages.push_back(operation == Operation::kSet ? numberedPage(key, generation) : PageMemory(numberedSize(generation)));
      }
      for (uint64_t key = 0; key < kKeys; ++key) arguments.emplace_back(numberedKey(key), pages[key]);
      int64_t batch = client.submit(operation, arguments, StoreClient::kTimeoutMillis);
      for (uint64_t spin = random() % 20000; spin > 0; --spin) std::atomic_signal_fence(std::memory_order_seq_cst);
      bool open = client.store().cancel(batch);
      ASSERT_TRUE(client.waitFor(batch, kBoth));
      const std::vector<PageResult> results = client.resultsOf(batch);
      for (uint64_t key = 0; key < kKeys; ++key) {
        if (results[key].outcome == HICACHE_CANCELLED) ++cancelled;
        EXPECT_TRUE(open || results[key].outcome != HICACHE_CANCELLED);
        if (operation == Operation::kSet) {
          EXPECT_TRUE(results[key].outcome == HICACHE_STORED || results[key].outcome == HICACHE_CANCELLED);
        } else if (results[key].outcome == HICACHE_HIT) {
          uint64_t found = 0;
          EXPECT_TRUE(isNumberedPage(key, pages[key], &found)) << "a hit with a page that was never set";
        }
      }
      client.forget(batch);
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t worker = 0; worker < 4; ++worker) threads.emplace_back(work, worker);
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(cancelled.load(), 0);
  for (uint64_t key = 0; key < kKeys; ++key) {
    const PageResult found = client.findPage(numberedKey(key));
    if (found.outcome == HICACHE_MISS) continue;
    const PageMemory target(static_cast<size_t>(found.length));
    EXPECT_TRUE(isOutcome(client.getPage(numberedKey(key), target), HICACHE_HIT));
    uint64_t generation = 0;
    EXPECT_TRUE(isNumberedPage(key, target, &generation));
  }
  EXPECT_EQ(tempFilesBelow(memory_.path()), std::vector<std::string>());
}

}  // namespace
}  // namespace hicache
