// SPDX-License-Identifier: Apache-2.0
//
// The Nth file call fails, for every N until all operations pass untouched.
#include <cerrno>

#include "page_listing.h"
#include "store_fixture.h"

namespace hicache {
namespace {

using Kind = FaultyFiles::Kind;

class FileFaultTest : public StoreFixture, public testing::WithParamInterface<int> {
 protected:
  void failEachCallOfAFewOperations(StoreClient& client);

  // The outcome that the operation has when nothing fails, or a failure that tells the errno.
  testing::AssertionResult isEither(const PageResult& result, hicache_outcome good) {
    if (result.outcome == good) return testing::AssertionSuccess();
    testing::AssertionResult typed = isFailure(result, codeOfErrno(GetParam()));
    if (typed && result.cause->errorNumber() != GetParam())
      return testing::AssertionFailure() << "errno lost: " << result.cause->what();
    return typed;
  }
};

void FileFaultTest::failEachCallOfAFewOperations(StoreClient& client) {
  const PageMemory older = PageMemory::random(4096, 1);
  const PageMemory target(4096);
  const std::string key = "../needs a digest";
  for (int64_t nth = 1;; ++nth) {
    SCOPED_TRACE("call " + std::to_string(nth));
    ASSERT_TRUE(isOutcome(client.setPage(key, older), HICACHE_STORED));
    const PageMemory newer = PageMemory::random(4096, testSeed() + static_cast<uint64_t>(nth));
    const std::string fresh = "fresh-" + std::to_string(nth);

    files_->failCall(nth, GetParam());
    const std::vector<PageResult> stored = client.set({{key, newer}, {fresh, newer}});
    const PageResult got = client.getPage(key, target);
    const bool right = got.outcome != HICACHE_HIT || target == (stored[0].outcome == HICACHE_STORED ? newer : older);
    const PageResult found = client.findPage(fresh);
    const PageResult removed = client.removePage(fresh);
    const bool failed = files_->hasFailed();
    files_->failCall(0, 0);

    EXPECT_TRUE(right) << "a hit with wrong bytes";
    for (const PageResult& result : stored) EXPECT_TRUE(isEither(result, HICACHE_STORED));
    EXPECT_TRUE(isEither(got, HICACHE_HIT));
    if (stored[1].outcome == HICACHE_STORED) {
      EXPECT_TRUE(isEither(found, HICACHE_HIT));
      EXPECT_TRUE(isEither(removed, HICACHE_REMOVED));
    } else {
      EXPECT_TRUE(isOutcome(found, HICACHE_MISS)) << "a page whose set failed";
    }
    EXPECT_EQ(nixl_->liveRegistrations() + nixl_->liveRequests(), 0);

    EXPECT_TRUE(isOutcome(client.setPage(key, newer), HICACHE_STORED)) << "the next set";
    EXPECT_TRUE(isOutcome(client.getPage(key, target), HICACHE_HIT)) << "the next get";
    EXPECT_EQ(target, newer);
    EXPECT_TRUE(soon([&] { return client.described("batches") == "0"; }));
    if (!failed) {
      EXPECT_GT(nth, 15) << "these operations make more calls than that";
      break;
    }
  }
}

TEST_P(FileFaultTest, shouldGiveTheRightBytesOrATypedErrorWhicheverCallFails) {
  failEachCallOfAFewOperations(open(disk_.path(), {{"lanes", "1"}}));
}

TEST_P(FileFaultTest, shouldDoSoWhereItCountsToo) {
  StoreClient& client = open(disk_.path(), {{"lanes", "1"}, {"capacity_bytes", "1000000000"}});
  ASSERT_TRUE(soon([&] { return client.described("usage_ready") == "true"; }));
  failEachCallOfAFewOperations(client);
  close(client);
  FileManager sweeper(files_, {disk_.path()}, false);  // of old pages whose removal failed
}

TEST_P(FileFaultTest, shouldClearAllOrSayWhyNotWhicheverCallFails) {
  StoreClient& client = open(disk_.path(), {{"naming", "sglang-v0"}});
  const PageMemory page = PageMemory::random(100, 1);
  for (int64_t nth = 1;; ++nth) {
    SCOPED_TRACE("call " + std::to_string(nth));
    for (const PageResult& result : client.set({{"a", page}, {"b", page}})) ASSERT_TRUE(isOutcome(result, HICACHE_STORED));
    files_->failCall(nth, GetParam());
    const PageResult cleared = client.clear();
    const bool failed = files_->hasFailed();
    files_->failCall(0, 0);
    EXPECT_TRUE(isEither(cleared, HICACHE_REMOVED));
    size_t left = 0;
    for (const PageResult& result : client.exists({"a", "b"})) left += result.outcome == HICACHE_HIT ? 1 : 0;
    if (cleared.outcome == HICACHE_REMOVED) {
      EXPECT_EQ(cleared.length + static_cast<int64_t>(left), 2) << "pages removed and pages left";
    }
    if (!failed) {
      EXPECT_EQ(left, 0u);
      EXPECT_GT(nth, 6);
      break;
    }
  }
}

TEST_P(FileFaultTest, shouldOpenWholeOrNotAtAllWhicheverCallFails) {
  for (int64_t nth = 1;; ++nth) {
    files_->failCall(nth, GetParam());
    try {
      close(open(storeConfig({disk_.path()}, "posix_aio", {{"lanes", "1"}})));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), codeOfErrno(GetParam())) << "call " << nth << ": " << error.what();
    }
    const bool failed = files_->hasFailed();
    files_->failCall(0, 0);
    EXPECT_EQ(files_->openCount(), 0) << "call " << nth;
    EXPECT_EQ(nixl_->liveAgents(), 0) << "call " << nth;
    if (!failed) break;
    FileManager sweeper(files_, {disk_.path()}, false);  // of what a failed removal may have left
  }
}

