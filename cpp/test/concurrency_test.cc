// SPDX-License-Identifier: Apache-2.0
//
// Many threads on few keys: a get sees one of the pages that were ever set under its key, or a miss.
#include <atomic>
#include <thread>

#include "numbered_page.h"
#include "store_fixture.h"

namespace hicache {
namespace {

class ConcurrencyTest : public QueueFixture {};

constexpr uint64_t kKeys = 16;
constexpr int kThreads = 8;
constexpr int kOperations = 120;

TEST_P(ConcurrencyTest, shouldServeOnlyPagesThatWereSet) {
  StoreClient& client = openQueue(memory_.path(), {{"lanes", "4"}, {"chunk_pages", "2"}});
  std::atomic<uint64_t> next_generation{1};
  std::atomic<int64_t> hits{0};
  const uint64_t seed = seeded()();
  auto work = [&](uint64_t worker) {
    std::mt19937_64 random(seed + worker);
    for (int i = 0; i < kOperations; ++i) {
      const uint64_t key = random() % kKeys;
      const uint64_t generation = next_generation.fetch_add(1);
      switch (random() % 5) {
        case 0:
        case 1: {
          const PageMemory first = numberedPage(key, generation);
          const PageMemory second = numberedPage((key + 1) % kKeys, generation);
          for (const PageResult& result : client.set({{numberedKey(key), first}, {numberedKey((key + 1) % kKeys), second}})) {
            EXPECT_TRUE(isOutcome(result, HICACHE_STORED));
          }
          break;
        }
        case 2:
        case 3: {
          // The length is a guess: another one is refused, and says so.
          const PageMemory target(numberedSize(generation));
          const PageResult result = client.getPage(numberedKey(key), target);
          uint64_t found = 0;
          if (result.outcome == HICACHE_HIT) {
            EXPECT_TRUE(isNumberedPage(key, target, &found)) << "a hit with a page that was never set";
            ++hits;
          } else if (result.outcome != HICACHE_MISS) {
            EXPECT_TRUE(isFailure(result, HICACHE_INVALID_ARGUMENT, "its target"));
          }
          break;
        }
        default: {
          const PageResult result =
              random() % 2 == 0 && !inObjects() ? client.removePage(numberedKey(key)) : client.findPage(numberedKey(key));
          EXPECT_TRUE(result.outcome == HICACHE_MISS || result.outcome == HICACHE_HIT || result.outcome == HICACHE_REMOVED);
        }
      }
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t worker = 0; worker < kThreads; ++worker) threads.emplace_back(work, worker);
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(hits.load(), 0);
}

TEST_P(ConcurrencyTest, shouldCloseUnderLoadWithoutLosingABatch) {
  StoreClient& client = openQueue(memory_.path(), {{"lanes", "2"}});
  std::vector<std::thread> threads;
  std::atomic<int64_t> refused{0};
  for (uint64_t worker = 0; worker < 4; ++worker) {
    threads.emplace_back([&, worker] {
      const PageMemory page = numberedPage(worker, 1);
      for (;;) {
        try {
          const PageResult result = client.setPage(numberedKey(worker), page);
          EXPECT_TRUE(isOutcome(result, HICACHE_STORED));
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), HICACHE_CLOSED) << error.what();
          ++refused;
          return;
        }
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_TRUE(client.store().close(std::chrono::seconds(60)));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused.load(), 4);
}

TEST_P(ConcurrencyTest, shouldKeepTwoStoresOnOneDirectoryApart) {
  StoreClient& first = openQueue(disk_.path());
  StoreClient& second = openQueue(disk_.path());
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (uint64_t generation = 1; generation <= 100; ++generation) {
      const PageMemory page = numberedPage(1, 7 * generation);
      EXPECT_TRUE(isOutcome(first.setPage(numberedKey(1), page), HICACHE_STORED));
    }
    done = true;
  });
  while (!done) {
    const PageMemory target(numberedSize(7));
    const PageResult result = second.getPage(numberedKey(1), target);
    uint64_t generation = 0;
    if (result.outcome == HICACHE_HIT) {
      EXPECT_TRUE(isNumberedPage(1, target, &generation));
    } else {
      EXPECT_TRUE(isOutcome(result, HICACHE_MISS)) << "a page is whole or absent";
    }
  }
  writer.join();
}

INSTANTIATE_FOR_QUEUES(ConcurrencyTest);

}  // namespace
}  // namespace hicache
