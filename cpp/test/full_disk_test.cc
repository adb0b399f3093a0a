// SPDX-License-Identifier: Apache-2.0
//
// A small disk that is full, or read-only, and a process that may open few files.
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "private_mounts.h"
#include "store_fixture.h"

namespace hicache {
namespace {

constexpr size_t kDiskBytes = 4 << 20;

class FullDiskTest : public QueueFixture {
 protected:
  void onSmallDisk(const std::function<void()>& body) { hicache::onSmallDisk(disk_.path(), kDiskBytes, body); }
  std::vector<std::string> tempFiles(StoreClient& client) {
    return tempFilesBelow(client.store().layout().files().directories()[0].path);
  }
};

TEST_P(FullDiskTest, shouldSayThatNoSpaceIsLeftAndGoOnOnceThereIs) {
  onSmallDisk([this] {
    // Pages that are in flight together compete for the last space: one lane, and with io_uring one page at a time.
    SettingPairs one_at_a_time = {{"lanes", "1"}, {"min_free_bytes", "0"}};
    if (GetParam() == "uring") one_at_a_time.insert(one_at_a_time.end(), {{"chunk_pages", "1"}, {"chunks_in_flight", "1"}});
    StoreClient& client = openQueue(disk_.path(), one_at_a_time);
    const PageMemory half = PageMemory::random(2 << 20, 1);
    const PageMemory large = PageMemory::random(3 << 20, 2);
    const PageMemory small = PageMemory::random(4096, 3);
    ASSERT_TRUE(isOutcome(client.setPage("half", half), HICACHE_STORED));
    const PageResult refused = client.setPage("large", large);
    EXPECT_TRUE(isFailure(refused, HICACHE_NO_SPACE, "of 4194304 bytes and"));
    EXPECT_EQ(refused.cause == nullptr ? 0 : refused.cause->errorNumber(), ENOSPC);
    EXPECT_EQ(tempFiles(client), std::vector<std::string>());
    EXPECT_TRUE(isOutcome(client.findPage("large"), HICACHE_MISS));
    // A page that does not fit spoils neither what is there nor its neighbours, in whatever order they come.
    const std::vector<PageResult> mixed = client.set({{"a", small}, {"large", large}, {"b", small}, {"c", small}});
    for (size_t i : {0u, 2u, 3u}) EXPECT_TRUE(isOutcome(mixed[i], HICACHE_STORED)) << i;
    EXPECT_TRUE(isFailure(mixed[1], HICACHE_NO_SPACE, "free"));
    const PageMemory target(half.size());
    EXPECT_TRUE(isOutcome(client.getPage("half", target), HICACHE_HIT));
    EXPECT_EQ(target, half);
    EXPECT_TRUE(isFailure(client.setPage("half", large), HICACHE_NO_SPACE));
    EXPECT_TRUE(isOutcome(client.getPage("half", target), HICACHE_HIT)) << "a failed set replaces nothing";

    ASSERT_TRUE(isOutcome(client.removePage("half"), HICACHE_REMOVED));
    EXPECT_TRUE(isOutcome(client.setPage("large", large), HICACHE_STORED));
    const PageMemory large_target(large.size());
    EXPECT_TRUE(isOutcome(client.getPage("large", large_target), HICACHE_HIT));
    EXPECT_EQ(large_target, large);
    EXPECT_EQ(tempFiles(client), std::vector<std::string>());
    EXPECT_TRUE(close(client));
    EXPECT_EQ(leftInOwnFolder(disk_.path()), std::vector<std::string>());
  });
}

TEST_P(FullDiskTest, shouldNameADiskThatIsReadOnlyAtOpen) {
  onSmallDisk([this] {
    {
      StoreClient& client = openQueue(disk_.path());
      const PageMemory page = PageMemory::random(4096, 1);
      ASSERT_TRUE(isOutcome(client.setPage("key", page), HICACHE_STORED));
      close(client);
    }
    setReadOnly(disk_.path(), true);
    EXPECT_ERROR(openQueue(disk_.path()), HICACHE_IO, disk_.path());
    EXPECT_ERROR(openQueue(disk_.path()), HICACHE_IO, "read-only: give a writable storage_dir");
    EXPECT_ERROR(openQueue(disk_ / "new"), HICACHE_IO, disk_ / "new");
    setReadOnly(disk_.path(), false);
    EXPECT_TRUE(isOutcome(openQueue(disk_.path()).findPage("key"), HICACHE_HIT));
    close(openQueue(disk_.path()));
  });
}

INSTANTIATE_FOR_QUEUES(FullDiskTest);

class FileLimitTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
  }
  void TearDown() override {
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0);
    StoreFixture::TearDown();
  }
  // Room for this many descriptors beside those that are open.
  void leaveRoomFor(size_t descriptors) {
    const Census census = takeCensus();
    struct rlimit limit = before_;
    limit.rlim_cur = 0;
    for (size_t free = 0; free < descriptors || census.files.count(std::to_string(limit.rlim_cur)) != 0; ++limit.rlim_cur) {
      free += census.files.count(std::to_string(limit.rlim_cur)) == 0 ? 1 : 0;
    }
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  struct rlimit before_ = {};
};

