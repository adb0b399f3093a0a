// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a directory's pages are known exactly, again after a restart, and never as too few.
#include "usage.h"

#include <fcntl.h>
#include <signal.h>

#include <cerrno>
#include <filesystem>
#include <thread>

#include "child_process.h"
#include "eviction_fixture.h"

namespace hicache {
namespace {

namespace fs = std::filesystem;
using Kind = FaultyFiles::Kind;

const SettingPairs kLarge = {{"capacity_bytes", "100000000"}};

class UsageTest : public EvictionFixture {
 protected:
  // One more process on a directory, as far as its usage file is concerned.
  std::unique_ptr<Usage> join(const std::string& directory, const std::string& owner = "00000000000000ff") {
    int fd = files_->openPath((directory + "/" + kOwnFolder).c_str(), O_RDONLY | O_DIRECTORY, 0);
    return std::make_unique<Usage>(*files_, FileHandle(files_.get(), fd), directory, owner);
  }
  static Usage& usageOf(StoreClient& client) { return *client.store().layout().files().usage(0); }
  // What the store knows is what lies there, and nothing is reserved any more.
  static testing::AssertionResult knowsAll(StoreClient& client, const std::vector<std::string>& directories) {
    int64_t there = 0;
    for (const std::string& directory : directories) there += bytesOfPages(directory);
    int64_t known = client.describedNumber("usage_bytes");
    if (known == there) return testing::AssertionSuccess();
    return testing::AssertionFailure() << known << " bytes are known, " << there << " are there";
  }
  std::string usageFile() const { return disk_ / ".hicache/usage"; }
};

TEST_F(UsageTest, shouldCountInWholeUnits) {
  EXPECT_EQ(Usage::chargeOf(0), 0);
  EXPECT_EQ(Usage::chargeOf(1), 4096);
  EXPECT_EQ(Usage::chargeOf(4096), 4096);
  EXPECT_EQ(Usage::chargeOf(4097), 8192);
}

class CountingTest : public UsageTest, public testing::WithParamInterface<const char*> {};

TEST_P(CountingTest, shouldKnowTheBytesAfterEveryOperation) {
  const std::vector<std::string> directories = {disk_ / "a", memory_ / "b"};
  SettingPairs settings = kLarge;
  settings.emplace_back("naming", GetParam());
  StoreClient& client = openCounted(directories, settings);
  EXPECT_EQ(client.described("usage_bytes"), "0");
  std::mt19937_64 random = seeded();
  for (int i = 0; i < 200; ++i) {
    const std::string key = "key-" + std::to_string(random() % 30) + (random() % 3 == 0 ? "/" : "");
    switch (random() % 8) {
      case 0:
        EXPECT_NE(client.removePage(key).outcome, HICACHE_FAILED);
        break;
      case 1:
        if (random() % 10 == 0) {
          EXPECT_TRUE(isOutcome(client.clear(), HICACHE_REMOVED));
        }
        break;
      default: {
        const PageMemory page(random() % 20000);
        EXPECT_TRUE(isOutcome(client.setPage(key, page), HICACHE_STORED));
      }
    }
    ASSERT_TRUE(knowsAll(client, directories)) << "after operation " << i;
  }
  StoreClient& beside = openCounted(directories, settings);
  EXPECT_TRUE(knowsAll(beside, directories)) << "another store knows the same at once";
  EXPECT_TRUE(isOutcome(beside.setPage("one more", page_), HICACHE_STORED));
  EXPECT_TRUE(knowsAll(client, directories)) << "and what it does is known here";
}

INSTANTIATE_TEST_SUITE_P(Namings, CountingTest, testing::Values("sglang", "sglang-v0"),
                         [](const auto& info) { return std::string(info.param) == "sglang" ? "bucketed" : "flat"; });

// As on NFS: names cannot be swapped, nor given only where there is none.
TEST_F(UsageTest, shouldCountWhereNamesCannotBeSwapped) {
  StoreClient& client = openCounted(disk_.path(), kLarge);
  for (Kind missing : {Kind::kRenameNew, Kind::kExchange}) {
    files_->failKind(missing, EINVAL);
    for (size_t size : {100u, 9000u, 5000u}) {
      EXPECT_TRUE(isOutcome(client.setPage("key", PageMemory(size)), HICACHE_STORED));
      EXPECT_TRUE(knowsAll(client, {disk_.path()}));
    }
    EXPECT_TRUE(isOutcome(client.removePage("key"), HICACHE_REMOVED));
    EXPECT_TRUE(knowsAll(client, {disk_.path()}));
    files_->failKind(Kind::kNone, 0);
  }
  EXPECT_EQ(tempFilesBelow(disk_.path()), std::vector<std::string>());
}

TEST_F(UsageTest, shouldPutTheOldPageBackWhenTheNewOneCannotTakeItsPlace) {
  StoreClient& client = openCounted(disk_.path(), kLarge);
  const PageMemory target(kPage);
  ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  files_->failKind(Kind::kExchange, EIO);
  EXPECT_TRUE(isFailure(client.setPage("key", PageMemory(100)), HICACHE_IO, "publishing '"));
  files_->failKind(Kind::kNone, 0);
  EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_HIT));
  EXPECT_EQ(target, page_);
  EXPECT_TRUE(knowsAll(client, {disk_.path()}));
}

