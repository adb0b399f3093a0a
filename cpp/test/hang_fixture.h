// SPDX-License-Identifier: Apache-2.0
//
// Stores of one lane, and batches that hang in it.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "store_fixture.h"

namespace hicache {

inline constexpr int32_t kBoth = HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED;

class HangFixture : public StoreFixture {
 protected:
  virtual std::string queue() const { return anyQueue(); }
  StoreClient& openOneLane(const SettingPairs& more = {}) {
    SettingPairs settings = {{"lanes", "1"}};
    settings.insert(settings.end(), more.begin(), more.end());
    return open(storeConfig({disk_.path()}, queue(), settings));
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

}  // namespace hicache
