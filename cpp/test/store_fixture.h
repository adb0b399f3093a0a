// SPDX-License-Identifier: Apache-2.0
//
// A test over stores. At its end no descriptor, thread, temp file, agent, registration or request may be left.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fake_cuda.h"
#include "faulty_files.h"
#include "faulty_nixl.h"
#include "process_census.h"
#include "scratch.h"
#include "store_client.h"

namespace hicache {

// The queues of NIXL's POSIX plugin, as hicache_store_describe names them.
inline const std::vector<std::string> kQueues = {"aio", "uring", "posix_aio"};

using SettingPairs = std::vector<std::pair<std::string, std::string>>;

// True when HICACHE_TEST_LAYOUT names the layout segments.
bool inSegments();
// True when it names objects: storeConfig then means the tests' S3 server (HICACHE_TEST_S3_*), a prefix for each directory.
bool inObjects();
// Why there is no such server; empty when the environment names one.
std::string whyServerMissing();
// For tests of what NIXL cannot do with objects.
#define SKIP_IN_OBJECTS(reason) \
  if (hicache::inObjects()) GTEST_SKIP() << "layout objects: " << reason

// A store's settings over POSIX with this queue; further ones are added at the end. HICACHE_TEST_LAYOUT in the environment: the
// layout of all stores that name none, so that one suite serves both; else files.
StoreConfig storeConfig(const std::vector<std::string>& directories, const std::string& queue, const SettingPairs& more = {});

// Why this machine refuses a queue; empty when it works.
std::string whyQueueRefused(const std::string& queue);
// The same, tried once in a process.
std::string whyQueueRefusedOnce(const std::string& queue);
// The first queue that works here.
std::string anyQueue();

class StoreFixture : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // The real file calls and CUDA, and NIXL seen through the fake, which only counts unless a test commands more.
  Outside outside();
  // Opens a store that the fixture closes at the end.
  StoreClient& open(const StoreConfig& config);
  StoreClient& open(const std::string& directory, const SettingPairs& more = {});
  // Closes and frees a store now; true when it drained.
  bool close(StoreClient& client);

  // All pages of the store's naming by their keys, each of them listed once; and the keys alone.
  static std::map<std::string, hicache_page_info> listed(StoreClient& client);
  static std::set<std::string> keysOf(StoreClient& client);
  // True once the condition holds; false when it does not within many seconds.
  static bool soon(const std::function<bool()>& condition);

  std::shared_ptr<FaultyNixl> nixl_ = std::make_shared<FaultyNixl>();
  std::shared_ptr<FaultyFiles> files_ = std::make_shared<FaultyFiles>();
  std::shared_ptr<FakeCuda> cuda_ = std::make_shared<FakeCuda>();
  ScratchDirectory disk_{Medium::kDisk};
  ScratchDirectory memory_{Medium::kMemory};

 private:
  Census before_;
  std::vector<std::string> directories_;
  std::vector<std::unique_ptr<StoreClient>> clients_;
};

// The same over each queue of the POSIX plugin; skipped where this machine refuses the queue.
class QueueFixture : public StoreFixture, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override;
  StoreClient& openQueue(const std::string& directory, const SettingPairs& more = {}) {
    return open(storeConfig({directory}, GetParam(), more));
  }
};

#define INSTANTIATE_FOR_QUEUES(suite) \
  INSTANTIATE_TEST_SUITE_P(Queues, suite, testing::ValuesIn(hicache::kQueues), [](const auto& info) { return info.param; })

// Readable failures: EXPECT_THAT-like checks of one page's result.
testing::AssertionResult isOutcome(const PageResult& result, hicache_outcome outcome);
testing::AssertionResult isFailure(const PageResult& result, Code code, const std::string& text = "");

// EXPECT_ERROR(expression, HICACHE_IO, "text in its message")
#define EXPECT_ERROR(expression, expected_code, text)                                   \
  try {                                                                                 \
    static_cast<void>(expression);                                                      \
    ADD_FAILURE() << #expression << " did not throw";                                   \
  } catch (const hicache::Error& error) {                                               \
    EXPECT_EQ(error.code(), expected_code) << error.what();                             \
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what(); \
  }

}  // namespace hicache