TEST_F(UsageTest, shouldKnowTheBytesAgainAfterARestart) {
  StoreClient& first = openCounted(disk_.path(), kLarge);
  fill(first, 0, 10);
  close(first);
  // Without a count: opening a list is what a count would need.
  files_->failKind(Kind::kList, EIO);
  auto found = join(disk_.path());
  files_->failKind(Kind::kNone, 0);
  EXPECT_TRUE(found->ready());
  EXPECT_EQ(found->total(), 10 * 8192);
}

TEST_F(UsageTest, shouldSeeWhatOthersDidWhileNobodyCounted) {
  StoreClient& first = openCounted(disk_.path(), kLarge);
  fill(first, 0, 10);
  const std::string gone = first.pathOf(pageKey(3));
  close(first);
  fs::remove(gone);
  StoreClient& plain = open(disk_.path());  // counts nothing
  fill(plain, 100, 5);
  StoreClient& again = openCounted(disk_.path(), kLarge);
  EXPECT_TRUE(soon([&] { return again.describedNumber("usage_bytes") == 14 * 8192; })) << again.described("usage_bytes");
}

TEST_F(UsageTest, shouldCountAnewWhenTheFileIsDamagedOrOfAnotherVersionOrStart) {
  StoreClient& first = openCounted(disk_.path(), kLarge);
  fill(first, 0, 4);
  close(first);
  const std::string whole = readFile(usageFile());
  // Magic number, version, number of places, the machine's start, and a slot with less than nothing reserved.
  std::vector<std::string> broken = {"", "x", whole.substr(0, whole.size() - 1), whole + "x"};
  for (size_t at : {0u, 8u, 12u, 20u}) {
    broken.push_back(whole);
    broken.back()[at] = static_cast<char>(broken.back()[at] ^ 1);
  }
  broken.push_back(whole);
  broken.back()[whole.size() - 1] = static_cast<char>(0x80);
  for (const std::string& bytes : broken) {
    writeFile(usageFile(), bytes);
    {
      auto found = join(disk_.path());
      EXPECT_FALSE(found->ready());
      EXPECT_EQ(found->total(), 0);
    }
    StoreClient& again = openCounted(disk_.path(), kLarge);
    EXPECT_EQ(again.describedNumber("usage_bytes"), 4 * 8192);
    EXPECT_EQ(readFile(usageFile()).size(), whole.size());
    close(again);
  }
}

