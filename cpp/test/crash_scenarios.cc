// SPDX-License-Identifier: Apache-2.0
#include "crash_scenarios.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "numbered_page.h"
#include "syscall_killer.h"

namespace hicache {
namespace {

// Keys from here on have pages as large as half a slab of a segment of 1 MiB, so that 16 of them fill it.
constexpr uint64_t kLargeKeys = 200;
constexpr size_t kLargePage = 61440;
// Key kStairs + n has a page of n + 1 blocks: one slab for each.
constexpr uint64_t kStairs = 300;
// Keys whose names are digests.
constexpr uint64_t kHostileKeys = 100;

CrashStep countFromHere() { return {CrashStep::Kind::kCountFromHere}; }
CrashStep open(const SettingPairs& settings = {}) { return {CrashStep::Kind::kOpen, 0, 0, 0, settings}; }
CrashStep close() { return {CrashStep::Kind::kClose}; }
CrashStep set(uint64_t first, uint64_t count, uint64_t generation) { return {CrashStep::Kind::kSet, first, count, generation}; }
CrashStep pin(uint64_t first, uint64_t count) { return {CrashStep::Kind::kPin, first, count}; }
CrashStep remove(uint64_t first, uint64_t count) { return {CrashStep::Kind::kRemove, first, count}; }
CrashStep evict() { return {CrashStep::Kind::kEvict}; }
CrashStep clear() { return {CrashStep::Kind::kClear, 0, kCrashKeys}; }

const SettingPairs kSmall = {{"capacity_bytes", "262144"}};
const SettingPairs kLarge = {{"capacity_bytes", "16777216"}};

const std::vector<CrashStep> kOpenFresh = {countFromHere(), open(), close()};
const std::vector<CrashStep> kOpenWithPages = {open(), set(0, 12, 1), close(), countFromHere(), open(), set(8, 8, 2), close()};
const std::vector<CrashStep> kSetNew = {open(),        countFromHere(),         set(0, 12, 1),
                                        set(12, 6, 1), set(kHostileKeys, 3, 1), close()};
const std::vector<CrashStep> kOpenAndSet = {countFromHere(), open(), set(6, 18, 2), close()};
const std::vector<CrashStep> kReplace = {open(), set(0, 12, 1), countFromHere(), set(0, 12, 2), set(4, 12, 3), close()};
const std::vector<CrashStep> kDeleteAndClear = {open(),       set(0, 12, 1), countFromHere(), remove(0, 4),
                                                set(2, 4, 2), clear(),       set(1, 3, 3),    close()};
const std::vector<CrashStep> kChange = {countFromHere(), open(),  set(0, 12, 1), set(6, 12, 2), remove(0, 4),
                                        set(2, 4, 3),    clear(), set(1, 3, 4),  close()};

std::vector<CrashScenario> ofBothLayouts() {
  return {
      {"OpenFresh", {}, kOpenFresh},
      {"OpenWithPages", {}, kOpenWithPages},
      {"SetNew", {}, kSetNew},
      {"OpenAfterADeath", {}, kOpenAndSet, "SetNew"},
      {"Replace", {}, kReplace},
      {"SetThatEvicts",
       kSmall,
       {open(), set(0, 16, 1), pin(2, 2), countFromHere(), set(8, 12, 2), set(20, 12, 2), set(0, 4, 3), close()},
       "",
       true},
      {"Evict",
       kSmall,
       {open(), set(0, 8, 1), pin(2, 2), set(8, 16, 1), countFromHere(), pin(3, 1), evict(), set(30, 1, 1), evict(), close()},
       "",
       true},
      {"DeleteAndClear", {}, kDeleteAndClear},
      {"ChangeBesideAnother", {}, kChange, "", false, true},
  };
}

// With a capacity this layout moves pages otherwise, and counts them in a file that processes share.
std::vector<CrashScenario> ofFiles() {
  return {
      {"OpenFreshCounted", kLarge, kOpenFresh},
      {"OpenWithPagesCounted", kLarge, kOpenWithPages},
      {"SetNewCounted", kLarge, kSetNew},
      {"OpenAfterADeathCounted", kLarge, kOpenAndSet, "SetNewCounted"},
      {"ReplaceCounted", kLarge, kReplace},
      {"DeleteAndClearCounted", kLarge, kDeleteAndClear},
      {"ChangeBesideAnotherCounted", kLarge, kChange, "", false, true},
  };
}

std::vector<CrashScenario> ofSegments() {
  const SettingPairs data = {{"durability", "data"}};
  const SettingPairs full = {{"durability", "full"}};
  return {
      {"Growth", {}, {open(), set(kLargeKeys, 13, 1), countFromHere(), set(kLargeKeys + 13, 8, 1), set(0, 6, 1), close()}},
      {"GrowthAfterADeathInIt", {}, {countFromHere(), open(), set(kLargeKeys + 10, 16, 2), close()}, "Growth"},
      {"SlabsChangeTheirSize",
       {{"capacity_bytes", "1048576"}},
       {open(), set(kStairs, 16, 1), close(), open(), countFromHere(), set(kStairs + 17, 1, 1), set(kStairs + 19, 1, 1),
        close()},
       "",
       true},
      {"DurableData", data, kChange},
      {"DurableFull", full, kChange},
      {"BecomesDurableAndEndsToBe",
       {},
       {open(), set(0, 6, 1), close(), countFromHere(), open(full), set(4, 4, 2), close(), open(), set(0, 2, 3), close(),
        open(data), close()}},
  };
}

void require(const std::vector<PageResult>& results, hicache_outcome expected) {
  for (const PageResult& result : results) {
    if (result.outcome == expected) continue;
    throw std::runtime_error("outcome " + std::to_string(result.outcome) + " in place of " + std::to_string(expected) + ": " +
                             (result.cause == nullptr ? "" : result.cause->what()));
  }
}

void setPages(StoreClient& client, const CrashStep& step) {
  std::vector<PageMemory> pages;
  std::vector<PageArgument> batch;
  for (uint64_t i = 0; i < step.count; ++i) pages.push_back(crashPage(step.first + i, step.generation));
  for (uint64_t i = 0; i < step.count; ++i) batch.emplace_back(crashKey(step.first + i), pages[i]);
  require(client.set(batch), HICACHE_STORED);
}

std::vector<std::string> keysOf(const CrashStep& step) {
  std::vector<std::string> keys;
  for (uint64_t i = 0; i < step.count; ++i) keys.push_back(crashKey(step.first + i));
  return keys;
}

// What a child plays, where, and by which queue.
struct Play {
  const CrashScenario& scenario;
  const std::string directory;
  const std::string queue;
};

void play(const Play& at, const CrashStep& step, std::unique_ptr<StoreClient>* client) {
  constexpr int64_t kHour = 3600000;
  switch (step.kind) {
    case CrashStep::Kind::kCountFromHere:
      return countChangesFromHere();
    case CrashStep::Kind::kOpen:
      *client = std::make_unique<StoreClient>(crashConfig(at.scenario, at.directory, at.queue, step.settings));
      while (at.scenario.hasCapacity() && (*client)->described("usage_ready") != "true") ::usleep(1000);
      return;
    case CrashStep::Kind::kClose:
      if (at.scenario.evicts && &step == &at.scenario.steps.back() && (*client)->described("evicted_pages") == "0")
        throw std::runtime_error("nothing was evicted");
      return client->reset();
    case CrashStep::Kind::kSet:
      return setPages(**client, step);
    case CrashStep::Kind::kPin:
      return require((*client)->pin(keysOf(step), kHour), HICACHE_HIT);
    case CrashStep::Kind::kRemove:
      return require((*client)->remove(keysOf(step)), HICACHE_REMOVED);
    case CrashStep::Kind::kEvict:
      (*client)->evict();
      return;
    case CrashStep::Kind::kClear:
      return require({(*client)->clear()}, HICACHE_REMOVED);
  }
}

}  // namespace

bool CrashScenario::hasCapacity() const {
  return std::any_of(settings.begin(), settings.end(), [](const auto& each) { return each.first == "capacity_bytes"; });
}

const std::vector<CrashScenario>& crashScenarios() {
  static const std::vector<CrashScenario> all = [] {
    std::vector<CrashScenario> scenarios = ofBothLayouts();
    for (CrashScenario& each : inSegments() ? ofSegments() : ofFiles()) scenarios.push_back(std::move(each));
    return scenarios;
  }();
  return all;
}

const CrashScenario& crashScenario(const std::string& name) {
  for (const CrashScenario& each : crashScenarios()) {
    if (each.name == name) return each;
  }
  throw std::invalid_argument("no scenario " + name);
}

StoreConfig crashConfig(const CrashScenario& scenario, const std::string& directory, const std::string& queue,
                        const SettingPairs& more) {
  SettingPairs settings = {{"lanes", "2"}, {"chunk_pages", "4"}};
  if (inSegments()) settings.emplace_back("segment_bytes", "1048576");
  settings.insert(settings.end(), scenario.settings.begin(), scenario.settings.end());
  settings.insert(settings.end(), more.begin(), more.end());
  return storeConfig({directory}, queue, settings);
}

std::string crashKey(uint64_t key) {
  const bool hostile = key >= kHostileKeys && key < kLargeKeys;
  return hostile ? "../" + std::string(300, 'k') + std::to_string(key) : numberedKey(key);
}

namespace {

// Some take direct I/O, some do not; a replacement has another size.
size_t sizeOf(uint64_t key, uint64_t generation) {
  constexpr size_t kSizes[] = {4096, 5000, 16, 12288, 20000, 8192};
  if (key >= kStairs) return (key - kStairs + 1) * 4096;
  return key >= kLargeKeys ? kLargePage : kSizes[(key + generation) % std::size(kSizes)];
}

}  // namespace

PageMemory crashPage(uint64_t key, uint64_t generation) {
  PageMemory page = PageMemory::random(sizeOf(key, generation), key * 1000003 + generation);
  std::memcpy(page.data(), &key, sizeof(key));
  std::memcpy(page.data() + sizeof(key), &generation, sizeof(generation));
  return page;
}

bool isCrashPage(uint64_t key, const PageMemory& page, uint64_t* generation) {
  if (page.size() < 2 * sizeof(uint64_t)) return false;
  std::memcpy(generation, page.data() + sizeof(key), sizeof(*generation));
  return page == crashPage(key, *generation);
}

int playScenario(const std::string& name, const std::string& directory, const std::string& queue) {
  constexpr unsigned kPatienceSeconds = 60;
  ::alarm(kPatienceSeconds);  // so that nobody waits for ever
  letParentTrace();
  const Play at = {crashScenario(name), directory, queue};
  std::unique_ptr<StoreClient> client;
  try {
    for (const CrashStep& step : at.scenario.steps) {
      play(at, step, &client);
      std::printf("done\n");
      std::fflush(stdout);
    }
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    std::fflush(stdout);
    return 1;
  }
  return 0;
}

}  // namespace hicache
