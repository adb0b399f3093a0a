// SPDX-License-Identifier: Apache-2.0
//
// Pages that something has damaged, moved or written behind the store's back. A get serves the page that was set, or none.
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <thread>

#include "store_fixture.h"

namespace hicache {
namespace {

namespace fs = std::filesystem;

class DamagedPageTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    client_ = &open(disk_.path(), {{"lanes", "1"}, {"remove_corrupt", "false"}});
    if (client_->described("directory.0.attributes") != "true") GTEST_SKIP() << "no attributes in " << disk_.path();
    ASSERT_TRUE(isOutcome(client_->setPage("key", page_), HICACHE_STORED));
    path_ = client_->pathOf("key");
  }

  testing::AssertionResult isCorrupt(const std::string& text = "") {
    const PageMemory target(page_.size());
    testing::AssertionResult got = isFailure(client_->getPage("key", target), HICACHE_CORRUPT, text);
    if (!got) return got;
    return isOutcome(client_->findPage("key"), HICACHE_MISS);
  }
  testing::AssertionResult isWhole() {
    const PageMemory target(page_.size());
    testing::AssertionResult got = isOutcome(client_->getPage("key", target), HICACHE_HIT);
    if (!got) return got;
    if (!(target == page_)) return testing::AssertionFailure() << "a hit with other bytes";
    return isOutcome(client_->findPage("key"), HICACHE_HIT);
  }
  std::string attribute(const std::string& path) {
    char value[PageSeal::kBytesMax];
    ssize_t size = ::getxattr(path.c_str(), PageSeal::kAttribute, value, sizeof(value));
    return size < 0 ? "" : std::string(value, static_cast<size_t>(size));
  }
  void setAttribute(const std::string& value) {
    ASSERT_EQ(::setxattr(path_.c_str(), PageSeal::kAttribute, value.data(), value.size(), 0), 0);
  }

  const PageMemory page_ = PageMemory::random(333, testSeed());
  StoreClient* client_ = nullptr;
  std::string path_;
};

TEST_F(DamagedPageTest, shouldNoticeEveryChangedByte) {
  const std::string bytes = readFile(path_);
  std::mt19937_64 random = seeded();
  for (size_t i = 0; i < bytes.size(); ++i) {
    const uint8_t good = static_cast<uint8_t>(bytes[i]);
    writeByte(path_, static_cast<int64_t>(i), static_cast<uint8_t>(good ^ (1 + random() % 255)));
    const PageMemory target(page_.size());
    ASSERT_TRUE(isFailure(client_->getPage("key", target), HICACHE_CORRUPT, "checksum differs")) << "byte " << i;
    writeByte(path_, static_cast<int64_t>(i), good);
  }
  EXPECT_TRUE(isWhole());
}

TEST_F(DamagedPageTest, shouldNoticeEveryOtherLength) {
  for (uintmax_t length : {0u, 1u, 332u, 334u, 4096u}) {
    fs::resize_file(path_, length);
    EXPECT_TRUE(isCorrupt("has " + std::to_string(length) + " bytes, was stored with 333"));
  }
  EXPECT_TRUE(isOutcome(client_->setPage("key", page_), HICACHE_STORED));
  EXPECT_TRUE(isWhole()) << "a page set again is good again";
}

TEST_F(DamagedPageTest, shouldNoticeEveryChangedBitOfItsSeal) {
  const std::string seal = attribute(path_);
  ASSERT_FALSE(seal.empty());
  for (size_t bit = 0; bit < 8 * seal.size(); ++bit) {
    std::string flipped = seal;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    setAttribute(flipped);
    ASSERT_TRUE(isCorrupt("attributes")) << "bit " << bit;
  }
  for (size_t length = 0; length < seal.size(); ++length) {
    setAttribute(seal.substr(0, length));
    ASSERT_TRUE(isCorrupt("attributes")) << length;
  }
  setAttribute(seal + std::string(500, 'x'));
  EXPECT_TRUE(isCorrupt("attributes"));
  setAttribute(seal);
  EXPECT_TRUE(isWhole());
}

