// SPDX-License-Identifier: Apache-2.0
#include "file_manager.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "store_fixture.h"

namespace hicache {
namespace {

namespace fs = std::filesystem;
using Kind = FaultyFiles::Kind;

class FileManagerTest : public StoreFixture {
 protected:
  std::unique_ptr<FileManager> make(const std::vector<std::string>& paths, bool direct_io = true) {
    return std::make_unique<FileManager>(files_, paths, direct_io);
  }
  // What a process that died left in a base directory: its lock file, unlocked, and two temp files.
  static void plantDeadProcess(const std::string& base, const std::string& name) {
    fs::create_directories(base + "/.hicache");
    fs::create_directories(base + "/ab");
    writeFile(base + "/ab/.hicache-" + name + "-0000000000000000", "half a page");
    writeFile(base + "/.hicache-" + name + "-0000000000000001", "");
    writeFile(base + "/.hicache/" + name + ".lock", "");
  }
  static mode_t modeOf(const std::string& path) {
    struct stat status = {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
  }
};

TEST_F(FileManagerTest, shouldMakeMissingDirectoriesForTheOwnerOnly) {
  auto files = make({disk_ / "a/b/c", memory_ / "d"});
  EXPECT_EQ(files->directories()[0].path, disk_ / "a/b/c");
  EXPECT_EQ(modeOf(disk_ / "a/b/c/.hicache"), 0700u);
  TempFile temp = files->createTemp({1, "ab", "page"}, false);
  EXPECT_EQ(modeOf(files->pathOf(temp.place)), 0600u);
  files->publish(&temp, {1, "ab", "page"});
  EXPECT_EQ(modeOf(memory_ / "d/ab"), 0700u);
  EXPECT_EQ(modeOf(memory_ / "d/ab/page"), 0600u);
}

TEST_F(FileManagerTest, shouldRefuseOneDirectoryUnderTwoNames) {
  fs::create_directory(disk_ / "one");
  fs::create_directory_symlink(disk_ / "one", disk_ / "alias");
  for (const std::string& again : {disk_ / "one", disk_ / "one/", disk_ / "x/../one", disk_ / "alias"}) {
    fs::create_directories(disk_ / "x");
    EXPECT_ERROR(make({disk_ / "one", again}), HICACHE_INVALID_ARGUMENT, "a second time");
  }
  EXPECT_EQ(leftInOwnFolder(disk_ / "one"), std::vector<std::string>());
}

TEST_F(FileManagerTest, shouldNameADirectoryThatCannotBe) {
  writeFile(disk_ / "file", "x");
  EXPECT_ERROR(make({disk_ / "file"}), HICACHE_IO, disk_ / "file");
  EXPECT_ERROR(make({disk_ / "file/below"}), HICACHE_IO, disk_ / "file/below");
  EXPECT_ERROR(make({"/proc/nowhere"}), HICACHE_NOT_FOUND, "/proc/nowhere");
}

TEST_F(FileManagerTest, shouldSweepWhatADeadProcessLeftAndSpareALivingOne) {
  auto living = make({disk_.path()});
  TempFile temp = living->createTemp({0, "", "page"}, false);
  plantDeadProcess(disk_.path(), "dead1");
  plantDeadProcess(disk_.path(), "dead2");
  plantDeadProcess(disk_.path(), "held");
  int held = ::open((disk_ / ".hicache/held.lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(held, LOCK_EX | LOCK_NB), 0);

  auto files = make({disk_.path()});
  EXPECT_EQ(files->directories()[0].stale_files_swept, 4);
  EXPECT_FALSE(fileExists(disk_ / "ab/.hicache-dead1-0000000000000000"));
  EXPECT_FALSE(fileExists(disk_ / ".hicache/dead2.lock"));
  EXPECT_TRUE(fileExists(disk_ / "ab/.hicache-held-0000000000000000"));
  EXPECT_TRUE(fileExists(living->pathOf(temp.place)));
  living->publish(&temp, {0, "", "page"});
  EXPECT_TRUE(fileExists(disk_ / "page"));

  ::close(held);
  files.reset();
  EXPECT_EQ(make({disk_.path()})->directories()[0].stale_files_swept, 2);
}

TEST_F(FileManagerTest, shouldSweepLaterWhatCouldNotBeSwept) {
  plantDeadProcess(disk_.path(), "dead");
  files_->failKind(Kind::kUnlink, EIO);
  auto first = make({disk_.path()});
  files_->failKind(Kind::kNone, 0);
  EXPECT_EQ(first->directories()[0].stale_files_swept, 0);
  first.reset();
  EXPECT_EQ(make({disk_.path()})->directories()[0].stale_files_swept, 3) << "and the first one's probe file";
  EXPECT_EQ(leftInOwnFolder(disk_.path()), std::vector<std::string>());
}

TEST_F(FileManagerTest, shouldLetTheNextOneSweepWhatItCouldNotRemoveAtItsEnd) {
  auto first = make({disk_.path()});
  TempFile temp = first->createTemp({0, "0f", "page"}, false);
  files_->failKind(Kind::kUnlink, EIO);
  first->discard(&temp);
  first.reset();
  files_->failKind(Kind::kNone, 0);
  EXPECT_FALSE(leftInOwnFolder(disk_.path()).empty());
  make({disk_.path()});
  EXPECT_EQ(leftInOwnFolder(disk_.path()), std::vector<std::string>());
}

TEST_F(FileManagerTest, shouldLeaveNothingOpenWhicheverCallOfItsStartFails) {
  for (int error : {EIO, EMFILE, EACCES}) {
    for (int64_t nth = 1;; ++nth) {
      files_->failCall(nth, error);
      try {
        make({disk_.path(), memory_.path()});
      } catch (const Error& failure) {
        EXPECT_EQ(failure.code(), HICACHE_IO) << failure.what();
      }
      bool failed = files_->hasFailed();
      files_->failCall(0, 0);
      EXPECT_EQ(files_->openCount(), 0) << "call " << nth;
      make({disk_.path(), memory_.path()});
      EXPECT_EQ(leftInOwnFolder(disk_.path()), std::vector<std::string>()) << "call " << nth;
      EXPECT_EQ(leftInOwnFolder(memory_.path()), std::vector<std::string>()) << "call " << nth;
      if (!failed) {
        EXPECT_GT(nth, 20);
        break;
      }
    }
  }
}

TEST_F(FileManagerTest, shouldUseDirectIoOnlyWhereItWorks) {
  auto files = make({disk_.path(), memory_.path()});
  const StorageDirectory& disk = files->directories()[0];
  EXPECT_EQ(disk.direct_io, disk.direct_io_reason.empty());
  if (files->directories()[1].file_system == "tmpfs") {
    EXPECT_FALSE(files->directories()[1].direct_io);
    EXPECT_NE(files->directories()[1].direct_io_reason.find("tmpfs"), std::string::npos);
  }
  EXPECT_NE(make({disk_.path()}, false)->directories()[0].direct_io_reason.find("configuration"), std::string::npos);
  if (!disk.direct_io) GTEST_SKIP() << "no direct I/O in " << disk.path << ": " << disk.direct_io_reason;
  for (Kind kind : {Kind::kWriteAt, Kind::kReadAt}) {
    files_->failKind(kind, EINVAL);
    auto without = make({disk_.path()});
    files_->failKind(Kind::kNone, 0);
    EXPECT_FALSE(without->directories()[0].direct_io);
    EXPECT_NE(without->directories()[0].direct_io_reason.find("Invalid argument"), std::string::npos);
  }
}

TEST_F(FileManagerTest, shouldDoWithoutAttributes) {
  files_->failKind(Kind::kSetAttribute, ENOTSUP);
  EXPECT_FALSE(make({disk_.path()})->directories()[0].attributes);
  files_->failKind(Kind::kNone, 0);
}

TEST_F(FileManagerTest, shouldPublishTheNewPageInPlaceOfTheOldOne) {
  auto files = make({disk_.path()});
  const FilePlace place{0, "0f", "page"};
  struct stat status = {};
  EXPECT_FALSE(files->openPage(place, false, &status));
  for (const std::string& text : {std::string("first"), std::string("a second, longer one"), std::string()}) {
    TempFile temp = files->createTemp(place, false);
    EXPECT_EQ(temp.place.name.size(), 42u);
    ASSERT_EQ(files->calls().writeAt(temp.file.get(), text.data(), text.size(), 0), static_cast<int64_t>(text.size()));
    files->publish(&temp, place);
    EXPECT_FALSE(temp.file);
    EXPECT_EQ(readFile(files->pathOf(place)), text);
  }
  EXPECT_EQ(tempFilesBelow(disk_.path()), std::vector<std::string>());
  EXPECT_TRUE(files->remove(place));
  EXPECT_FALSE(files->remove(place));
  EXPECT_FALSE(files->remove({0, "ff", "page"}));
}

TEST_F(FileManagerTest, shouldRemoveATempFileThatIsDiscarded) {
  auto files = make({disk_.path()});
  TempFile temp = files->createTemp({0, "0f", "page"}, false);
  EXPECT_EQ(tempFilesBelow(disk_.path()).size(), 1u);
  files->discard(&temp);
  files->discard(&temp);
  EXPECT_EQ(tempFilesBelow(disk_.path()).size(), 0u);
}

TEST_F(FileManagerTest, shouldSayThatADirectoryWasRemovedUnderIt) {
  auto files = make({disk_ / "gone"});
  fs::remove_all(disk_ / "gone");
  EXPECT_ERROR(files->createTemp({0, "00", "page"}, false), HICACHE_IO,
               "was removed under the open store; open the store again");
  struct stat status = {};
  EXPECT_FALSE(files->openPage({0, "00", "page"}, false, &status));
  EXPECT_FALSE(files->remove({0, "00", "page"}));
}

TEST_F(FileManagerTest, shouldCountFreeSpaceForMessages) {
  EXPECT_NE(make({disk_.path()})->freeSpace(0).find("bytes and"), std::string::npos);
}

}  // namespace
}  // namespace hicache
