// SPDX-License-Identifier: Apache-2.0
//
// The layout segments: capacity, eviction, and room for pages of all sizes.
#include <filesystem>
#include <thread>

#include "segments_fixture.h"

namespace hicache {
namespace {

namespace fs = std::filesystem;

using SegmentsRoomTest = SegmentsFixture;

TEST_F(SegmentsRoomTest, shouldKeepTheCapacityByEvictingTheLeastRecentlyUsed) {
  StoreClient& client = openSegments(disk_.path(), {{"capacity_bytes", std::to_string(20 * kPage)}, {"lanes", "1"}});
  for (uint64_t i = 0; i < 300; ++i) {
    fill(client, i, 1);
    ASSERT_LE(client.describedNumber("usage_bytes"), 20 * int64_t{kPage});
  }
  const std::vector<uint64_t> left = present(client, 300);
  EXPECT_GE(left.size(), 14u);
  EXPECT_EQ(left.front() + left.size(), 300u) << "the latest are left";
  const PageMemory target(kPage);
  ASSERT_TRUE(isOutcome(client.getPage("page-" + std::to_string(left.front()), target), HICACHE_HIT));
  fill(client, 300, 5);
  EXPECT_TRUE(isOutcome(client.findPage("page-" + std::to_string(left.front())), HICACHE_HIT)) << "it was used";
  EXPECT_GE(client.describedNumber("evicted_pages"), 280);
}

TEST_F(SegmentsRoomTest, shouldSparePinnedPagesAndSayWhenNothingCanGo) {
  StoreClient& client = openSegments(disk_.path(), {{"capacity_bytes", std::to_string(20 * kPage)}, {"lanes", "1"}});
  fill(client, 0, 16);
  std::vector<std::string> keys;
  for (uint64_t i = 0; i < 16; ++i) keys.push_back("page-" + std::to_string(i));
  for (const PageResult& result : client.pin(keys, 3600000)) EXPECT_TRUE(isOutcome(result, HICACHE_HIT));
  const PageMemory large(6 * kPage);
  EXPECT_TRUE(isFailure(client.setPage("large", large), HICACHE_NO_SPACE, "nothing more can be evicted"));
  EXPECT_EQ(present(client, 16).size(), 16u);
  // The lease goes over to what replaces the page.
  ASSERT_TRUE(isOutcome(client.setPage("page-0", page_), HICACHE_STORED));
  EXPECT_TRUE(isFailure(client.setPage("large", large), HICACHE_NO_SPACE));
  for (const PageResult& result : client.pin({"page-1", "page-2", "page-3"}, 0)) EXPECT_TRUE(isOutcome(result, HICACHE_HIT));
  EXPECT_TRUE(isOutcome(client.setPage("large", large), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.findPage("page-0"), HICACHE_HIT));
  const PageMemory huge(21 * kPage);
  EXPECT_TRUE(isFailure(client.setPage("huge", huge), HICACHE_NO_SPACE, "raise the capacity above the size of a page"));
  EXPECT_TRUE(isOutcome(client.pin({"absent"}, 1000)[0], HICACHE_MISS));
}

TEST_F(SegmentsRoomTest, shouldEvictTheFilesOfALogicalPageTogether) {
  StoreClient& client = openSegments(disk_.path(), {{"capacity_bytes", std::to_string(20 * kPage)}, {"lanes", "1"}});
  const std::string hash(64, 'a');
  for (const char* half : {"_k", "_v"}) ASSERT_TRUE(isOutcome(client.setPage(hash + half, page_), HICACHE_STORED));
  fill(client, 0, 14);
  setUsed(client, hash + "_k", 900000);
  setUsed(client, hash + "_v", 5);
  client.set({{"more", page_}, {"and more", page_}, {"and yet more", page_}});
  EXPECT_TRUE(isOutcome(client.findPage(hash + "_k"), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.findPage(hash + "_v"), HICACHE_MISS));
}

TEST_F(SegmentsRoomTest, shouldGiveASlabAnotherSizeWhenPagesChangeTheirs) {
  StoreClient& client =
      openSegments(disk_.path(), {{"capacity_bytes", "4194304"}, {"segment_bytes", "1048576"}, {"lanes", "1"}});
  for (uint64_t i = 0; i < 600; ++i)
    ASSERT_TRUE(isOutcome(client.setPage("small-" + std::to_string(i), page_), HICACHE_STORED));
  const PageMemory larger = PageMemory::random(50000, 5);
  for (uint64_t i = 0; i < 300; ++i)
    ASSERT_TRUE(isOutcome(client.setPage("larger-" + std::to_string(i), larger), HICACHE_STORED));
  const PageMemory target(larger.size());
  EXPECT_TRUE(isOutcome(client.getPage("larger-299", target), HICACHE_HIT));
  EXPECT_EQ(target, larger);
  EXPECT_LE(client.describedNumber("usage_bytes"), 4194304);
  EXPECT_LE(layoutOf(client).directory(0).segmentCount(), 5u);
}

TEST_F(SegmentsRoomTest, shouldStorePagesOfAnySizeBesideOneAnother) {
  StoreClient& client = openSegments(disk_.path(), {{"segment_bytes", "1048576"}});
  std::vector<PageMemory> pages;
  std::vector<PageMemory> targets;
  std::vector<PageArgument> set;
  std::vector<PageArgument> get;
  for (size_t length : {1, 131072, 131073, 1048576, 1048577, 5000000}) {
    pages.push_back(PageMemory::random(length, testSeed() + length));
    targets.emplace_back(length);
  }
  for (size_t i = 0; i < pages.size(); ++i) {
    set.emplace_back("page-" + std::to_string(i), pages[i]);
    get.emplace_back("page-" + std::to_string(i), targets[i]);
  }
  for (int round = 0; round < 3; ++round) {
    for (const PageResult& result : client.set(set)) EXPECT_TRUE(isOutcome(result, HICACHE_STORED));
    for (const PageResult& result : client.get(get)) EXPECT_TRUE(isOutcome(result, HICACHE_HIT));
    for (size_t i = 0; i < pages.size(); ++i) EXPECT_EQ(targets[i], pages[i]);
  }
  // Each large size has one segment for the page and one for its successor.
  EXPECT_LE(layoutOf(client).directory(0).segmentCount(), 14u);
}

TEST_F(SegmentsRoomTest, shouldGiveTheRoomOfLargePagesToOthersWhenTheyAreGone) {
  const SettingPairs small = {{"capacity_bytes", "8388608"}, {"segment_bytes", "1048576"}, {"lanes", "1"}};
  StoreClient& client = openSegments(disk_.path(), small);
  const PageMemory target(2000000);
  for (uint64_t i = 0; i < 40; ++i) {
    const PageMemory large = PageMemory::random(2000000 - i * 40000, i);
    ASSERT_TRUE(isOutcome(client.setPage("large-" + std::to_string(i), large), HICACHE_STORED)) << i;
    if (i == 0) continue;
    const PageMemory read(large.size());
    ASSERT_TRUE(isOutcome(client.getPage("large-" + std::to_string(i), read), HICACHE_HIT)) << i;
    EXPECT_EQ(read, large);
  }
  uint64_t bytes = 0;
  for (const auto& each : fs::recursive_directory_iterator(disk_.path())) {
    if (each.path().extension() == ".segment") bytes += each.file_size();
  }
  EXPECT_LE(bytes, 12u << 20) << "the segments of pages that are gone still take room";
  StoreClient& again = openSegments(disk_.path(), small);
  EXPECT_EQ(keysOf(again), keysOf(client));
}

TEST_F(SegmentsRoomTest, shouldMissALargePageWhoseSegmentGoesWhileItIsOpened) {
  const SettingPairs small = {{"capacity_bytes", "8388608"}, {"segment_bytes", "1048576"}, {"lanes", "1"}};
  StoreClient& writer = openSegments(disk_.path(), small);
  StoreClient& reader = openSegments(disk_.path(), small);
  const PageMemory large = PageMemory::random(2000000, testSeed());
  ASSERT_TRUE(isOutcome(writer.setPage("large", large), HICACHE_STORED));
  const std::string segment = segmentOf(writer, "large");
  const PageMemory target(large.size());
  files_->hang(FaultyFiles::Kind::kOpenBeneath);
  std::thread reading([&] { EXPECT_TRUE(isOutcome(reader.getPage("large", target), HICACHE_MISS)); });
  EXPECT_TRUE(soon([&] { return files_->hangs(); }));
  EXPECT_TRUE(isOutcome(writer.removePage("large"), HICACHE_REMOVED));
  for (uint64_t i = 0; fs::exists(segment) && i < 40; ++i) {
    writer.setPage("other-" + std::to_string(i), PageMemory::random(1900000 - i * 40000, i));
  }
  EXPECT_FALSE(fs::exists(segment));
  files_->letGo();
  reading.join();
}

}  // namespace
}  // namespace hicache
