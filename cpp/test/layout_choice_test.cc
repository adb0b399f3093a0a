// SPDX-License-Identifier: Apache-2.0
// layout = auto.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "file_system.h"
#include "store_fixture.h"

namespace hicache {
namespace {

class LayoutChoiceTest : public StoreFixture {
 protected:
  // Sets a page in a layout, and closes the store.
  void leavePage(const std::string& directory, const std::string& layout, const std::string& model = "") {
    StoreClient& client = open(directory, {{"layout", layout}, {"model", model}});
    ASSERT_EQ(client.described("layout"), layout);
    ASSERT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
    ASSERT_TRUE(close(client));
  }
  // The layout that is chosen, with the reason; the store is closed.
  std::pair<std::string, std::string> chosen(const std::vector<std::string>& directories) {
    StoreClient& client = open(storeConfig(directories, anyQueue(), {{"layout", "auto"}}));
    std::pair<std::string, std::string> result{client.described("layout"), client.described("layout_reason")};
    close(client);
    return result;
  }

  const PageMemory page_ = PageMemory::random(4096, 1);
};

TEST_F(LayoutChoiceTest, shouldPutPagesIntoSegmentsWhereThereAreNone) {
  const auto [layout, reason] = chosen({disk_.path()});
  EXPECT_EQ(layout, "segments");
  EXPECT_EQ(reason, "no directory holds pages yet, and segments are faster");
  Settings settings;
  settings.add("storage_dir", memory_.path());
  EXPECT_EQ(open(StoreConfig::parse(settings)).described("layout"), "segments") << "auto is the default";
}

TEST_F(LayoutChoiceTest, shouldKeepTheLayoutOfThePagesThatAreThere) {
  for (const std::string layout : {"files", "segments"}) {
    ScratchDirectory directory(Medium::kMemory);
    leavePage(directory.path(), layout);
    StoreClient& client = open(directory.path(), {{"layout", "auto"}});
    EXPECT_EQ(client.described("layout"), layout);
    EXPECT_NE(client.described("layout_reason").find(directory.path()), std::string::npos);
    EXPECT_TRUE(isOutcome(client.getPage("key", page_), HICACHE_HIT));
    close(client);
  }
}

TEST_F(LayoutChoiceTest, shouldHeedPagesOfAnyModelInAnyDirectory) {
  leavePage(disk_.path(), "files", "another");
  EXPECT_EQ(chosen({memory_.path(), disk_.path()}).first, "files");
  leavePage(memory_.path(), "segments", "third");
  EXPECT_EQ(chosen({disk_.path(), memory_.path()}).first, "segments") << "before files";
}

TEST_F(LayoutChoiceTest, shouldTakeAPageOfSglangForOne) {
  const std::string name = std::string(64, 'a') + "_model_1_0";
  const std::string bucket = disk_.path() + "/" + bucketName(routeName(name, 1).bucket);
  ASSERT_EQ(::mkdir(bucket.c_str(), 0755), 0);
  std::ofstream(bucket + "/" + name) << "bytes";
  const auto [layout, reason] = chosen({disk_.path()});
  EXPECT_EQ(layout, "files");
  EXPECT_NE(reason.find(name), std::string::npos) << reason;
}

TEST_F(LayoutChoiceTest, shouldNotMindAnEmptyIndexNorOtherFiles) {
  leavePage(disk_.path(), "segments");
  StoreClient& client = open(disk_.path(), {{"layout", "segments"}});
  client.clear();
  close(client);
  std::ofstream(disk_.path() + "/notes.txt") << "of somebody else";
  ASSERT_EQ(::mkdir((disk_.path() + "/lost+found").c_str(), 0700), 0);
  EXPECT_EQ(chosen({disk_.path()}).second, "no directory holds pages yet, and segments are faster");
  leavePage(disk_.path(), "files");
  EXPECT_EQ(chosen({disk_.path()}).first, "files");
}

TEST_F(LayoutChoiceTest, shouldSayNothingOfALayoutThatIsNamed) {
  EXPECT_EQ(open(disk_.path(), {{"layout", "files"}}).described("layout_reason"), "");
}

TEST_F(LayoutChoiceTest, shouldKnowFileSystemsThatHostsShare) {
  for (const char* shared : {"nfs", "ceph", "lustre", "fuse", "fuseblk", "9p"}) EXPECT_TRUE(isShared(shared)) << shared;
  for (const char* local : {"ext4", "xfs", "tmpfs", "btrfs", "overlay", "zfs"}) EXPECT_FALSE(isShared(local)) << local;
}

}  // namespace
}  // namespace hicache
