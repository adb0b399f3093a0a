// SPDX-License-Identifier: Apache-2.0
//
// The C boundary of a store, used as Java uses it.
#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

#include "c_settings.h"

namespace hicache {
namespace {

constexpr int64_t kForEver = std::numeric_limits<int64_t>::max();

class CApiStoreTest : public StoreFixture {
 protected:
  void TearDown() override {
    hicache_store_free(store_);
    EXPECT_EQ(leftInOwnFolder(disk_.path()), std::vector<std::string>());
    StoreFixture::TearDown();
  }
  hicache_store* openStore(const SettingPairs& more = {}) {
    SettingPairs settings = {{"storage_dir", disk_.path()}, {"model", "m"}, {"layout", "files"}};
    settings.insert(settings.end(), more.begin(), more.end());
    const std::string blob = settingsBlob(settings);
    hicache_error error = {};
    store_ = hicache_store_open(bytesOf(blob), static_cast<int64_t>(blob.size()), &error);
    EXPECT_NE(store_, nullptr) << messageOf(error);
    return store_;
  }
  int64_t submitSet(const std::string& key, const PageMemory& page, hicache_error* error) {
    const int32_t key_length = static_cast<int32_t>(key.size());
    const int64_t address = reinterpret_cast<int64_t>(page.data());
    const int64_t length = static_cast<int64_t>(page.size());
    return hicache_submit_set(store_, 1, bytesOf(key), &key_length, nullptr, nullptr, &address, &length, nullptr, nullptr,
                              nullptr, nullptr, nullptr, 0, 30000, error);
  }
  // The bits of all events of one batch, until it is released.
  int32_t waitFor(int64_t batch) {
    int32_t all = 0;
    while ((all & HICACHE_EVENT_RELEASED) == 0) {
      int32_t bits = 0;
      int64_t id = hicache_next_event(store_, kForEver, &bits);
      EXPECT_EQ(id, batch);
      if (id != batch) break;
      all |= bits;
    }
    return all;
  }
  int32_t outcomeOf(int64_t batch, int64_t* length = nullptr) {
    int32_t outcome = -1;
    int64_t page_length = -1;
    int32_t flags = -1;
    EXPECT_EQ(hicache_batch_results(store_, batch, 1, &outcome, &page_length, &flags), 1);
    if (length != nullptr) *length = page_length;
    return outcome;
  }
  void setPage(const std::string& key, const PageMemory& page) {
    hicache_error error = {};
    int64_t batch = submitSet(key, page, &error);
    ASSERT_GT(batch, 0) << messageOf(error);
    waitFor(batch);
    EXPECT_EQ(outcomeOf(batch), HICACHE_STORED);
    hicache_batch_free(store_, batch);
  }

