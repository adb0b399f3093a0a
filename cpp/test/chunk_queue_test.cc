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
  std::vector<std::shared_ptr<Batch>> overdue_;
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
  EXPECT_FALSE(queue_.waitForDeadline(&overdue_));
}

TEST_F(ChunkQueueTest, shouldWaitForTheNearestDeadline) {
  auto late = make(1, 1);
  ASSERT_TRUE(queue_.submit(late, chunksOf(late)));
  // A nearer deadline wakes the one who waits for the later one.
  auto soon = make(2, 1, Clock::now() + milliseconds(50));
  std::thread submitter([&] { queue_.submit(soon, chunksOf(soon)); });
  while (overdue_.empty()) ASSERT_TRUE(queue_.waitForDeadline(&overdue_));
  submitter.join();
  EXPECT_GE(Clock::now(), soon->deadline());
  EXPECT_EQ(overdue_, std::vector<std::shared_ptr<Batch>>{soon});
  EXPECT_EQ(queue_.activeBatches().size(), 2u);
  for (int i = 0; i < 2; ++i) queue_.ended(first_, *take(first_));
}

TEST_F(ChunkQueueTest, shouldHandOutABatchThatIsOverdueOnceThoughItIsSettled) {
  // A cancelled batch has no open key, and a chunk of it may hang in a lane.
  auto batch = make(1, 1, Clock::now() - milliseconds(1));
  ASSERT_TRUE(queue_.submit(batch, chunksOf(batch)));
  std::optional<Chunk> chunk = take(first_);
  ASSERT_TRUE(batch->cancel());
  while (overdue_.empty()) ASSERT_TRUE(queue_.waitForDeadline(&overdue_));
  EXPECT_EQ(overdue_, std::vector<std::shared_ptr<Batch>>{batch});
  std::thread stopper([&] {
    std::this_thread::sleep_for(milliseconds(50));
    queue_.stop();
  });
  int wakes = 0;
  while (queue_.waitForDeadline(&overdue_)) {
    EXPECT_TRUE(overdue_.empty()) << "handed out twice";
    ++wakes;
  }
  stopper.join();
  EXPECT_LE(wakes, 1) << "the supervisor spins";
  queue_.ended(first_, *chunk);
}

TEST_F(ChunkQueueTest, shouldWithdrawOnlyWhatNoLaneHasTaken) {
  auto one = make(1, 3);
  auto other = make(2, 2);
  ASSERT_TRUE(queue_.submit(one, chunksOf(one)));
  ASSERT_TRUE(queue_.submit(other, chunksOf(other)));
  std::optional<Chunk> taken = take(first_);
  const std::vector<Chunk> withdrawn = queue_.withdraw(*one);
  ASSERT_EQ(withdrawn.size(), 2u);
  EXPECT_EQ(withdrawn[0].begin, 1u);
  EXPECT_EQ(withdrawn[1].begin, 2u);
  EXPECT_TRUE(queue_.withdraw(*one).empty());
  EXPECT_EQ(queue_.activeCount(), 2u) << "not before they have ended";
  for (const Chunk& chunk : withdrawn) queue_.ended(nullptr, chunk);
  EXPECT_EQ(queue_.lanesOf(*one), std::vector<const Lane*>{first_});
  queue_.ended(first_, *taken);
  EXPECT_EQ(queue_.activeCount(), 1u);
  for (size_t i = 0; i < 2; ++i) {
    std::optional<Chunk> chunk = take(first_);
    ASSERT_TRUE(chunk.has_value());
    EXPECT_EQ(chunk->batch, other);
    EXPECT_EQ(chunk->begin, i) << "the others keep their order";
    queue_.ended(first_, *chunk);
  }
  EXPECT_TRUE(queue_.waitIdle(Clock::now()));
}

}  // namespace
}  // namespace hicache