TEST_F(DamagedPageTest, shouldNotServeAPageUnderAnotherKeysName) {
  const PageMemory other = PageMemory::random(333, testSeed() + 1);
  ASSERT_TRUE(isOutcome(client_->setPage("other", other), HICACHE_STORED));
  fs::rename(client_->pathOf("other"), path_);
  EXPECT_TRUE(isCorrupt("belong to another page"));
  ASSERT_TRUE(isOutcome(client_->setPage("other", other), HICACHE_STORED));
  fs::remove(path_);
  fs::create_hard_link(client_->pathOf("other"), path_);
  EXPECT_TRUE(isCorrupt("belong to another page"));
}

TEST_F(DamagedPageTest, shouldServeAPageOfAnotherProgramAndSayThatItIsUnverified) {
  fs::remove(path_);
  writeFile(path_, std::string(reinterpret_cast<const char*>(page_.data()), page_.size()));
  const PageMemory target(page_.size());
  const PageResult hit = client_->getPage("key", target);
  EXPECT_TRUE(isOutcome(hit, HICACHE_HIT));
  EXPECT_EQ(hit.flags,
            HICACHE_FLAG_UNVERIFIED | (client_->described("directory.0.direct_io") == "true" ? HICACHE_FLAG_BUFFERED : 0));
  EXPECT_EQ(target, page_);
  const PageResult found = client_->findPage("key");
  EXPECT_TRUE(isOutcome(found, HICACHE_HIT));
  EXPECT_EQ(found.flags, HICACHE_FLAG_UNVERIFIED);
  EXPECT_EQ(found.length, 333);
  const PageMemory longer(334);
  EXPECT_TRUE(isFailure(client_->getPage("key", longer), HICACHE_INVALID_ARGUMENT, "has 333 bytes, its target 334"));
  writeFile(path_, "");
  EXPECT_TRUE(isCorrupt("empty file"));
}