TEST_F(UsageTest, shouldNotReplaceADamagedFileThatOthersUse) {
  StoreClient& user = openCounted(disk_.path(), kLarge);
  const std::string whole = readFile(usageFile());
  writeByte(usageFile(), 8, 99);
  EXPECT_ERROR(open(disk_.path(), kLarge), HICACHE_UNSUPPORTED, "in use");
  writeByte(usageFile(), 8, static_cast<uint8_t>(whole[8]));
  EXPECT_TRUE(isOutcome(user.setPage("key", page_), HICACHE_STORED));
  EXPECT_TRUE(knowsAll(openCounted(disk_.path(), kLarge), {disk_.path()}));
}

TEST_F(UsageTest, shouldShareReservationsAndFreeThemWithTheLockOfTheDead) {
  FileManager files(files_, {disk_.path()}, false);
  files.startCounting();
  Usage& mine = *files.usage(0);
  writeFile(disk_ / ".hicache/00000000000000aa.lock", "");
  {
    auto other = join(disk_.path(), "00000000000000aa");
    other->reserve(4096);
    mine.reserve(8192);
    EXPECT_EQ(mine.reserved(), 12288);
    EXPECT_EQ(other->total(), 12288);
    mine.reserve(-8192);
  }
  mine.freeSlots();
  EXPECT_EQ(mine.reserved(), 4096) << "it has left something, and its lock file is there";
  fs::remove(disk_ / ".hicache/00000000000000aa.lock");
  mine.freeSlots();
  EXPECT_EQ(mine.reserved(), 0);
}

TEST_F(UsageTest, shouldRefuseMoreStoresThanItHasSlotsFor) {
  open(disk_.path());
  std::vector<std::unique_ptr<Usage>> users;
  for (size_t i = 0; i < Usage::kSlots; ++i) {
    const std::string owner = lockFileName(i + 1).substr(0, 16);
    writeFile(disk_ / (".hicache/" + owner + ".lock"), "");
    users.push_back(join(disk_.path(), owner));
    if (i % 64 != 0) continue;
    users.back()->reserve(4096);
    users.back()->reserve(-4096);
  }
  EXPECT_ERROR(join(disk_.path()), HICACHE_UNSUPPORTED, "512 of them are open already");
  users.clear();
  EXPECT_NE(join(disk_.path()), nullptr);
  for (const auto& entry : fs::directory_iterator(disk_ / ".hicache")) {
    if (entry.path().extension() == ".lock" && fs::file_size(entry.path()) == 0) fs::remove(entry.path());
  }
}

