// SPDX-License-Identifier: Apache-2.0
//
// NIXL's Nth call fails, for every N until a set and a get pass untouched; and NIXL lies.
#include "store_fixture.h"

namespace hicache {
namespace {

class NixlFaultTest : public QueueFixture {
 protected:
  // Whatever went wrong: a hit has the bytes of an earlier set, and nothing is left in NIXL.
  void expectSound(StoreClient& client, const std::vector<PageArgument>& targets, const std::vector<PageMemory>& older,
                   const std::vector<PageMemory>& newer, const std::vector<PageResult>& stored,
                   const std::vector<PageResult>& got) {
    for (size_t i = 0; i < got.size(); ++i) {
      if (stored[i].outcome != HICACHE_STORED) {
        EXPECT_TRUE(isFailure(stored[i], HICACHE_TRANSFER_FAILED)) << i;
      }
      const PageMemory& expected = stored[i].outcome == HICACHE_STORED ? newer[i] : older[i];
      if (got[i].outcome == HICACHE_HIT) {
        EXPECT_EQ(std::memcmp(targets[i].address, expected.data(), expected.size()), 0) << "a hit with wrong bytes";
      } else {
        EXPECT_TRUE(isFailure(got[i], HICACHE_TRANSFER_FAILED)) << i;
        EXPECT_NE(got[i].cause->nixlStatus(), 0);
      }
    }
    EXPECT_EQ(nixl_->liveRequests(), 0);
    // A lane keeps its segments registered.
    if (!inSegments()) {
      EXPECT_EQ(nixl_->liveRegistrations(), 0);
    }
    EXPECT_TRUE(soon([&] { return client.described("batches") == "0"; }));
  }