TEST_F(DamagedPageTest, shouldNoticeWhatAnotherProgramWroteIntoItsPage) {
  std::string bytes = readFile(path_);
  std::swap(bytes[0], bytes[1]);
  bytes[2] = static_cast<char>(bytes[2] ^ 1);
  int fd = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);  // in place, as SGLang writes
  ASSERT_EQ(::pwrite(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  ::close(fd);
  const PageMemory target(page_.size());
  EXPECT_TRUE(isFailure(client_->getPage("key", target), HICACHE_CORRUPT));
}

TEST_F(DamagedPageTest, shouldSayUnverifiedWhereChecksumsAreOff) {
  StoreClient& trusting = open(disk_.path(), {{"checksum", "false"}, {"remove_corrupt", "false"}});
  const PageMemory target(page_.size());
  const PageResult hit = trusting.getPage("key", target);
  EXPECT_TRUE(isOutcome(hit, HICACHE_HIT));
  EXPECT_NE(hit.flags & HICACHE_FLAG_UNVERIFIED, 0);
  fs::resize_file(path_, 300);
  EXPECT_TRUE(isFailure(trusting.getPage("key", target), HICACHE_CORRUPT)) << "the length is always checked";
}

// Else exists would go on to promise what a get refuses.
TEST_F(DamagedPageTest, shouldRemoveADamagedPageThatAGetHasFound) {
  StoreClient& counting = open(disk_.path(), {{"capacity_bytes", "1000000"}});
  StoreClient& plain = open(disk_.path());
  ASSERT_TRUE(soon([&] { return counting.described("usage_ready") == "true"; }));
  const PageMemory target(page_.size());
  const std::vector<std::function<void()>> damages = {[&] { writeByte(path_, 7, static_cast<uint8_t>(page_.data()[7] ^ 1)); },
                                                      [&] { fs::resize_file(path_, 10); }, [&] { setAttribute("x"); }};
  for (StoreClient* client : {&counting, &plain}) {
    for (const auto& damage : damages) {
      ASSERT_TRUE(isOutcome(counting.setPage("key", page_), HICACHE_STORED));
      damage();
      EXPECT_TRUE(isFailure(client->getPage("key", target), HICACHE_CORRUPT, "(it was removed)"));
      EXPECT_FALSE(fileExists(path_));
      EXPECT_TRUE(isOutcome(client->findPage("key"), HICACHE_MISS));
      EXPECT_TRUE(isOutcome(client->getPage("key", target), HICACHE_MISS));
    }
  }
  EXPECT_EQ(tempFilesBelow(disk_.path()), std::vector<std::string>());
}

TEST_F(DamagedPageTest, shouldNotRemoveWhatHasReplacedADamagedPage) {
  StoreClient& reader = open(disk_.path(), {{"lanes", "1"}});
  writeByte(path_, 7, static_cast<uint8_t>(page_.data()[7] ^ 1));
  const PageMemory target(page_.size());
  nixl_->hold(1);
  int64_t batch = reader.submit(Operation::kGet, {{"key", target}}, StoreClient::kTimeoutMillis);
  while (nixl_->heldCount() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_TRUE(isOutcome(client_->setPage("key", page_), HICACHE_STORED));
  nixl_->letGo();
  ASSERT_TRUE(reader.waitFor(batch, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED));
  EXPECT_TRUE(isFailure(reader.resultsOf(batch)[0], HICACHE_CORRUPT));
  EXPECT_TRUE(isWhole());
}

TEST_F(DamagedPageTest, shouldLeaveAForeignFileAlone) {
  StoreClient& reader = open(disk_.path());
  fs::remove(path_);
  writeFile(path_, "");  // SGLang has just made it and is about to write
  const PageMemory target(page_.size());
  EXPECT_TRUE(isFailure(reader.getPage("key", target), HICACHE_CORRUPT, "empty file"));
  EXPECT_TRUE(fileExists(path_));
}

TEST_F(DamagedPageTest, shouldSayThatADamagedPageCouldNotBeRemoved) {
  StoreClient& reader = open(disk_.path());
  fs::resize_file(path_, 10);
  const PageMemory target(page_.size());
  files_->failKind(FaultyFiles::Kind::kRename, EACCES);
  EXPECT_TRUE(isFailure(reader.getPage("key", target), HICACHE_CORRUPT, "(removing it failed: "));
  files_->failKind(FaultyFiles::Kind::kNone, 0);
  EXPECT_TRUE(fileExists(path_));
}

// The file changes between the moment it is found and the moment it is read.
TEST_F(DamagedPageTest, shouldNoticeAFileThatIsCutWhileItIsRead) {
  const PageMemory target(page_.size());
  nixl_->hold(1);
  int64_t batch = client_->submit(Operation::kGet, {{"key", target}}, StoreClient::kTimeoutMillis);
  while (nixl_->heldCount() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  fs::resize_file(path_, 100);
  nixl_->letGo();
  ASSERT_TRUE(client_->waitFor(batch, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED));
  EXPECT_TRUE(isFailure(client_->resultsOf(batch)[0], HICACHE_CORRUPT, "was cut to 100 bytes while it was read"));
}

TEST_F(DamagedPageTest, shouldServeTheOldPageWholeWhenItIsReplacedWhileItIsRead) {
  StoreClient& writer = open(disk_.path());
  const PageMemory target(page_.size());
  nixl_->hold(1);
  int64_t batch = client_->submit(Operation::kGet, {{"key", target}}, StoreClient::kTimeoutMillis);
  while (nixl_->heldCount() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const PageMemory newer = PageMemory::random(page_.size(), testSeed() + 2);
  ASSERT_TRUE(isOutcome(writer.setPage("key", newer), HICACHE_STORED));
  nixl_->letGo();
  ASSERT_TRUE(client_->waitFor(batch, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED));
  EXPECT_TRUE(isOutcome(client_->resultsOf(batch)[0], HICACHE_HIT));
  EXPECT_EQ(target, page_);
  EXPECT_TRUE(isOutcome(client_->getPage("key", target), HICACHE_HIT));
  EXPECT_EQ(target, newer);
}

}  // namespace
}  // namespace hicache
