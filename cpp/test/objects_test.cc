// SPDX-License-Identifier: Apache-2.0
//
// The layout objects: what stands in a bucket, and what is served out of it.
#include "object_header.h"
#include "objects_fixture.h"

namespace hicache {
namespace {

using ObjectsTest = ObjectsFixture;

TEST_F(ObjectsTest, shouldServeWhatWasSet) {
  StoreClient& client = openObjects();
  EXPECT_TRUE(isOutcome(client.getPage("key", target_), HICACHE_MISS));
  EXPECT_EQ(target_, untouched_) << "a miss left something in the target";
  EXPECT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.getPage("key", target_), HICACHE_HIT));
  EXPECT_EQ(target_, page_);
  EXPECT_TRUE(isOutcome(client.setPage("key", other_), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.getPage("key", target_), HICACHE_HIT));
  EXPECT_EQ(target_, other_);
  EXPECT_EQ(client.described("layout"), "objects");
  EXPECT_EQ(client.pathOf("key"), nameOf("key"));
}

TEST_F(ObjectsTest, shouldTellLengthsByTheHeaderAlone) {
  StoreClient& client = openObjects();
  client.setPage("key", page_);
  const PageResult found = client.findPage("key");
  EXPECT_TRUE(isOutcome(found, HICACHE_HIT));
  EXPECT_EQ(found.length, static_cast<int64_t>(kBytes));
  const std::vector<PageResult> fit = client.exists({"key", "key", "none"}, {kBytes, kBytes + 1, kBytes});
  EXPECT_TRUE(isOutcome(fit[0], HICACHE_HIT));
  EXPECT_TRUE(isOutcome(fit[1], HICACHE_MISS));
  EXPECT_TRUE(isOutcome(fit[2], HICACHE_MISS));
}

TEST_F(ObjectsTest, shouldMoveManyPagesSideBySide) {
  StoreClient& client = openObjects({{"lanes", "1"}});
  std::vector<PageArgument> pages;
  std::vector<PageMemory> memory;
  for (uint64_t i = 0; i < 100; ++i) memory.push_back(PageMemory::random(1000 + i, testSeed() + i));
  for (uint64_t i = 0; i < 100; ++i) pages.emplace_back("page" + std::to_string(i), memory[i]);
  for (const PageResult& result : client.set(pages)) EXPECT_TRUE(isOutcome(result, HICACHE_STORED));
  std::vector<PageMemory> targets;
  std::vector<PageArgument> wanted;
  for (uint64_t i = 0; i < 100; ++i) targets.emplace_back(1000 + i);
  for (uint64_t i = 0; i < 100; ++i) wanted.emplace_back("page" + std::to_string(i), targets[i]);
  for (const PageResult& result : client.get(wanted)) EXPECT_TRUE(isOutcome(result, HICACHE_HIT));
  for (uint64_t i = 0; i < 100; ++i) EXPECT_EQ(targets[i], memory[i]);
  EXPECT_GT(bucket_->inFlightMax(), 4);
}

TEST_F(ObjectsTest, shouldKeepPagesOfNoBytesAndOfHostileKeys) {
  StoreClient& client = openObjects();
  const PageMemory nothing(0);
  EXPECT_TRUE(isOutcome(client.setPage("empty", nothing), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.getPage("empty", nothing), HICACHE_HIT));
  const std::string hostile = "../../etc/passwd";
  EXPECT_TRUE(isOutcome(client.setPage(hostile, page_), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.getPage(hostile, target_), HICACHE_HIT));
  EXPECT_EQ(target_, page_);
  for (const std::string& name : bucket_->names()) EXPECT_EQ(name.find(".."), std::string::npos) << name;
}

TEST_F(ObjectsTest, shouldRefuseATargetOfAnotherLengthOrDtype) {
  StoreClient& client = openObjects();
  client.setPage("key", page_);
  const PageMemory small(kBytes / 2);
  const PageMemory large(kBytes * 2);
  EXPECT_TRUE(isFailure(client.getPage("key", small), HICACHE_INVALID_ARGUMENT, "has 8192 bytes, its target 4096"));
  EXPECT_TRUE(isFailure(client.getPage("key", large), HICACHE_INVALID_ARGUMENT, "has 8192 bytes, its target 16384"));
}

TEST_F(ObjectsTest, shouldNeverServeADamagedObject) {
  StoreClient& client = openObjects();
  client.setPage("key", page_);
  const std::string good = *bucket_->get(nameOf("key"));
  ASSERT_EQ(good.size(), kBytes + ObjectHeader::kBytes);
  auto flipped = [&](size_t at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    return bytes;
  };
  const std::map<std::string, std::string> damages = {{"its first byte", flipped(0)},
                                                      {"its header", flipped(100)},
                                                      {"its page", flipped(ObjectHeader::kBytes + 5)},
                                                      {"its last byte", flipped(good.size() - 1)},
                                                      {"a byte longer", good + "x"},
                                                      {"cut by a byte", good.substr(0, good.size() - 1)},
                                                      {"cut to a half", good.substr(0, good.size() / 2)},
                                                      {"cut to its header", good.substr(0, ObjectHeader::kBytes)},
                                                      {"cut within its header", good.substr(0, 100)},
                                                      {"of another program", "hello"}};
  for (const auto& [what, bytes] : damages) {
    bucket_->put(nameOf("key"), good);
    EXPECT_TRUE(isOutcome(client.getPage("key", target_), HICACHE_HIT)) << "memory that held the page before must not heal it";
    const PageMemory target(kBytes);
    bucket_->put(nameOf("key"), bytes);
    EXPECT_TRUE(isFailure(client.getPage("key", target), HICACHE_CORRUPT)) << what;
    EXPECT_EQ(target, untouched_) << what;
  }
  bucket_->put(nameOf("key"), "");
  EXPECT_TRUE(isFailure(client.getPage("key", target_), HICACHE_CORRUPT, "ends before the page"));
}

