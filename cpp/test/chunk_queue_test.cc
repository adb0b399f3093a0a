// SPDX-License-Identifier: Apache-2.0
#include "chunk_queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace hicache {
namespace {

using std::chrono::milliseconds;

class ChunkQueueTest : public testing::Test {
 protected:
  std::shared_ptr<Batch> make(int64_t id, size_t chunks, Clock::time_point deadline = Clock::now() + std::chrono::hours(1)) {
    auto batch = std::make_shared<Batch>(id, Operation::kExists, deadline, 1000, std::make_shared<EventQueue>());
    batch->setPages({}, {}, std::vector<Page>(chunks));
    batch->setChunkCount(chunks);
    return batch;
  }
  static std::vector<Chunk> chunksOf(const std::shared_ptr<Batch>& batch) {
    std::vector<Chunk> chunks;
    for (size_t i = 0; i < batch->pages().size(); ++i) chunks.push_back({batch, i, i + 1});
    return chunks;
  }
  std::optional<Chunk> take(const Lane* lane, bool wait = false) { return queue_.take(lane, not_retired_, wait); }

  // The queue compares lanes and never looks into them.
  const Lane* const first_ = reinterpret_cast<const Lane*>(0x1000);
  const Lane* const second_ = reinterpret_cast<const Lane*>(0x2000);
  const std::atomic<bool> not_retired_{false};
  ChunkQueue queue_;
};

TEST_F(ChunkQueueTest, shouldHandOutChunksInOrderAndKnowWhoHasThem) {
  auto batch = make(1, 3);
  ASSERT_TRUE(queue_.submit(batch, chunksOf(batch)));
  EXPECT_EQ(queue_.activeCount(), 1u);
  std::optional<Chunk> one = take(first_);
  std::optional<Chunk> two = take(second_);
  std::optional<Chunk> three = take(first_);
  EXPECT_EQ(one->begin, 0u);
  EXPECT_EQ(two->begin, 1u);
  EXPECT_EQ(three->begin, 2u);
  EXPECT_FALSE(take(second_).has_value());
  EXPECT_EQ(queue_.lanesOf(*batch), (std::vector<const Lane*>{first_, second_, first_}));
  queue_.ended(first_, *one);
  EXPECT_EQ(queue_.lanesOf(*batch), (std::vector<const Lane*>{second_, first_}));
  EXPECT_FALSE(queue_.waitIdle(Clock::now()));
  queue_.ended(first_, *three);
  queue_.ended(second_, *two);
  EXPECT_EQ(queue_.activeCount(), 0u);
  EXPECT_TRUE(queue_.waitIdle(Clock::now()));
  EXPECT_TRUE(queue_.lanesOf(*batch).empty());
}

TEST_F(ChunkQueueTest, shouldTakeNothingNewOnceClosed) {
  auto batch = make(1, 1);
  ASSERT_TRUE(queue_.submit(batch, chunksOf(batch)));
  queue_.close();
  EXPECT_FALSE(queue_.submit(make(2, 1), {}));
  std::optional<Chunk> chunk = take(first_);
  ASSERT_TRUE(chunk.has_value()) << "what was queued before is still done";
  queue_.ended(first_, *chunk);
}

TEST_F(ChunkQueueTest, shouldGiveARetiredLaneNothing) {
  auto batch = make(1, 1);
  ASSERT_TRUE(queue_.submit(batch, chunksOf(batch)));
  const std::atomic<bool> retired{true};
  EXPECT_FALSE(queue_.take(first_, retired, true).has_value());
  queue_.ended(second_, *take(second_));
}

TEST_F(ChunkQueueTest, shouldWakeALaneForAChunkForItsRetirementAndForTheEnd) {
  auto batch = make(1, 1);
  std::thread submitter([&] { queue_.submit(batch, chunksOf(batch)); });
  std::optional<Chunk> chunk = take(first_, true);
  submitter.join();
  ASSERT_TRUE(chunk.has_value());
  queue_.ended(first_, *chunk);

  std::atomic<bool> retired{false};
  std::thread pool([&] {
    retired = true;
    queue_.wakeAll();
  });
  EXPECT_FALSE(queue_.take(first_, retired, true).has_value());
  pool.join();

  std::thread stopper([&] { queue_.stop(); });
  EXPECT_FALSE(take(first_, true).has_value());
  stopper.join();
  EXPECT_FALSE(queue_.waitForDeadline());
}

TEST_F(ChunkQueueTest, shouldWaitForTheNearestDeadline) {
  auto late = make(1, 1);
  ASSERT_TRUE(queue_.submit(late, chunksOf(late)));
  // A nearer deadline wakes the one who waits for the later one.
  auto soon = make(2, 1, Clock::now() + milliseconds(50));
  std::thread submitter([&] { queue_.submit(soon, chunksOf(soon)); });
  while (Clock::now() < soon->deadline()) ASSERT_TRUE(queue_.waitForDeadline());
  submitter.join();
  EXPECT_EQ(queue_.activeBatches().size(), 2u);
  for (int i = 0; i < 2; ++i) queue_.ended(first_, *take(first_));
}

TEST_F(ChunkQueueTest, shouldNotWakeForADeadlineOfABatchThatIsSettled) {
  // Both its keys are settled, one chunk is still under way: nothing is left to time out.
  auto batch = make(1, 2, Clock::now() - milliseconds(1));
  batch->settleEarly(1, PageResult::of(HICACHE_SKIPPED));
  ASSERT_TRUE(queue_.submit(batch, chunksOf(batch)));
  std::optional<Chunk> chunk = take(first_);
  batch->endChunk(0, {PageResult::of(HICACHE_HIT)});
  queue_.ended(first_, *chunk);
  EXPECT_FALSE(batch->abandon("late"));
  std::thread stopper([&] {
    std::this_thread::sleep_for(milliseconds(50));
    queue_.stop();
  });
  int wakes = 0;
  while (queue_.waitForDeadline()) ++wakes;
  stopper.join();
  EXPECT_LE(wakes, 1) << "the supervisor spins";
  queue_.ended(first_, *take(first_));
}

}  // namespace
}  // namespace hicache
