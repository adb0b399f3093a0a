// SPDX-License-Identifier: Apache-2.0
//
// kill -9 in the middle of setting pages: afterwards each page is whole or absent, and nothing stale is left.
#include <signal.h>

#include <chrono>
#include <thread>

#include "child_process.h"
#include "numbered_page.h"
#include "page_listing.h"
#include "store_fixture.h"

namespace hicache {
namespace {

class KillTest : public StoreFixture {
 protected:
  // How many of the pages that the child sets are there; each must be whole.
  size_t countWhole(StoreClient& client) {
    size_t present = 0;
    for (uint64_t key = 0; key < 32; ++key) {
      hicache_page_info info = {};
      if (!findPage(client.store().parts(), numberedKey(key), &info)) continue;
      EXPECT_EQ(info.file_length, info.length) << "a torn page under its final name";
      const PageMemory target(static_cast<size_t>(info.file_length));
      EXPECT_TRUE(isOutcome(client.getPage(numberedKey(key), target), HICACHE_HIT));
      uint64_t generation = 0;
      EXPECT_TRUE(isNumberedPage(key, target, &generation)) << key;
      ++present;
    }
    return present;
  }
};

TEST_F(KillTest, shouldLeaveEveryPageWholeOrAbsent) {
  std::mt19937_64 random = seeded();
  size_t whole = 0;
  for (int round = 0; round < 8; ++round) {
    for (const std::string& directory : {disk_.path(), memory_.path()}) {
      ChildProcess child({kSetPagesForEver, directory, std::to_string(random())});
      ASSERT_EQ(child.readLine(), "ready");
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 60000));
      child.kill();
      ASSERT_EQ(child.wait(), 128 + SIGKILL);
      StoreClient& client = open(directory);
      EXPECT_EQ(tempFilesBelow(client.store().layout().files().directories()[0].path), std::vector<std::string>());
      whole += countWhole(client);
      EXPECT_TRUE(close(client));
      EXPECT_EQ(leftInOwnFolder(directory), std::vector<std::string>());
    }
  }
  EXPECT_GT(whole, 0u) << "no child came as far as one page";
}

TEST_F(KillTest, shouldSweepTheTempFilesOfAProcessKilledInATransfer) {
  ChildProcess child({kHoldATransfer, disk_.path()});
  ASSERT_EQ(child.readLine(), "held");
  {
    StoreClient& beside = open(disk_.path());
    EXPECT_EQ(beside.described("directory.0.stale_files_swept"), "0") << "its owner lives";
    close(beside);
  }
  child.kill();
  ASSERT_EQ(child.wait(), 128 + SIGKILL);
  StoreClient& client = open(disk_.path());
  EXPECT_EQ(client.described("directory.0.stale_files_swept"), "1");
  EXPECT_TRUE(isOutcome(client.findPage(numberedKey(1)), HICACHE_MISS));
}

}  // namespace
}  // namespace hicache