TEST_F(ObjectsTest, shouldNotServeAnObjectUnderAnotherName) {
  StoreClient& client = openObjects();
  client.setPage("key", page_);
  bucket_->put(nameOf("other"), *bucket_->get(nameOf("key")));
  EXPECT_TRUE(isFailure(client.getPage("other", target_), HICACHE_CORRUPT));
  EXPECT_TRUE(isOutcome(client.findPage("other"), HICACHE_MISS));
}

TEST_F(ObjectsTest, shouldLeaveAloneWhatIsToBeKept) {
  StoreClient& client = openObjects();
  EXPECT_TRUE(isOutcome(client.setNewPage("key", page_), HICACHE_STORED));
  const int64_t before = bucket_->requests();
  EXPECT_TRUE(isOutcome(client.setNewPage("key", page_), HICACHE_SKIPPED));
  EXPECT_EQ(bucket_->requests(), before + 1) << "it was written again";
  EXPECT_TRUE(isOutcome(client.setNewPage("key", other_), HICACHE_STORED)) << "other bytes replace";
  EXPECT_TRUE(isOutcome(client.setMissing({PageArgument("key", page_)})[0], HICACHE_SKIPPED));
  EXPECT_TRUE(isOutcome(client.getPage("key", target_), HICACHE_HIT));
  EXPECT_EQ(target_, other_);
}

TEST_F(ObjectsTest, shouldSayWhatNixlCannotDo) {
  StoreClient& client = openObjects();
  EXPECT_TRUE(isFailure(client.removePage("key"), HICACHE_UNSUPPORTED, "NIXL reads and writes objects"));
  EXPECT_TRUE(isFailure(client.clear(), HICACHE_UNSUPPORTED, "NIXL reads and writes objects"));
  EXPECT_TRUE(isFailure(client.pin({"key"}, 1000)[0], HICACHE_UNSUPPORTED, "NIXL reads and writes objects"));
  EXPECT_ERROR(client.evict(), HICACHE_UNSUPPORTED, "lifecycle");
  EXPECT_ERROR(listed(client), HICACHE_UNSUPPORTED, "cannot list");
}

TEST_F(ObjectsTest, shouldShowTheObjectsOfAListing) {
  StoreClient& client = openObjects();
  const std::string hostile = "a/b";
  client.setPage("key", page_);
  client.setPage(hostile, page_);
  bucket_->put(std::string(kPrefix) + "foreign_x_0_1", "some bytes");
  bucket_->put("elsewhere/" + nameOf("key"), *bucket_->get(nameOf("key")));
  std::map<std::string, int64_t> shown;
  for (const std::string& name : bucket_->names()) {
    const std::string object = *bucket_->get(name);
    hicache_page_info info = {};
    std::optional<std::string> key = client.store().parts().objects->show(
        name, std::string_view(object).substr(0, ObjectHeader::kBytes), static_cast<int64_t>(object.size()), &info);
    if (key) shown[*key] = info.length;
  }
  EXPECT_EQ(shown, (std::map<std::string, int64_t>{{"key", kBytes}, {hostile, kBytes}}));
}

using RawObjectsTest = ObjectsFixture;

TEST_F(RawObjectsTest, shouldHoldTheVeryBytes) {
  StoreClient& client = openObjects({{"object_format", "raw"}});
  EXPECT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  EXPECT_EQ(*bucket_->get(nameOf("key")), std::string(reinterpret_cast<const char*>(page_.data()), kBytes));
  const PageResult read = client.getPage("key", target_);
  EXPECT_TRUE(isOutcome(read, HICACHE_HIT));
  EXPECT_EQ(read.flags, HICACHE_FLAG_UNVERIFIED);
  EXPECT_EQ(target_, page_);
  EXPECT_EQ(client.findPage("key").flags, HICACHE_FLAG_UNVERIFIED);
  EXPECT_TRUE(isOutcome(client.findPage("none"), HICACHE_MISS));
  EXPECT_TRUE(isFailure(client.setPage("empty", PageMemory(0)), HICACHE_UNSUPPORTED, "raw object"));
}

TEST_F(RawObjectsTest, shouldTellEveryOtherLength) {
  StoreClient& client = openObjects({{"object_format", "raw"}});
  const PageMemory small(100);
  for (size_t length : {size_t{1}, size_t{50}, size_t{99}, size_t{101}, size_t{116}, size_t{5000}}) {
    for (char fill : {'\0', '\xA5', '\x5A', 'x'}) {
      bucket_->put(nameOf("key"), std::string(length, fill));
      EXPECT_TRUE(isFailure(client.getPage("key", small), HICACHE_INVALID_ARGUMENT, "bytes than its target")) << length;
      const bool unseen = length > 100 && fill == '\xA5';  // what follows is just what a look takes for nothing
      EXPECT_TRUE(isOutcome(client.exists({"key"}, {100})[0], unseen ? HICACHE_HIT : HICACHE_MISS)) << length;
    }
  }
  for (char fill : {'\0', '\xA5', '\x5A', 'x'}) {
    bucket_->put(nameOf("key"), std::string(100, fill));
    EXPECT_TRUE(isOutcome(client.getPage("key", small), HICACHE_HIT)) << "a page that ends like the canary";
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(small.data()), 100), std::string(100, fill));
    EXPECT_TRUE(isOutcome(client.exists({"key"}, {100})[0], HICACHE_HIT));
  }
}

}  // namespace
}  // namespace hicache