// NIXL fails without a cause; the store finds the true one by trying the system call itself.
TEST_P(FileFaultTest, shouldTellTheTrueCauseOfAFailedTransfer) {
  StoreClient& client = open(memory_.path(), {{"lanes", "1"}});
  const PageMemory page = PageMemory::random(4096, 1);
  ASSERT_TRUE(isOutcome(client.setPage("there", page), HICACHE_STORED));
  files_->failKind(Kind::kWriteAt, GetParam());
  nixl_->failCall(1);
  EXPECT_TRUE(isFailure(client.setPage("key", page), codeOfErrno(GetParam()), "bytes and"));
  ASSERT_TRUE(isOutcome(client.getPage("there", page), HICACHE_HIT)) << "in a new agent";
  files_->failKind(Kind::kReadAt, GetParam());
  nixl_->failCall(1);
  EXPECT_TRUE(isFailure(client.getPage("there", page), codeOfErrno(GetParam()), "reading '"));
}

TEST_P(FileFaultTest, shouldNotListWhatItCannotRead) {
  StoreClient& client = open(disk_.path());
  const PageMemory page = PageMemory::random(100, 1);
  ASSERT_TRUE(isOutcome(client.setPage("key", page), HICACHE_STORED));
  hicache_page_info info = {};
  for (Kind kind : {Kind::kOpenBeneath, Kind::kStatus, Kind::kGetAttribute}) {
    files_->failKind(kind, GetParam());
    EXPECT_ERROR(findPage(client.store().parts(), "key", &info), codeOfErrno(GetParam()), "'");
    if (kind == Kind::kOpenBeneath) EXPECT_ERROR(PageListing::of(client.store().parts()), codeOfErrno(GetParam()), "listing");
    files_->failKind(Kind::kNone, 0);
  }
  files_->failKind(Kind::kList, GetParam());
  EXPECT_ERROR(PageListing::of(client.store().parts()), codeOfErrno(GetParam()), "listing");
  files_->failKind(Kind::kNone, 0);
  EXPECT_TRUE(findPage(client.store().parts(), "key", &info));
}

INSTANTIATE_TEST_SUITE_P(Errnos, FileFaultTest, testing::Values(EIO, ENOSPC, EMFILE, EACCES), [](const auto& info) {
  return info.param == EIO ? "EIO" : info.param == ENOSPC ? "ENOSPC" : info.param == EMFILE ? "EMFILE" : "EACCES";
});

}  // namespace
}  // namespace hicache