  hicache_store* store_ = nullptr;
  const PageMemory page_ = PageMemory::random(5000, testSeed());
};

TEST_F(CApiStoreTest, shouldFillTheErrorOfAnOpenThatFails) {
  hicache_error error = {};
  EXPECT_EQ(hicache_store_open(nullptr, 0, &error), nullptr);
  EXPECT_EQ(error.code, HICACHE_INVALID_ARGUMENT);
  EXPECT_NE(messageOf(error).find("storage_dir"), std::string::npos);
  EXPECT_EQ(hicache_store_open(nullptr, -5, nullptr), nullptr) << "nobody listens";
  const std::vector<std::pair<SettingPairs, int32_t>> bad = {
      {{{"storage_dir", disk_.path()}, {"colour", "blue"}}, HICACHE_INVALID_ARGUMENT},
      {{{"storage_dir", disk_.path()}, {"backend", "S3"}}, HICACHE_INVALID_ARGUMENT},
      {{{"storage_dir", disk_.path()}, {"backend", "OBJ"}}, HICACHE_INVALID_ARGUMENT},
      {{{"backend", "OBJ"}}, HICACHE_BACKEND_UNAVAILABLE},
      {{{"storage_dir", disk_.path()}, {"backend", "POSIX"}, {"plugin.use_uring", "perhaps"}}, HICACHE_BACKEND_UNAVAILABLE},
      {{{"storage_dir", "/proc/none"}}, HICACHE_NOT_FOUND}};
  for (const auto& [pairs, code] : bad) {
    const std::string blob = settingsBlob(pairs);
    EXPECT_EQ(hicache_store_open(bytesOf(blob), static_cast<int64_t>(blob.size()), &error), nullptr);
    EXPECT_EQ(error.code, code) << messageOf(error);
  }
}

TEST_F(CApiStoreTest, shouldSetAndGetInTheShapeOfTheHeader) {
  openStore();
  const std::string keys = "onetwo";
  const int32_t key_lengths[] = {3, 3};
  const PageMemory second = PageMemory::random(100, 2);
  const int64_t addresses[] = {reinterpret_cast<int64_t>(page_.data()), reinterpret_cast<int64_t>(second.data())};
  const int64_t lengths[] = {5000, 100};
  const int32_t dtypes[] = {6, 1};
  const int32_t ranks[] = {2, 0};
  const int64_t dims[] = {10, 125};
  hicache_error error = {};
  int64_t batch = hicache_submit_set(store_, 2, bytesOf(keys), key_lengths, nullptr, nullptr, addresses, lengths, dtypes, ranks,
                                     dims, nullptr, nullptr, 0, kForEver, &error);
  ASSERT_GT(batch, 0) << messageOf(error);
  EXPECT_EQ(waitFor(batch), HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED);
  int32_t outcomes[2] = {};
  int64_t page_lengths[2] = {};
  int32_t flags[2] = {};
  EXPECT_EQ(hicache_batch_results(store_, batch, 2, outcomes, page_lengths, flags), 2);
  EXPECT_EQ(outcomes[0], HICACHE_STORED);
  EXPECT_EQ(page_lengths[1], 100);
  hicache_batch_free(store_, batch);
  EXPECT_EQ(hicache_batch_results(store_, batch, 2, outcomes, page_lengths, flags), -1);

  const PageMemory target(5000);
  const int64_t target_address = reinterpret_cast<int64_t>(target.data());
  batch = hicache_submit_get(store_, 1, bytesOf(keys), key_lengths, nullptr, nullptr, &target_address, lengths, dtypes, nullptr,
                             nullptr, 30000, &error);
  waitFor(batch);
  EXPECT_EQ(outcomeOf(batch), HICACHE_HIT);
  EXPECT_EQ(target, page_);
  batch = hicache_submit_exists(store_, 2, bytesOf(keys), key_lengths, nullptr, nullptr, 30000, &error);
  waitFor(batch);
  EXPECT_EQ(hicache_batch_results(store_, batch, 2, outcomes, page_lengths, flags), 2);
  EXPECT_EQ(outcomes[1], HICACHE_HIT);
  EXPECT_EQ(page_lengths[0], 5000);
  hicache_page_info info = {};
  EXPECT_EQ(hicache_find(store_, bytesOf(keys), 3, 0, &info, &error), 1);
  EXPECT_EQ(info.rank, 2);
  EXPECT_EQ(info.dims[1], 125);
  EXPECT_EQ(info.dtype, 6);
  batch = hicache_submit_delete(store_, 1, bytesOf(keys), key_lengths, nullptr, 30000, &error);
  waitFor(batch);
  EXPECT_EQ(outcomeOf(batch), HICACHE_REMOVED);
  EXPECT_EQ(hicache_find(store_, bytesOf(keys), 3, 0, &info, &error), 0);
  int64_t removed = 0;
  batch = hicache_submit_clear(store_, 30000, &error);
  waitFor(batch);
  EXPECT_EQ(outcomeOf(batch, &removed), HICACHE_REMOVED);
  EXPECT_EQ(removed, 1);
}

TEST_F(CApiStoreTest, shouldRefuseASubmitThatMakesNoSense) {
  openStore();
  const int32_t one = 1;
  const int64_t number = 4096;
  hicache_error error = {};
  const std::string key = "k";
  auto refused = [&](int64_t batch, const char* text) {
    EXPECT_EQ(batch, 0);
    EXPECT_EQ(error.code, HICACHE_INVALID_ARGUMENT);
    EXPECT_NE(messageOf(error).find(text), std::string::npos) << messageOf(error);
    error = {};
  };
  const int8_t* k = bytesOf(key);
  refused(hicache_submit_set(store_, -1, k, &one, nullptr, nullptr, &number, &number, nullptr, nullptr, nullptr, nullptr,
                             nullptr, 0, 100, &error),
          "-1 keys");
  refused(hicache_submit_set(store_, 1, nullptr, &one, nullptr, nullptr, &number, &number, nullptr, nullptr, nullptr, nullptr,
                             nullptr, 0, 100, &error),
          "no keys");
  refused(hicache_submit_set(store_, 1, k, &one, nullptr, nullptr, nullptr, &number, nullptr, nullptr, nullptr, nullptr,
                             nullptr, 0, 100, &error),
          "no addresses");
  refused(hicache_submit_set(store_, 1, k, &one, nullptr, nullptr, &number, &number, nullptr, &one, nullptr, nullptr, nullptr,
                             0, 100, &error),
          "go together");
  refused(hicache_submit_get(store_, 1, k, &one, nullptr, nullptr, &number, nullptr, nullptr, nullptr, nullptr, 100, &error),
          "get: no addresses or lengths");
  refused(hicache_submit_get(store_, 1, k, nullptr, nullptr, nullptr, &number, &number, nullptr, nullptr, nullptr, 100, &error),
          "no keys");
  refused(hicache_submit_exists(store_, 1, k, &one, nullptr, nullptr, 0, &error), "timeout of 0 ms");
  refused(hicache_submit_delete(store_, 1, nullptr, nullptr, nullptr, 100, &error), "no keys");
  refused(hicache_submit_clear(store_, -1, &error), "timeout of -1 ms");
  EXPECT_EQ(hicache_submit_clear(store_, 0, nullptr), 0);
  int32_t events = 7;
  EXPECT_EQ(hicache_next_event(store_, 0, &events), 0) << "nothing was started";
  EXPECT_EQ(hicache_next_event(store_, -100, &events), 0);
}

TEST_F(CApiStoreTest, shouldGiveACauseForWhatFailedAndNoneForTheRest) {
  openStore();
  hicache_error error = {};
  int64_t batch = submitSet("", page_, &error);
  ASSERT_GT(batch, 0);
  waitFor(batch);
  EXPECT_EQ(outcomeOf(batch), HICACHE_FAILED);
  EXPECT_EQ(hicache_batch_cause(store_, batch, 0, &error), 1);
  EXPECT_EQ(error.code, HICACHE_INVALID_ARGUMENT);
  EXPECT_EQ(hicache_batch_cause(store_, batch, 0, nullptr), 1);
  EXPECT_EQ(hicache_batch_cause(store_, batch, 1, &error), 0);
  EXPECT_EQ(hicache_batch_cause(store_, batch, -1, &error), 0);
  EXPECT_EQ(hicache_batch_cause(store_, batch + 1, 0, &error), 0);
  EXPECT_EQ(hicache_batch_results(store_, batch + 1, 0, nullptr, nullptr, nullptr), -1);
  EXPECT_EQ(hicache_batch_results(store_, batch, -1, nullptr, nullptr, nullptr), 1);
  hicache_batch_free(store_, batch);
  hicache_batch_free(store_, batch);
}

TEST_F(CApiStoreTest, shouldTellWhereTheTimeOfABatchWent) {
  openStore({{"chunk_pages", "1"}});
  hicache_error error = {};
  int64_t nanos[HICACHE_PHASES] = {};
  const auto begin = std::chrono::steady_clock::now();
  int64_t batch = submitSet("key", page_, &error);
  ASSERT_GT(batch, 0);
  waitFor(batch);
  EXPECT_EQ(hicache_batch_timing(store_, batch, nanos), 1);
  const auto took = std::chrono::steady_clock::now() - begin;
  int64_t sum = 0;
  for (int64_t phase : nanos) {
    EXPECT_GT(phase, 0);
    sum += phase;
  }
  EXPECT_LE(sum, std::chrono::nanoseconds(took).count()) << "one part, one phase after the other";
  hicache_batch_free(store_, batch);
  EXPECT_EQ(hicache_batch_timing(store_, batch, nanos), -1);

  const int32_t key_lengths[] = {3, 1};
  batch = hicache_submit_exists(store_, 2, bytesOf("keyx"), key_lengths, nullptr, nullptr, kForEver, &error);
  ASSERT_GT(batch, 0);
  waitFor(batch);
  EXPECT_EQ(hicache_batch_timing(store_, batch, nanos), 0) << "it moves nothing";
  EXPECT_EQ(nanos[HICACHE_PHASE_TRANSFER], 0);

  const int64_t addresses[] = {reinterpret_cast<int64_t>(page_.data()), reinterpret_cast<int64_t>(page_.data())};
  const int64_t lengths[] = {5000, 5000};
  batch = hicache_submit_set(store_, 2, bytesOf("keyx"), key_lengths, nullptr, nullptr, addresses, lengths, nullptr, nullptr,
                             nullptr, nullptr, nullptr, 0, kForEver, &error);
  ASSERT_GT(batch, 0);
  waitFor(batch);
  EXPECT_EQ(hicache_batch_timing(store_, batch, nanos), 2) << "a part for each page";
}

TEST_F(CApiStoreTest, shouldDescribeItselfIntoAnyBuffer) {
  openStore();
  const std::string blob =
      filled([&](int8_t* text, int64_t capacity) { return hicache_store_describe(store_, text, capacity); });
  EXPECT_EQ(valueIn(blob, "backend"), "POSIX");
  EXPECT_EQ(valueIn(blob, "nixl_plugin"), "POSIX");
  EXPECT_EQ(valueIn(blob, "layout"), "files");
  EXPECT_EQ(valueIn(blob, "naming"), "sglang");
  EXPECT_EQ(valueIn(blob, "suffix"), "_m_0_1");
  EXPECT_EQ(valueIn(blob, "lanes_in_quarantine"), "0");
  EXPECT_EQ(valueIn(blob, "directory.0.path"), disk_.path());
  EXPECT_EQ(valueIn(blob, "directory.0.alignment"), "4096");
  EXPECT_EQ(valueIn(blob, "directory.0.stale_files_swept"), "0");
  EXPECT_EQ(valueIn(blob, "candidate.0.backend"), "3FS");
  EXPECT_EQ(valueIn(blob, "candidate.1.state"), "selected");
  // Every name that the header promises is there.
  for (const char* name :
       {"queue", "lanes", "batches", "pages_in_flight", "nixl_path", "chunk_pages", "chunk_bytes", "chunks_in_flight",
        "directory.0.file_system", "directory.0.direct_io", "directory.0.direct_io_reason", "directory.0.attributes",
        "candidate.4.reason", "candidate.4.advice", "candidate.4.plugin"}) {
    EXPECT_NE(valueIn(blob, name), "(none)") << name;
  }
}

TEST_F(CApiStoreTest, shouldListFindAndShowPaths) {
  openStore();
  setPage("key", page_);
  setPage("a/b", page_);
  hicache_error error = {};
  const std::string path = filled([&](int8_t* text, int64_t capacity) {
    return hicache_page_path(store_, bytesOf("key"), 3, 0, text, static_cast<int32_t>(capacity), &error);
  });
  EXPECT_TRUE(fileExists(path)) << path;
  EXPECT_EQ(hicache_page_path(store_, nullptr, 0, 0, nullptr, 0, &error), -1);
  EXPECT_EQ(error.code, HICACHE_INVALID_ARGUMENT);
  hicache_page_info info = {};
  EXPECT_EQ(hicache_find(store_, nullptr, 5, 0, &info, &error), -1);
  EXPECT_EQ(hicache_find(store_, bytesOf("key"), -1, 0, &info, nullptr), -1);

  hicache_listing* listing = hicache_listing_open(store_, &error);
  ASSERT_NE(listing, nullptr);
  std::vector<std::string> keys;
  int8_t key[8] = {};
  for (int32_t length = 0; (length = hicache_listing_next(listing, key, 2, &info, &error)) > 0;) {
    EXPECT_EQ(length, 3) << "the whole length, though only two bytes were asked for";
    EXPECT_EQ(key[2], 0);
    keys.emplace_back(reinterpret_cast<char*>(key), 2);
    EXPECT_EQ(info.length, 5000);
  }
  EXPECT_EQ(hicache_listing_next(listing, nullptr, 0, &info, &error), 0) << "the end stays the end";
  hicache_listing_close(listing);
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(keys, (std::vector<std::string>{"a/", "ke"}));

  EXPECT_EQ(hicache_find(store_, bytesOf("key"), 3, 0, &info, &error), 1);
  EXPECT_EQ(hicache_remove(store_, bytesOf("key"), 3, 0, info.version + 1, &error), 0) << "another page";
  EXPECT_EQ(hicache_remove(store_, bytesOf("key"), 3, 0, info.version, &error), 1);
  EXPECT_EQ(hicache_remove(store_, bytesOf("key"), 3, 0, info.version, &error), 0) << "it is gone";
  EXPECT_EQ(hicache_remove(store_, nullptr, 3, 0, info.version, &error), -1);
  EXPECT_EQ(error.code, HICACHE_INVALID_ARGUMENT);
}

TEST_F(CApiStoreTest, shouldGiveEachEventToAWaiterOrToTheReaderOfEvents) {
  openStore();
  hicache_error error = {};
  EXPECT_EQ(hicache_batch_wait(store_, 12345, 0), 0) << "there is no such batch";
  for (int i = 0; i < 200; ++i) {
    int64_t batch = submitSet("key", page_, &error);
    ASSERT_GT(batch, 0);
    int32_t bits = hicache_batch_wait(store_, batch, i % 3 == 0 ? 0 : kForEver);
    if ((bits & HICACHE_EVENT_RELEASED) == 0) bits |= waitFor(batch);
    EXPECT_EQ(bits, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED);
    EXPECT_EQ(outcomeOf(batch), HICACHE_STORED);
    hicache_batch_free(store_, batch);
  }
  int32_t events = 0;
  EXPECT_EQ(hicache_next_event(store_, 0, &events), 0) << "no event is given twice";
}

TEST_F(CApiStoreTest, shouldCancelABatchThatIsOpenAndNoOther) {
  openStore();
  hicache_error error = {};
  EXPECT_EQ(hicache_batch_cancel(store_, 12345), 0) << "there is no such batch";
  for (int i = 0; i < 100; ++i) {
    int64_t batch = submitSet("key", page_, &error);
    ASSERT_GT(batch, 0) << messageOf(error);
    bool cancelled = hicache_batch_cancel(store_, batch) == 1;
    EXPECT_EQ(waitFor(batch), HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED);
    EXPECT_EQ(outcomeOf(batch), cancelled ? HICACHE_CANCELLED : HICACHE_STORED);
    EXPECT_EQ(hicache_batch_cause(store_, batch, 0, &error), 0);
    EXPECT_EQ(hicache_batch_cancel(store_, batch), 0) << "it has completed";
    hicache_batch_free(store_, batch);
  }
  setPage("key", page_);
}

TEST_F(CApiStoreTest, shouldSayThatNothingIsLeftOnceItIsClosed) {
  openStore();
  hicache_error error = {};
  int64_t batch = submitSet("key", page_, &error);
  EXPECT_EQ(hicache_store_close(store_, kForEver), 1);
  EXPECT_EQ(hicache_store_close(store_, 0), 1) << "idempotent";
  EXPECT_EQ(hicache_store_close(store_, -1), 1);
  int32_t bits = 0;
  EXPECT_EQ(hicache_next_event(store_, kForEver, &bits), batch) << "what happened before is still told";
  EXPECT_EQ(hicache_next_event(store_, kForEver, &bits), -1);
  EXPECT_EQ(hicache_next_event(store_, 0, &bits), -1);
  EXPECT_EQ(outcomeOf(batch), HICACHE_STORED);
  EXPECT_EQ(submitSet("key", page_, &error), 0);
  EXPECT_EQ(error.code, HICACHE_CLOSED);
  EXPECT_EQ(hicache_submit_exists(store_, 0, nullptr, nullptr, nullptr, nullptr, 100, &error), 0);
  EXPECT_EQ(error.code, HICACHE_CLOSED) << messageOf(error);
}

TEST_F(CApiStoreTest, shouldWakeTheReaderOfEventsWhenItCloses) {
  openStore();
  std::thread closer([this] { hicache_store_close(store_, 1000); });
  int32_t bits = 0;
  EXPECT_EQ(hicache_next_event(store_, kForEver, &bits), -1);
  closer.join();
}

TEST_F(CApiStoreTest, shouldTakeNullWhereThereIsNothingToFree) {
  hicache_store_free(nullptr);
  hicache_listing_close(nullptr);
  hicache_agent_free(nullptr);
  hicache_deregister(nullptr);
}

TEST_F(CApiStoreTest, shouldKnowItsVersion) { EXPECT_STREQ(hicache_version(), "0.1.0"); }

TEST_F(CApiStoreTest, shouldPinAndEvict) {
  openStore({{"capacity_bytes", "20480"}});
  const PageMemory page(4096);
  for (const char* key : {"one", "two", "six", "ten"}) setPage(key, page);
  hicache_error error = {};
  const std::string keys = "onetwo_k";
  const int32_t key_lengths[] = {3, 5};
  const int32_t component_lengths[] = {0, 2};
  int64_t batch = hicache_submit_pin(store_, 2, bytesOf(keys), key_lengths, component_lengths, 3600000, 30000, &error);
  ASSERT_GT(batch, 0) << messageOf(error);
  waitFor(batch);
  int32_t outcomes[2] = {};
  int64_t lengths[2] = {};
  int32_t flags[2] = {};
  EXPECT_EQ(hicache_batch_results(store_, batch, 2, outcomes, lengths, flags), 2);
  EXPECT_EQ(outcomes[0], HICACHE_HIT);
  EXPECT_EQ(outcomes[1], HICACHE_MISS) << "the page two has no component _k";
  hicache_batch_free(store_, batch);
  int64_t pages = -1;
  int64_t bytes = -1;
  setPage("low", PageMemory(4097));  // one page more than the capacity leaves
  ASSERT_EQ(hicache_store_evict(store_, 30000, &pages, &bytes, &error), 1) << messageOf(error);
  EXPECT_EQ(bytes, pages * 4096);
  const std::string described =
      filled([&](int8_t* text, int64_t capacity) { return hicache_store_describe(store_, text, capacity); });
  EXPECT_EQ(valueIn(described, "usage_bytes"), "16384");
  EXPECT_EQ(valueIn(described, "capacity_bytes"), "20480");
  EXPECT_EQ(valueIn(described, "usage_ready"), "true");
  EXPECT_EQ(valueIn(described, "eviction"), "true");
  EXPECT_NE(valueIn(described, "evicted_pages"), "0");
  hicache_page_info info = {};
  EXPECT_EQ(hicache_find(store_, bytesOf("one"), 3, 0, &info, &error), 1) << "it is pinned";
  EXPECT_EQ(hicache_submit_pin(store_, 1, bytesOf(keys), key_lengths, nullptr, -1, 30000, &error), 0);
  EXPECT_EQ(error.code, HICACHE_INVALID_ARGUMENT);
}

TEST_F(CApiStoreTest, shouldSayThatEvictionIsOff) {
  openStore();
  hicache_error error = {};
  EXPECT_EQ(hicache_store_evict(store_, 100, nullptr, nullptr, &error), 0);
  EXPECT_EQ(error.code, HICACHE_UNSUPPORTED);
  const std::string described =
      filled([&](int8_t* text, int64_t capacity) { return hicache_store_describe(store_, text, capacity); });
  EXPECT_EQ(valueIn(described, "usage_bytes"), "-1");
  EXPECT_EQ(valueIn(described, "capacity_bytes"), "0");
  EXPECT_EQ(valueIn(described, "eviction"), "false");
}

}  // namespace
}  // namespace hicache
