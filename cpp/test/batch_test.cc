// SPDX-License-Identifier: Apache-2.0
#include "batch.h"

#include <gtest/gtest.h>

#include <thread>

#include "batch_checks.h"
#include "store_fixture.h"

namespace hicache {
namespace {

using std::chrono::milliseconds;

class BatchTest : public testing::Test {
 protected:
  // A batch of keys of one letter: "a", "b", ...
  std::shared_ptr<Batch> make(size_t keys, size_t chunks, Operation operation = Operation::kSet) {
    auto batch = std::make_shared<Batch>(7, operation, Clock::now() + std::chrono::hours(1), 1234, events_);
    std::vector<char> text;
    for (size_t i = 0; i < keys; ++i) text.push_back(static_cast<char>('a' + i));
    std::vector<Page> pages(keys);
    for (size_t i = 0; i < keys; ++i) pages[i].name = std::string_view(&text[i], 1);
    batch->setPages(std::move(text), {}, std::move(pages));
    batch->setChunkCount(chunks);
    return batch;
  }

  static std::vector<PageResult> stored(size_t count) {
    return std::vector<PageResult>(count, PageResult::of(HICACHE_STORED, 10));
  }

  std::vector<int32_t> outcomesOf(const Batch& batch) {
    std::vector<int32_t> outcomes(batch.pages().size());
    std::vector<int64_t> lengths(outcomes.size());
    std::vector<int32_t> flags(outcomes.size());
    batch.results(static_cast<int64_t>(outcomes.size()), outcomes.data(), lengths.data(), flags.data());
    return outcomes;
  }

  // The bits of the next event, 0 when there is none.
  int32_t nextBits() {
    auto event = events_->next(milliseconds(0));
    if (!event) return 0;
    EXPECT_EQ(event->batch, 7);
    return event->bits;
  }

