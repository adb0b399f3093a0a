// SPDX-License-Identifier: Apache-2.0
#include "store_fixture.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "page_listing.h"

namespace hicache {
namespace {

const char* nameOf(hicache_outcome outcome) {
  static const char* const kNames[] = {"PENDING", "STORED", "HIT",       "MISS",    "SKIPPED",
                                       "CORRUPT", "FAILED", "TIMED_OUT", "REMOVED", "CANCELLED"};
  return kNames[outcome];
}

std::string describe(const PageResult& result) {
  return std::string(nameOf(result.outcome)) + ", length " + std::to_string(result.length) +
         (result.cause == nullptr ? "" : ", code " + std::to_string(result.cause->code()) + ": " + result.cause->what());
}

bool layoutIs(const char* name) {
  const char* layout = std::getenv("HICACHE_TEST_LAYOUT");
  return layout != nullptr && std::string(layout) == name;
}

// The tests' S3 server as scripts/test-servers.sh tells of it: plugin parameter and variable.
const std::vector<std::pair<std::string, std::string>> kServer = {{"endpoint_override", "HICACHE_TEST_S3_ENDPOINT"},
                                                                  {"bucket", "HICACHE_TEST_S3_BUCKET"},
                                                                  {"access_key", "HICACHE_TEST_S3_ACCESS_KEY"},
                                                                  {"secret_key", "HICACHE_TEST_S3_SECRET_KEY"}};

// A directory's stores share the prefix that is named after it: no two tests have a scratch directory of one name, and the
// process's start keeps runs apart that reuse a name.
std::string prefixOf(const std::string& directory) {
  static const std::string run = std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  return "hicache_core_test/" + run + directory + "/";
}

StoreConfig serverConfig(const std::string& directory, const SettingPairs& more) {
  Settings settings;
  settings.add("backend", "OBJ");
  settings.add("object_prefix", prefixOf(directory));
  for (const auto& [parameter, variable] : kServer) {
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr) throw std::runtime_error(variable + " is not set");
    settings.add("plugin." + parameter, value);
  }
  for (const auto& [name, value] : more) settings.add(name, value);
  return StoreConfig::parse(settings);
}

}  // namespace

bool inSegments() { return layoutIs("segments"); }
bool inObjects() { return layoutIs("objects"); }

std::string whyServerMissing() {
  for (const auto& [parameter, variable] : kServer) {
    if (std::getenv(variable.c_str()) == nullptr)
      return "no S3 server, " + variable + " is not set: see scripts/test-servers.sh";
  }
  return "";
}

StoreConfig storeConfig(const std::vector<std::string>& directories, const std::string& queue, const SettingPairs& more) {
  if (inObjects()) return serverConfig(directories.at(0), more);
  Settings settings;
  for (const std::string& directory : directories) settings.add("storage_dir", directory);
  settings.add("backend", "POSIX");
  settings.add("plugin.use_" + queue, "true");
  const char* layout = std::getenv("HICACHE_TEST_LAYOUT");
  settings.add("layout", layout == nullptr ? "files" : layout);
  for (const auto& [name, value] : more) settings.add(name, value);
  return StoreConfig::parse(settings);
}

std::string whyQueueRefused(const std::string& queue) {
  if (inObjects() && !whyServerMissing().empty()) return whyServerMissing();
  ScratchDirectory directory(Medium::kMemory);
  try {
    Store store(storeConfig({directory.path()}, queue));
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string whyQueueRefusedOnce(const std::string& queue) {
  static std::map<std::string, std::string> reasons;
  auto found = reasons.find(queue);
  return found != reasons.end() ? found->second : reasons[queue] = whyQueueRefused(queue);
}

std::string anyQueue() {
  for (const std::string& queue : kQueues) {
    if (whyQueueRefusedOnce(queue).empty()) return queue;
  }
  throw std::runtime_error("no queue of NIXL's POSIX plugin works here: " + whyQueueRefusedOnce("posix_aio"));
}

void StoreFixture::SetUp() { before_ = takeCensus(); }

Outside StoreFixture::outside() {
  Outside outside;
  outside.nixl = nixl_;
  outside.cuda = cuda_;
  outside.files = files_;
  return outside;
}

StoreClient& StoreFixture::open(const StoreConfig& config) {
  clients_.push_back(std::make_unique<StoreClient>(config, outside()));
  directories_.insert(directories_.end(), config.storage_directories.begin(), config.storage_directories.end());
  return *clients_.back();
}

StoreClient& StoreFixture::open(const std::string& directory, const SettingPairs& more) {
  return open(storeConfig({directory}, anyQueue(), more));
}

bool StoreFixture::close(StoreClient& client) {
  bool drained = client.store().close(std::chrono::seconds(10));
  clients_.erase(std::find_if(clients_.begin(), clients_.end(), [&](const auto& each) { return each.get() == &client; }));
  return drained;
}

std::map<std::string, hicache_page_info> StoreFixture::listed(StoreClient& client) {
  std::map<std::string, hicache_page_info> pages;
  std::unique_ptr<PageListing> listing = PageListing::of(client.store().parts());
  std::string key;
  hicache_page_info info = {};
  while (listing->next(&key, &info)) EXPECT_TRUE(pages.emplace(key, info).second) << key << " is listed twice";
  return pages;
}

std::set<std::string> StoreFixture::keysOf(StoreClient& client) {
  std::set<std::string> keys;
  for (const auto& [key, info] : listed(client)) keys.insert(key);
  return keys;
}

bool StoreFixture::soon(const std::function<bool()>& condition) {
  for (int i = 0; i < 4000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return condition();
}

void StoreFixture::TearDown() {
  nixl_->letGo();
  files_->letGo();
  clients_.clear();
  EXPECT_EQ(leftSince(before_), "");
  for (const std::string& directory : directories_) EXPECT_EQ(leftInOwnFolder(directory), std::vector<std::string>());
  EXPECT_EQ(nixl_->liveRequests(), 0);
  EXPECT_EQ(nixl_->liveRegistrations(), 0);
  EXPECT_EQ(nixl_->liveAgents(), 0);
  EXPECT_EQ(nixl_->misuses(), std::vector<std::string>());
  EXPECT_EQ(files_->openCount(), 0);
}

void QueueFixture::SetUp() {
  if (inObjects()) {
    const std::string missing = whyServerMissing();
    StoreFixture::SetUp();
    if (!missing.empty()) GTEST_SKIP() << missing;
    if (GetParam() != kQueues[0]) GTEST_SKIP() << "objects have no queue: once is enough";
    return;
  }
  const std::string refused = whyQueueRefusedOnce(GetParam());
  StoreFixture::SetUp();
  if (!refused.empty()) GTEST_SKIP() << refused;
}

testing::AssertionResult isOutcome(const PageResult& result, hicache_outcome outcome) {
  if (result.outcome == outcome) return testing::AssertionSuccess();
  return testing::AssertionFailure() << describe(result) << "; expected " << nameOf(outcome);
}

testing::AssertionResult isFailure(const PageResult& result, Code code, const std::string& text) {
  hicache_outcome outcome = code == HICACHE_CORRUPT   ? HICACHE_OUTCOME_CORRUPT
                            : code == HICACHE_TIMEOUT ? HICACHE_TIMED_OUT
                                                      : HICACHE_FAILED;
  if (result.outcome == outcome && result.cause != nullptr && result.cause->code() == code &&
      std::string(result.cause->what()).find(text) != std::string::npos) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << describe(result) << "; expected code " << code << " with '" << text << "'";
}

}  // namespace hicache
