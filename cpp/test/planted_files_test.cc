// SPDX-License-Identifier: Apache-2.0
//
// A directory in which somebody has planted links, pipes and folders where our names belong. Runs with the kernel's openat2,
// and, in children, without it.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>

#include "child_process.h"
#include "store_fixture.h"

namespace hicache {
namespace {

namespace fs = std::filesystem;

class PlantedFilesTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    fs::create_directory(base_);
    fs::create_directory(outside_);
    writeFile(secret_, secret_text_);
  }
  void TearDown() override {
    EXPECT_EQ(filesBelow(outside_), std::vector<std::string>{"secret"}) << "something was written outside";
    EXPECT_EQ(readFile(secret_), secret_text_);
    StoreFixture::TearDown();
  }

  const std::string base_ = disk_ / "base";
  const std::string outside_ = disk_ / "outside";
  const std::string secret_ = outside_ + "/secret";
  const std::string secret_text_ = std::string(4096, 's');
  const PageMemory page_ = PageMemory::random(4096, testSeed());
};

TEST_F(PlantedFilesTest, shouldRefuseALinkInPlaceOfItsOwnFolder) {
  fs::create_directory_symlink(outside_, base_ + "/.hicache");
  EXPECT_ERROR(open(base_), HICACHE_IO, ".hicache");
}

TEST_F(PlantedFilesTest, shouldRefuseAFileInPlaceOfItsOwnFolder) {
  writeFile(base_ + "/.hicache", "x");
  EXPECT_ERROR(open(base_), HICACHE_IO, ".hicache");
  fs::remove(base_ + "/.hicache");
}

TEST_F(PlantedFilesTest, shouldNotSweepThroughALink) {
  fs::create_directory(base_ + "/.hicache");
  fs::create_directory_symlink(outside_, base_ + "/ab");
  writeFile(outside_ + "/.hicache-dead-0000000000000000", "x");
  writeFile(base_ + "/.hicache/dead.lock", "");
  fs::create_symlink(secret_, base_ + "/.hicache/link.lock");
  {
    FileManager files(files_, {base_}, false);
  }
  EXPECT_TRUE(fileExists(outside_ + "/.hicache-dead-0000000000000000"));
  fs::remove(outside_ + "/.hicache-dead-0000000000000000");
  fs::remove_all(base_ + "/.hicache");
}

TEST_F(PlantedFilesTest, shouldNeverFollowALinkInPlaceOfABucket) {
  StoreClient& client = open(base_);
  const std::string path = client.pathOf("key");
  fs::create_directory_symlink(outside_, fs::path(path).parent_path());
  writeFile(outside_ + "/" + fs::path(path).filename().string(), std::string(4096, 'x'));
  EXPECT_TRUE(isFailure(client.setPage("key", page_), HICACHE_IO, "bucket"));
  EXPECT_TRUE(isFailure(client.getPage("key", page_), HICACHE_IO));
  EXPECT_TRUE(isFailure(client.findPage("key"), HICACHE_IO));
  EXPECT_TRUE(isFailure(client.removePage("key"), HICACHE_IO));
  EXPECT_TRUE(isOutcome(client.clear(), HICACHE_REMOVED));
  EXPECT_EQ(client.store().layout().files().directories().size(), 1u);
  EXPECT_TRUE(fileExists(outside_ + "/" + fs::path(path).filename().string()));
  fs::remove(outside_ + "/" + fs::path(path).filename().string());
}

TEST_F(PlantedFilesTest, shouldNeverFollowALinkInPlaceOfAPage) {
  StoreClient& client = open(base_);
  const std::string path = client.pathOf("key");
  fs::create_directories(fs::path(path).parent_path());
  fs::create_symlink(secret_, path);
  PageMemory target(4096);
  EXPECT_TRUE(isFailure(client.getPage("key", target), HICACHE_IO));
  EXPECT_EQ(target, PageMemory(4096)) << "bytes from outside were read";
  EXPECT_TRUE(isFailure(client.findPage("key"), HICACHE_IO));
  // A set puts its page in the link's place; the link's target stays as it is.
  EXPECT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(path)));
  EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_HIT));
  EXPECT_EQ(target, page_);
  fs::remove(path);
  fs::create_symlink(secret_, path);
  EXPECT_TRUE(isOutcome(client.removePage("key"), HICACHE_REMOVED));
}

TEST_F(PlantedFilesTest, shouldNotReadNorWaitForAPipeAFolderOrADevice) {
  StoreClient& client = open(base_);
  const std::string path = client.pathOf("key");
  fs::create_directories(fs::path(path).parent_path());
  const std::vector<std::pair<const char*, std::function<int()>>> planted = {
      {"pipe", [&] { return ::mkfifo(path.c_str(), 0600); }},
      {"folder", [&] { return ::mkdir(path.c_str(), 0700); }},
      {"device", [&] { return ::mknod(path.c_str(), S_IFCHR | 0600, makedev(1, 5)); }}};  // /dev/zero
  for (const auto& [what, plant] : planted) {
    if (plant() != 0) continue;  // a device needs root
    EXPECT_TRUE(isFailure(client.getPage("key", page_), HICACHE_IO)) << what;
    EXPECT_TRUE(isFailure(client.findPage("key"), HICACHE_IO)) << what;
    EXPECT_TRUE(isOutcome(client.clear(), HICACHE_REMOVED)) << what;
    EXPECT_TRUE(fileExists(path)) << "clear removed a " << what << " that is not ours";
    fs::remove(path);
  }
}

TEST_F(PlantedFilesTest, shouldOpenBeneathADirectoryOnly) {
  fs::create_directories(base_ + "/a");
  writeFile(base_ + "/a/file", "x");
  fs::create_directory_symlink("a", base_ + "/inner");
  FileCalls& calls = *files_;
  FileHandle base(&calls, calls.openPath(base_.c_str(), O_RDONLY | O_DIRECTORY, 0));
  ASSERT_TRUE(base);
  EXPECT_TRUE(FileHandle(&calls, calls.openBeneath(base.get(), "a/file", O_RDONLY, 0)));
  for (const std::string& path : {std::string(".."), std::string("../outside/secret"), std::string("a/../../outside/secret"),
                                  secret_, std::string("inner/file"), std::string("inner"), std::string("a/none")}) {
    FileHandle file(&calls, calls.openBeneath(base.get(), path.c_str(), O_RDONLY, 0));
    EXPECT_FALSE(file) << path;
  }
}

class PlantedFilesWorld : public testing::TestWithParam<const char*> {};

TEST_P(PlantedFilesWorld, shouldHoldWithoutOpenat2) {
  std::string output;
  EXPECT_TRUE(passInChild(GetParam(), "PlantedFilesTest.*:FileManagerTest.*Page*:QueueTest.*0", &output)) << output;
}

INSTANTIATE_TEST_SUITE_P(Kernels, PlantedFilesWorld, testing::Values(kNoOpenat2, kDeniedOpenat2),
                         [](const auto& info) { return info.param == kNoOpenat2 ? "old" : "denied"; });

}  // namespace
}  // namespace hicache