  std::shared_ptr<EventQueue> events_ = std::make_shared<EventQueue>();
};

constexpr int32_t kBoth = HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED;

TEST_F(BatchTest, shouldCompleteWhenTheLastChunkEnds) {
  auto batch = make(3, 2);
  EXPECT_EQ(batch->pages()[2].name.key, "c");
  batch->endChunk(0, stored(2));
  EXPECT_EQ(nextBits(), 0);
  EXPECT_FALSE(batch->released());
  batch->endChunk(2, stored(1));
  EXPECT_EQ(nextBits(), kBoth);
  EXPECT_EQ(nextBits(), 0);
  EXPECT_TRUE(batch->released());
  EXPECT_EQ(outcomesOf(*batch), (std::vector<int32_t>{HICACHE_STORED, HICACHE_STORED, HICACHE_STORED}));
}

TEST_F(BatchTest, shouldCompleteBeforeItIsReleasedWhenItTimesOut) {
  auto batch = make(3, 2);
  batch->endChunk(0, stored(1));
  EXPECT_TRUE(batch->abandon("the storage sleeps"));
  EXPECT_TRUE(batch->abandoned());
  EXPECT_EQ(nextBits(), HICACHE_EVENT_COMPLETED);
  EXPECT_FALSE(batch->released());
  EXPECT_EQ(outcomesOf(*batch), (std::vector<int32_t>{HICACHE_STORED, HICACHE_TIMED_OUT, HICACHE_TIMED_OUT}));
  const std::string cause = batch->cause(1)->what();
  EXPECT_EQ(batch->cause(1)->code(), HICACHE_TIMEOUT);
  EXPECT_EQ(batch->cause(0), nullptr);
  EXPECT_NE(cause.find("set of 3 keys, 1 of them done, deadline 1234 ms: the storage sleeps"), std::string::npos) << cause;

  EXPECT_FALSE(batch->abandon("again"));
  EXPECT_EQ(nextBits(), 0);
  batch->endChunk(1, stored(2));
  EXPECT_EQ(nextBits(), HICACHE_EVENT_RELEASED);
  EXPECT_EQ(outcomesOf(*batch)[1], HICACHE_TIMED_OUT) << "what comes late changes no outcome";
}

TEST_F(BatchTest, shouldNotTimeOutWhatIsSettled) {
  auto batch = make(1, 1);
  batch->endChunk(0, stored(1));
  EXPECT_FALSE(batch->abandon("too late"));
  EXPECT_EQ(outcomesOf(*batch), std::vector<int32_t>{HICACHE_STORED});
  EXPECT_FALSE(batch->abandoned());
}

TEST_F(BatchTest, shouldSettleWhatIsOpenWhenItIsCancelledAndNothingElse) {
  auto batch = make(3, 2);
  batch->endChunk(0, stored(1));
  EXPECT_TRUE(batch->cancel());
  EXPECT_TRUE(batch->abandoned());
  EXPECT_TRUE(batch->allSettled());
  EXPECT_EQ(nextBits(), HICACHE_EVENT_COMPLETED);
  EXPECT_FALSE(batch->released());
  EXPECT_FALSE(batch->cancel()) << "nothing is open any more";
  EXPECT_FALSE(batch->abandon("the deadline comes later"));
  batch->endChunk(1, stored(2));
  EXPECT_EQ(nextBits(), HICACHE_EVENT_RELEASED);
  EXPECT_EQ(nextBits(), 0);
  EXPECT_EQ(outcomesOf(*batch), (std::vector<int32_t>{HICACHE_STORED, HICACHE_CANCELLED, HICACHE_CANCELLED}));
  EXPECT_EQ(batch->cause(1), nullptr) << "its cause is the caller";

  auto done = make(1, 1);
  done->endChunk(0, stored(1));
  EXPECT_FALSE(done->cancel());
  EXPECT_FALSE(done->abandoned());
}

TEST_F(BatchTest, shouldGiveOneWhoWaitsTheCancelAndTheQueueTheRelease) {
  auto batch = make(1, 1);
  std::thread canceller([&] { batch->cancel(); });
  int32_t bits = batch->wait(std::chrono::minutes(1));
  canceller.join();
  EXPECT_EQ(bits == 0 ? nextBits() : bits, HICACHE_EVENT_COMPLETED);
  batch->endChunk(0, {});
  EXPECT_EQ(nextBits(), HICACHE_EVENT_RELEASED);
}

TEST_F(BatchTest, shouldKeepWhatIsSettledEarly) {
  auto batch = make(3, 1);
  batch->settleEarly(1, PageResult::failed(Error(HICACHE_INVALID_ARGUMENT, "bad")));
  EXPECT_TRUE(batch->settledEarly(1));
  EXPECT_FALSE(batch->settledEarly(0));
  EXPECT_FALSE(batch->allSettled());
  batch->endChunk(0, stored(3));
  EXPECT_EQ(outcomesOf(*batch), (std::vector<int32_t>{HICACHE_STORED, HICACHE_FAILED, HICACHE_STORED}));
  EXPECT_EQ(nextBits(), kBoth);
}

TEST_F(BatchTest, shouldCompleteAnEmptyBatchAtOnce) {
  auto batch = make(0, 0);
  EXPECT_TRUE(batch->allSettled());
  batch->completeEmpty();
  EXPECT_EQ(nextBits(), kBoth);
  EXPECT_TRUE(batch->released());
  EXPECT_FALSE(batch->abandon("late"));
}

TEST_F(BatchTest, shouldCopyNoMoreResultsThanAskedFor) {
  auto batch = make(3, 1);
  int32_t outcomes[3] = {-1, -1, -1};
  int64_t lengths[3] = {-1, -1, -1};
  int32_t flags[3] = {-1, -1, -1};
  EXPECT_EQ(batch->results(2, outcomes, lengths, flags), 3);
  EXPECT_EQ(outcomes[1], HICACHE_PENDING);
  EXPECT_EQ(outcomes[2], -1);
  EXPECT_EQ(batch->results(-5, nullptr, nullptr, nullptr), 3);
  EXPECT_EQ(batch->results(100, outcomes, lengths, flags), 3);
  EXPECT_EQ(batch->cause(-1), nullptr);
  EXPECT_EQ(batch->cause(3), nullptr);
  batch->abandon("done");
  batch->endChunk(0, {});
}

TEST_F(BatchTest, shouldGiveItsCompletionToOneWhoWaitsForIt) {
  auto batch = make(2, 2);
  EXPECT_EQ(batch->wait(milliseconds(1)), 0) << "nothing has happened yet";
  std::thread lane([&] {
    batch->endChunk(0, stored(1));
    batch->endChunk(1, stored(1));
  });
  int32_t bits = batch->wait(std::chrono::minutes(1));
  lane.join();
  // Either the waiter has the event or the queue, never both.
  EXPECT_EQ(bits == 0 ? nextBits() : bits, kBoth);
  EXPECT_EQ(nextBits(), 0);
  EXPECT_EQ(batch->wait(std::chrono::minutes(1)), 0) << "the event is given once";
}

TEST_F(BatchTest, shouldGiveOneWhoWaitsTheTimeOutAndTheQueueTheRelease) {
  auto batch = make(1, 1);
  std::thread supervisor([&] { batch->abandon("too slow"); });
  int32_t bits = batch->wait(std::chrono::minutes(1));
  supervisor.join();
  EXPECT_EQ(bits == 0 ? nextBits() : bits, HICACHE_EVENT_COMPLETED);
  batch->endChunk(0, stored(1));
  EXPECT_EQ(nextBits(), HICACHE_EVENT_RELEASED);
}

TEST(EventQueueTest, shouldHandOutWhatIsLeftAfterItCloses) {
  EventQueue events;
  bool finished_early = true;
  EXPECT_FALSE(events.next(milliseconds(1), &finished_early).has_value());
  EXPECT_FALSE(finished_early);
  events.push({1, HICACHE_EVENT_COMPLETED});
  events.push({2, HICACHE_EVENT_COMPLETED});
  events.close();
  EXPECT_EQ(events.next(milliseconds(0))->batch, 1);
  EXPECT_EQ(events.next(milliseconds(0))->batch, 2);
  EXPECT_FALSE(events.next(std::chrono::hours(1)).has_value()) << "a closed queue does not wait";
}

TEST(EventQueueTest, shouldWakeAReaderThatWaits) {
  EventQueue events;
  std::thread writer([&] { events.push({3, HICACHE_EVENT_RELEASED}); });
  auto event = events.next(std::chrono::minutes(1));
  writer.join();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->batch, 3);
  std::thread closer([&] { events.close(); });
  EXPECT_FALSE(events.next(std::chrono::minutes(1)).has_value());
  closer.join();
}

TEST(BatchChecksTest, shouldRefuseACallThatMakesNoSense) {
  const int8_t keys[] = {'a', 'b'};
  const int32_t key_lengths[] = {1, 1};
  const int64_t numbers[] = {4096, 4096};
  const int32_t ranks[] = {1, 1};
  BatchRequest good = {Operation::kSet, 2, keys, key_lengths, nullptr, 1000};
  good.addresses = good.lengths = good.dims = numbers;
  good.dtypes = good.ranks = ranks;
  EXPECT_NO_THROW(requireSound(good));
  auto refused = [&](auto change, const char* text) {
    BatchRequest bad = good;
    change(bad);
    EXPECT_ERROR(requireSound(bad), HICACHE_INVALID_ARGUMENT, text);
  };
  refused([](BatchRequest& r) { r.timeout_millis = 0; }, "timeout of 0 ms");
  refused([](BatchRequest& r) { r.timeout_millis = -1; }, "timeout of -1 ms");
  refused([](BatchRequest& r) { r.count = -1; }, "-1 keys");
  refused([](BatchRequest& r) { r.keys = nullptr; }, "no keys");
  refused([](BatchRequest& r) { r.key_lengths = nullptr; }, "no keys");
  refused([](BatchRequest& r) { r.addresses = nullptr; }, "no addresses");
  refused([](BatchRequest& r) { r.lengths = nullptr; }, "no addresses or lengths");
  refused([](BatchRequest& r) { r.dims = nullptr; }, "go together");
  refused([](BatchRequest& r) { r.ranks = nullptr; }, "go together");
  const int32_t negative[] = {1, -1};
  refused([&](BatchRequest& r) { r.key_lengths = negative; }, "key 1 has a negative length");
  refused([&](BatchRequest& r) { r.ranks = negative; }, "page 1 has rank -1");
  const int32_t large[] = {1, 9};
  refused([&](BatchRequest& r) { r.ranks = large; }, "page 1 has rank 9");
}

}  // namespace
}  // namespace hicache