TEST_F(UsageTest, shouldCountAPlaceOnlyWhileNobodyChangesIt) {
  open(disk_.path());
  auto one = join(disk_.path(), "00000000000000aa");
  auto other = join(disk_.path(), "00000000000000bb");
  {
    const Usage::Hold first = one->hold(7);
    const Usage::Hold second = one->hold(7);
    first.add(4096);
    EXPECT_FALSE(other->countPlace(7, [] { return int64_t{1}; }));
    EXPECT_TRUE(other->countPlace(8, [] { return int64_t{0}; }));
  }
  std::thread waiting;
  EXPECT_TRUE(other->countPlace(7, [&] {
    waiting = std::thread([&] { one->hold(7).add(4096); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(one->total(), 4096) << "a change in the middle of a count";
    return int64_t{8192};
  }));
  waiting.join();
  EXPECT_EQ(one->total(), 12288);
}

TEST_F(UsageTest, shouldGiveItsReservationBackWhicheverCallFails) {
  SettingPairs settings = kLarge;
  settings.emplace_back("lanes", "1");
  StoreClient& client = openCounted(disk_.path(), settings);
  for (int error : {EIO, ENOSPC}) {
    for (int64_t nth = 1;; ++nth) {
      SCOPED_TRACE("call " + std::to_string(nth));
      ASSERT_TRUE(isOutcome(client.setPage("old", PageMemory(9000)), HICACHE_STORED));
      files_->failCall(nth, error);
      client.set({{"old", page_}, {"new-" + std::to_string(nth % 5), page_}});
      client.removePage("new-" + std::to_string(nth % 5));
      const bool failed = files_->hasFailed();
      files_->failCall(0, 0);
      ASSERT_GE(client.describedNumber("usage_bytes"), bytesOfPages(disk_.path(), true));
      if (tempFilesBelow(disk_.path()).empty()) {
        ASSERT_EQ(usageOf(client).reserved(), 0);
      }
      if (failed) continue;
      EXPECT_GT(nth, 20);
      break;
    }
  }
  close(client);
  StoreClient& again = openCounted(disk_.path(), kLarge);
  EXPECT_TRUE(soon([&] { return bool(knowsAll(again, {disk_.path()})); }));
  EXPECT_EQ(tempFilesBelow(disk_.path()), std::vector<std::string>());
}

TEST_F(UsageTest, shouldOpenCountingOrSayWhyNotWhicheverCallFails) {
  for (int error : {EIO, ENOSPC, EMFILE}) {
    for (int64_t nth = 1;; ++nth) {
      fs::remove_all(disk_ / "new");
      files_->failCall(nth, error);
      try {
        FileManager files(files_, {disk_ / "new"}, false);
        files.startCounting();
        files.usage(0)->hold(3).add(4096);
      } catch (const Error& failure) {
        EXPECT_EQ(failure.errorNumber(), error) << "call " << nth << ": " << failure.what();
      }
      const bool failed = files_->hasFailed();
      files_->failCall(0, 0);
      EXPECT_EQ(files_->openCount(), 0) << "call " << nth;
      if (!failed) break;
    }
  }
}

TEST_F(UsageTest, shouldKeepWhatAKilledTransferReservedUntilItIsSwept) {
  StoreClient& beside = openCounted(disk_.path(), kLarge);
  ChildProcess child({kHoldATransfer, disk_.path(), "capacity_bytes=100000000"});
  ASSERT_EQ(child.readLine(), "held");
  const int64_t reserved = usageOf(beside).reserved();
  EXPECT_GT(reserved, 0);
  EXPECT_EQ(beside.describedNumber("usage_bytes"), reserved);
  child.kill();
  ASSERT_EQ(child.wait(), 128 + SIGKILL);
  EXPECT_EQ(usageOf(beside).reserved(), reserved);
  EXPECT_GE(reserved, bytesOfPages(disk_.path(), true));
  beside.evict();  // a leader sweeps first
  EXPECT_EQ(usageOf(beside).reserved(), 0);
  EXPECT_EQ(tempFilesBelow(disk_.path()), std::vector<std::string>());
}

// A child sets, replaces, evicts and removes pages, and is killed before its first, second, ... change.
TEST_F(UsageTest, shouldNeverKnowTooLittleWhereverItIsKilled) {
  int64_t deaths = 0;
  for (int64_t nth = 1;; ++nth) {
    SCOPED_TRACE("change " + std::to_string(nth));
    const ScratchDirectory directory(Medium::kMemory);
    ChildProcess child({kCountAndDie, directory.path(), std::to_string(nth)});
    const bool ended = child.readLine() == "ended";
    const int status = child.wait();
    ASSERT_EQ(status, ended ? 0 : 128 + SIGKILL);
    ASSERT_GE(join(directory.path())->total(), bytesOfPages(directory.path(), true)) << "before anything was swept";
    {
      StoreClient client(storeConfig({directory.path()}, anyQueue(), kLarge), outside());
      ASSERT_TRUE(soon([&] { return bool(knowsAll(client, {directory.path()})); })) << knowsAll(client, {directory.path()});
      ASSERT_EQ(tempFilesBelow(directory.path()), std::vector<std::string>());
    }
    if (ended) break;
    ++deaths;
  }
  EXPECT_GT(deaths, 40);
}

}  // namespace
}  // namespace hicache