  void failEveryCall(const std::string& directory, const std::vector<size_t>& lengths, SettingPairs more = {}) {
    more.emplace_back("lanes", "1");
    StoreClient& client = openQueue(directory, more);
    std::vector<PageMemory> older;
    std::vector<PageMemory> targets;
    std::vector<PageArgument> old_batch;
    std::vector<PageArgument> get;
    for (size_t i = 0; i < lengths.size(); ++i) {
      older.push_back(PageMemory::random(lengths[i], i, 1));
      targets.emplace_back(lengths[i], 2);
    }
    for (size_t i = 0; i < lengths.size(); ++i) {
      old_batch.emplace_back("page-" + std::to_string(i), older[i]);
      get.emplace_back("page-" + std::to_string(i), targets[i]);
    }
    for (int64_t nth = 1;; ++nth) {
      SCOPED_TRACE("call " + std::to_string(nth));
      for (const PageResult& result : client.set(old_batch)) ASSERT_TRUE(isOutcome(result, HICACHE_STORED));
      std::vector<PageMemory> newer;
      std::vector<PageArgument> set;
      for (size_t i = 0; i < lengths.size(); ++i) {
        newer.push_back(PageMemory::random(lengths[i], testSeed() + static_cast<uint64_t>(nth) * 100 + i, 3));
      }
      for (size_t i = 0; i < lengths.size(); ++i) set.emplace_back("page-" + std::to_string(i), newer[i]);

      nixl_->failCall(nth);
      const std::vector<PageResult> stored = client.set(set);
      const std::vector<PageResult> got = client.get(get);
      const bool failed = nixl_->hasFailed();
      nixl_->failCall(0);
      expectSound(client, get, older, newer, stored, got);

      for (const PageResult& result : client.set(set)) ASSERT_TRUE(isOutcome(result, HICACHE_STORED)) << "the next set";
      for (const PageResult& result : client.get(get)) ASSERT_TRUE(isOutcome(result, HICACHE_HIT)) << "the next get";
      for (size_t i = 0; i < lengths.size(); ++i) ASSERT_EQ(targets[i], newer[i]);
      EXPECT_EQ(tempFilesBelow(client.store().layout().files().directories()[0].path), std::vector<std::string>());
      if (!failed) {
        for (const PageResult& result : stored) EXPECT_TRUE(isOutcome(result, HICACHE_STORED));
        EXPECT_GT(nth, 12) << "set and get make more calls than that";
        break;
      }
    }
  }
};

TEST_P(NixlFaultTest, shouldGiveTheRightBytesOrATypedErrorWhicheverCallFailsForOnePage) {
  failEveryCall(memory_.path(), {5000});
}

TEST_P(NixlFaultTest, shouldGiveTheRightBytesOrATypedErrorWhicheverCallFailsForABatch) {
  failEveryCall(disk_.path(), {4096, 0, 5000, 8192});
}

TEST_P(NixlFaultTest, shouldGiveTheRightBytesOrATypedErrorWhicheverCallFailsForPagesInParts) {
  failEveryCall(memory_.path(), {4096, 12000, 0, 100, 8192}, {{"request_bytes", "4096"}});
}

TEST_P(NixlFaultTest, shouldSaveTheNeighboursOfOneFailedTransfer) {
  StoreClient& client = openQueue(memory_.path(), {{"lanes", "1"}});
  std::vector<PageMemory> pages;
  std::vector<PageArgument> batch;
  for (uint64_t i = 0; i < 8; ++i) pages.push_back(PageMemory::random(4096, i));
  for (size_t i = 0; i < 8; ++i) batch.emplace_back("page-" + std::to_string(i), pages[i]);
  // Calls of the set: two registrations, create, post. The whole request fails once, its pages then pass one by one.
  nixl_->failCall(4);
  // The queues that carry one page a request have no neighbours to try again.
  const size_t failures = GetParam() == "aio" ? 0 : 1;
  size_t failed = 0;
  for (const PageResult& result : client.set(batch)) {
    if (result.outcome == HICACHE_STORED) continue;
    EXPECT_TRUE(isFailure(result, HICACHE_TRANSFER_FAILED, "the transfer through POSIX failed"));
    ++failed;
  }
  EXPECT_EQ(failed, failures);
  EXPECT_TRUE(nixl_->hasFailed());
}

TEST_P(NixlFaultTest, shouldNotBelieveAReadThatDidNotHappen) {
  using Lie = FaultyNixl::Lie;
  for (const std::string& directory : {disk_.path(), memory_.path()}) {
    StoreClient& client = openQueue(directory, {{"lanes", "1"}});
    if (client.described("directory.0.attributes") != "true") GTEST_SKIP() << "no attributes in " << directory;
    for (size_t length : {1u, 4096u, 5000u, 16384u}) {
      const PageMemory page = PageMemory::random(length, testSeed());
      // Each byte differs, also where there is one.
      const PageMemory other(length);
      for (size_t i = 0; i < length; ++i) other.data()[i] = static_cast<uint8_t>(~page.data()[i]);
      ASSERT_TRUE(isOutcome(client.setPage("key", page), HICACHE_STORED));
      ASSERT_TRUE(isOutcome(client.setPage("other", other), HICACHE_STORED));
      for (size_t misalignment : {0u, 7u}) {
        for (Lie lie : {Lie::kMovesNothing, Lie::kMovesHalf, Lie::kFlipsAByte}) {
          const PageMemory target(length, misalignment);
          // So that no staging buffer holds the page already.
          ASSERT_TRUE(isOutcome(client.getPage("other", target), HICACHE_HIT));
          nixl_->lie(lie);
          const PageResult result = client.getPage("key", target);
          nixl_->lie(Lie::kNone);
          // Out of a segment it is read once more, without NIXL: its slot might have gone to another page.
          EXPECT_TRUE(inSegments() ? isOutcome(result, HICACHE_HIT) : isFailure(result, HICACHE_CORRUPT, "checksum differs"))
              << length << " bytes, lie " << static_cast<int>(lie);
          if (inSegments()) {
            EXPECT_EQ(target, page);
          }
          EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_HIT));
          EXPECT_EQ(target, page);
        }
      }
    }
  }
}

TEST_P(NixlFaultTest, shouldNeverServeAWriteThatDidNotHappen) {
  using Lie = FaultyNixl::Lie;
  for (const std::string& directory : {disk_.path(), memory_.path()}) {
    StoreClient& client = openQueue(directory);
    if (client.described("directory.0.attributes") != "true") GTEST_SKIP() << "no attributes in " << directory;
    for (size_t length : {1u, 4096u, 5000u, 16384u}) {
      for (Lie lie : {Lie::kMovesNothing, Lie::kMovesHalf, Lie::kFlipsAByte}) {
        const PageMemory page = PageMemory::random(length, testSeed());
        const PageMemory target(length);
        nixl_->lie(lie);
        client.setPage("key", page);
        nixl_->lie(Lie::kNone);
        EXPECT_TRUE(isFailure(client.getPage("key", target), HICACHE_CORRUPT)) << length << ", lie " << static_cast<int>(lie);
        const PageResult found = client.findPage("key");
        // Before a direct write its file has its length already: there only the checksum tells, and only a get computes it.
        bool sized = client.described("directory.0.direct_io") == "true" && length % kDirectIoAlignment == 0;
        if (inSegments()) {
          EXPECT_TRUE(isOutcome(found, HICACHE_MISS)) << "it was removed";
          continue;
        }
        if (lie != Lie::kFlipsAByte && !sized) {
          EXPECT_TRUE(isOutcome(found, HICACHE_MISS)) << "its length is wrong";
        }
      }
    }
  }
}

INSTANTIATE_FOR_QUEUES(NixlFaultTest);

}  // namespace
}  // namespace hicache