TEST_F(FileLimitTest, shouldSayThatTheProcessMayOpenNoMoreFilesAndGoOnOnceItMay) {
  StoreClient& client = open(disk_.path(), {{"lanes", "1"}});
  std::vector<PageMemory> pages;
  std::vector<PageArgument> batch;
  for (uint64_t i = 0; i < 32; ++i) pages.push_back(PageMemory::random(4096, i));
  for (size_t i = 0; i < pages.size(); ++i) batch.emplace_back("page-" + std::to_string(i), pages[i]);
  leaveRoomFor(1);
  size_t refused = 0;
  for (const PageResult& result : client.set(batch)) {
    if (result.outcome == HICACHE_STORED) continue;
    EXPECT_TRUE(isFailure(result, HICACHE_IO, "raise the open-file limit (ulimit -n), or lower lanes, chunk_pages"));
    EXPECT_EQ(result.cause == nullptr ? 0 : result.cause->errorNumber(), EMFILE);
    ++refused;
  }
  EXPECT_GT(refused, 0u);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0);
  for (const PageResult& result : client.set(batch)) EXPECT_TRUE(isOutcome(result, HICACHE_STORED));
  for (const PageResult& result : client.get(batch)) EXPECT_TRUE(isOutcome(result, HICACHE_HIT));
}

TEST_F(FileLimitTest, shouldFailToOpenWithoutLeavingAnything) {
  for (size_t room = 0; room < 12; ++room) {
    leaveRoomFor(room);
    try {
      StoreClient& client = open(disk_.path(), {{"lanes", "1"}});
      close(client);
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == HICACHE_IO || error.code() == HICACHE_BACKEND_UNAVAILABLE) << error.what();
      EXPECT_NE(std::string(error.what()).find("ulimit -n"), std::string::npos) << room << ": " << error.what();
    }
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0);
    EXPECT_EQ(files_->openCount(), 0);
  }
}

TEST_F(FileLimitTest, shouldFitItsBatchesIntoALowLimit) {
  leaveRoomFor(100);
  StoreClient& client = open(disk_.path());
  std::vector<PageMemory> pages;
  std::vector<PageArgument> batch;
  for (uint64_t i = 0; i < 300; ++i) pages.push_back(PageMemory::random(4096, i));
  for (size_t i = 0; i < pages.size(); ++i) batch.emplace_back("page-" + std::to_string(i), pages[i]);
  for (const PageResult& result : client.set(batch)) ASSERT_TRUE(isOutcome(result, HICACHE_STORED));
  for (const PageResult& result : client.get(batch)) ASSERT_TRUE(isOutcome(result, HICACHE_HIT));
}

}  // namespace
}  // namespace hicache
