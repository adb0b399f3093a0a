// SPDX-License-Identifier: Apache-2.0
//
// Whose pages are whose: listing, finding, clearing, and what stands beside them in the same directories.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "page_listing.h"
#include "store_fixture.h"

namespace hicache {
namespace {

namespace fs = std::filesystem;

class NamingTest : public StoreFixture {
 protected:
  const PageMemory page_ = PageMemory::random(1000, testSeed());
  const std::string hash_ = "fea7b32778ecbdd7adee1941e98c89cf96bbc762f5f1beb0be24e36a456fbbc5";
};

TEST_F(NamingTest, shouldPutPagesWhereSglangLooksForThem) {
  fs::create_directories(disk_ / "a");
  const StoreConfig config =
      storeConfig({disk_ / "a", disk_ / "b", disk_ / "c"}, anyQueue(), {{"model", "test_model"}, {"tp_size", "2"}});
  StoreClient& client = open(config);
  ASSERT_TRUE(isOutcome(client.setPage("key1", page_), HICACHE_STORED));
  EXPECT_EQ(client.pathOf("key1"), disk_ / "a/f0/key1_test_model_0_2");
  EXPECT_EQ(readFile(disk_ / "a/f0/key1_test_model_0_2"), std::string(reinterpret_cast<char*>(page_.data()), page_.size()));

  StoreClient& flat = open(disk_ / "flat", {{"naming", "sglang-v0"}, {"model", "m/x"}, {"tp_rank", "1"}, {"tp_size", "4"}});
  ASSERT_TRUE(isOutcome(flat.setPage("key1", page_), HICACHE_STORED));
  EXPECT_TRUE(fileExists(disk_ / "flat/key1_m-x_1_4"));
}

TEST_F(NamingTest, shouldSpreadPagesOverItsDirectories) {
  StoreClient& client = open(storeConfig({disk_ / "a", disk_ / "b", memory_.path()}, anyQueue()));
  std::vector<PageArgument> batch;
  for (int i = 0; i < 60; ++i) batch.emplace_back("page-" + std::to_string(i), page_);
  for (const PageResult& result : client.set(batch)) ASSERT_TRUE(isOutcome(result, HICACHE_STORED));
  size_t files = 0;
  for (const std::string& directory : {disk_ / "a", disk_ / "b", memory_.path()}) {
    EXPECT_GT(filesBelow(directory).size(), 1u);
    files += filesBelow(directory).size() - 1;  // and the lock file
  }
  EXPECT_EQ(files, 60u);
  EXPECT_EQ(keysOf(client).size(), 60u);
  EXPECT_EQ(client.clear().length, 60);
}

TEST_F(NamingTest, shouldListAndFindWhatWasSet) {
  StoreClient& client = open(disk_.path(), {{"model", "m"}});
  PageArgument shaped("shaped", page_);
  shaped.dtype = 15;
  shaped.dims = {2, 5, 1, 50};
  const std::vector<std::string> odd = {"a/b",      "..",   std::string("nul\0key", 7), "line\nbreak",
                                        "\xFF\xFE", "漢字", std::string(300, 'z')};
  std::vector<PageArgument> batch = {shaped, {hash_, page_}};
  for (const std::string& key : odd) batch.emplace_back(key, page_);
  for (const PageResult& result : client.set(batch)) ASSERT_TRUE(isOutcome(result, HICACHE_STORED));

  std::set<std::string> expected(odd.begin(), odd.end());
  expected.insert({"shaped", hash_});
  EXPECT_EQ(keysOf(client), expected);
  const hicache_page_info info = listed(client)["shaped"];
  EXPECT_EQ(info.length, 1000);
  EXPECT_EQ(info.file_length, 1000);
  EXPECT_EQ(info.sealed, 1);
  EXPECT_EQ(info.dtype, 15);
  EXPECT_EQ(info.rank, 4);
  EXPECT_EQ(std::vector<int64_t>(info.dims, info.dims + 4), shaped.dims);
  EXPECT_GT(info.modified_time, int64_t{1700000000000});

  hicache_page_info found = {};
  EXPECT_TRUE(findPage(client.store().parts(), "..", &found));
  EXPECT_EQ(found.length, 1000);
  EXPECT_FALSE(findPage(client.store().parts(), "nothing", &found));
  EXPECT_ERROR(findPage(client.store().parts(), "", &found), HICACHE_INVALID_ARGUMENT, "key: empty");
  fs::resize_file(client.pathOf("shaped"), 10);
  EXPECT_TRUE(findPage(client.store().parts(), "shaped", &found));
  EXPECT_EQ(found.length, 1000);
  EXPECT_EQ(found.file_length, 10) << "a damaged page can be seen";
}

TEST_F(NamingTest, shouldKeepTheLongestKey) {
  StoreClient& client = open(disk_.path());
  const std::string longest(65535, 'k');
  const PageMemory target(page_.size());
  ASSERT_TRUE(isOutcome(client.setPage(longest, page_), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.getPage(longest, target), HICACHE_HIT));
  EXPECT_EQ(target, page_);
  EXPECT_TRUE(isOutcome(client.getPage(longest.substr(1), target), HICACHE_MISS));
  const std::set<std::string> keys = keysOf(client);
  ASSERT_EQ(keys.size(), 1u);
  // Where it does not fit into an attribute the name stands for it.
  EXPECT_TRUE(*keys.begin() == longest || *keys.begin() == fs::path(client.pathOf(longest)).filename()) << keys.begin()->size();
}

TEST_F(NamingTest, shouldClearNothingButItsOwnPages) {
  StoreClient& own = open(disk_.path(), {{"model", "m"}, {"tp_rank", "1"}, {"tp_size", "2"}});
  const std::vector<SettingPairs> others = {{{"model", "m"}, {"tp_size", "2"}},
                                            {{"model", "long-m"}, {"tp_rank", "1"}, {"tp_size", "2"}},
                                            {{"model", "m"}, {"mla", "true"}},
                                            {{"model", "m"}, {"naming", "sglang-v0"}, {"tp_rank", "1"}, {"tp_size", "2"}}};
  std::vector<StoreClient*> clients;
  for (const SettingPairs& other : others) {
    clients.push_back(&open(disk_.path(), other));
    ASSERT_TRUE(isOutcome(clients.back()->setPage("shared", page_), HICACHE_STORED));
    ASSERT_TRUE(isOutcome(clients.back()->setPage(hash_, page_), HICACHE_STORED));
  }
  // SGLang's own page is ours to clear; notes that somebody put beside the pages are not.
  const std::string peer = own.pathOf(hash_);
  fs::create_directories(fs::path(peer).parent_path());
  writeFile(peer, "a page of SGLang");
  const std::vector<std::string> foreign = {disk_ / "notes_m_1_2", disk_ / "README", peer + ".bak",
                                            fs::path(peer).parent_path() / "notes_m_1_2", own.pathOf("notes")};
  for (const std::string& path : foreign) {
    fs::create_directories(fs::path(path).parent_path());
    writeFile(path, "not a page");
  }
  std::vector<PageArgument> batch;
  for (int i = 0; i < 20; ++i) batch.emplace_back("own-" + std::to_string(i) + (i % 2 == 0 ? "" : "/"), page_);
  for (const PageResult& result : own.set(batch)) ASSERT_TRUE(isOutcome(result, HICACHE_STORED));
  EXPECT_EQ(listed(own).size(), 21u);

  const PageResult cleared = own.clear();
  EXPECT_TRUE(isOutcome(cleared, HICACHE_REMOVED));
  EXPECT_EQ(cleared.length, 21);
  EXPECT_TRUE(listed(own).empty());
  EXPECT_FALSE(fileExists(peer));
  EXPECT_EQ(own.clear().length, 0);
  for (const std::string& path : foreign) EXPECT_EQ(readFile(path), "not a page") << path;
  for (StoreClient* client : clients) {
    EXPECT_TRUE(isOutcome(client->findPage("shared"), HICACHE_HIT));
    EXPECT_TRUE(isOutcome(client->findPage(hash_), HICACHE_HIT));
  }
  StoreClient& flat = *clients[3];
  EXPECT_EQ(keysOf(flat), (std::set<std::string>{"shared", hash_}));
  EXPECT_EQ(flat.clear().length, 2);
  for (const std::string& path : foreign) EXPECT_EQ(readFile(path), "not a page") << path;
}

// "key_x" of the model m and "key" of the model x_m have one name, and so one file.
TEST_F(NamingTest, shouldLeaveThePagesOfAModelWhoseNameEndsInItsOwn) {
  StoreClient& own = open(disk_.path(), {{"model", "m"}});
  StoreClient& longer = open(disk_.path(), {{"model", "x_m"}});
  StoreClient& without_attributes = open(memory_.path(), {{"model", "m"}});
  if (own.described("directory.0.attributes") != "true") GTEST_SKIP() << "no attributes in " << disk_.path();
  const PageMemory target(page_.size());
  const std::vector<std::string> keys = {hash_, "shared", "a/b"};
  for (const std::string& key : keys) ASSERT_TRUE(isOutcome(longer.setPage(key, page_), HICACHE_STORED));
  ASSERT_EQ(own.pathOf("shared_x"), longer.pathOf("shared"));
  EXPECT_TRUE(isFailure(own.getPage("shared_x", target), HICACHE_CORRUPT, "belong to another page"));
  EXPECT_TRUE(isOutcome(own.findPage("shared_x"), HICACHE_MISS));
  ASSERT_TRUE(isOutcome(own.setPage(hash_ + "_y", page_), HICACHE_STORED)) << "a key that only looks like that";
  // A page that SGLang wrote for x_m.
  const std::string other_hash = std::string(64, 'e');
  fs::create_directories(fs::path(longer.pathOf(other_hash)).parent_path());
  writeFile(longer.pathOf(other_hash), "a page of SGLang");
  EXPECT_EQ(keysOf(own), (std::set<std::string>{hash_ + "_y"}));
  EXPECT_EQ(own.clear().length, 1);
  for (const std::string& key : keys) {
    EXPECT_TRUE(isOutcome(longer.getPage(key, target), HICACHE_HIT)) << key;
    EXPECT_EQ(target, page_);
  }
  EXPECT_EQ(readFile(longer.pathOf(other_hash)), "a page of SGLang");
  EXPECT_EQ(longer.clear().length, 4);

  // Where there are no attributes, page keys can still be told apart.
  for (const std::string& key : {hash_, hash_ + "_x"}) {
    ASSERT_TRUE(isOutcome(without_attributes.setPage(key, page_), HICACHE_STORED));
  }
  const bool attributes = without_attributes.described("directory.0.attributes") == "true";
  EXPECT_EQ(without_attributes.clear().length, attributes ? 2 : 1);
}

TEST_F(NamingTest, shouldKeepRanksApartAndShareMlaPages) {
  const PageMemory other = PageMemory::random(1000, testSeed() + 1);
  const PageMemory target(1000);
  StoreClient& rank0 = open(disk_.path(), {{"model", "m"}, {"tp_size", "2"}});
  StoreClient& rank1 = open(disk_.path(), {{"model", "m"}, {"tp_rank", "1"}, {"tp_size", "2"}});
  ASSERT_TRUE(isOutcome(rank0.setPage("key", page_), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(rank1.getPage("key", target), HICACHE_MISS));
  ASSERT_TRUE(isOutcome(rank1.setPage("key", other), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(rank0.getPage("key", target), HICACHE_HIT));
  EXPECT_EQ(target, page_);
  StoreClient& mla0 = open(disk_.path(), {{"model", "m"}, {"mla", "true"}, {"tp_size", "2"}});
  StoreClient& mla1 = open(disk_.path(), {{"model", "m"}, {"mla", "true"}, {"tp_rank", "1"}, {"tp_size", "2"}});
  ASSERT_TRUE(isOutcome(mla0.setPage("key", other), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(mla1.getPage("key", target), HICACHE_HIT));
  EXPECT_EQ(target, other);
}

TEST_F(NamingTest, shouldKeepNamespacesApartInOneDirectory) {
  auto openNamespace = [this](const std::string& digest) -> StoreClient& {
    // The same model and rank: only the digest tells them apart.
    return open(disk_.path(), {{"naming", "namespace"}, {"namespace_digest", digest}, {"model", "m"}});
  };
  StoreClient& own = openNamespace("0123456789abcdef0123456789abcdef");
  StoreClient& other = openNamespace("0123456789abcdef0123456789abcdee");
  StoreClient& sglang = open(disk_.path(), {{"model", "m"}});
  const std::vector<StoreClient*> clients = {&own, &other, &sglang};
  std::vector<PageMemory> pages;
  for (size_t i = 0; i < clients.size(); ++i) {
    pages.push_back(PageMemory::random(1000, testSeed() + i));
    for (const char* key : {"plain", "a/b", hash_.c_str()}) {
      ASSERT_TRUE(isOutcome(clients[i]->findPage(key), HICACHE_MISS)) << key;
      ASSERT_TRUE(isOutcome(clients[i]->setPage(key, pages[i]), HICACHE_STORED)) << key;
    }
  }
  EXPECT_TRUE(own.pathOf("plain").ends_with("plain_ns-0123456789abcdef0123456789abcdef")) << own.pathOf("plain");
  EXPECT_EQ(fs::path(own.pathOf("plain")).parent_path().parent_path(), disk_.path());
  EXPECT_EQ(own.clear().length, 3);
  EXPECT_TRUE(listed(own).empty());
  const PageMemory target(1000);
  for (size_t i = 1; i < clients.size(); ++i) {
    EXPECT_EQ(keysOf(*clients[i]), (std::set<std::string>{"plain", "a/b", hash_}));
    for (const char* key : {"plain", "a/b", hash_.c_str()}) {
      ASSERT_TRUE(isOutcome(clients[i]->getPage(key, target), HICACHE_HIT)) << key;
      EXPECT_EQ(target, pages[i]) << key;
      EXPECT_TRUE(isOutcome(own.findPage(key), HICACHE_MISS)) << key;
    }
  }
}

TEST_F(NamingTest, shouldRefuseABadNamingBeforeItMakesADirectory) {
  EXPECT_ERROR(open(disk_ / "never", {{"tp_rank", "2"}, {"tp_size", "2"}}), HICACHE_INVALID_ARGUMENT, "tp_rank");
  EXPECT_FALSE(fileExists(disk_ / "never"));
}

}  // namespace
}  // namespace hicache
