// SPDX-License-Identifier: Apache-2.0
#include "crash_fixture.h"

#include <signal.h>

#include <algorithm>

#include "child_process.h"
#include "eviction_fixture.h"
#include "page_listing.h"
#include "segment_census.h"

namespace hicache {
namespace {

constexpr uint64_t kNewest = 99;        // generation
constexpr uint64_t kSurvivorsKey = 60;  // which no scenario has

size_t countOf(const std::string& text, const std::string& line) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(line, at)) != std::string::npos; at += line.size()) ++count;
  return count;
}

// One more segment may have been begun, which the next growth takes.
bool isKnown(const std::string& file, uint32_t segments) {
  if (file == "state" || file == SegmentFiles::kIndex || file == std::string(SegmentFiles::kIndex) + "-lock") return true;
  const std::string ending = file.substr(std::min(file.size(), file.find('.')));
  return (ending == ".segment" || ending == ".used") && std::stoul(file) <= segments;
}

}  // namespace

void Expectation::apply(const CrashScenario& scenario, size_t done) {
  for (size_t i = 0; i < scenario.steps.size() && i <= done; ++i) {
    const CrashStep& step = scenario.steps[i];
    for (uint64_t key = step.first; key < step.first + step.count; ++key) apply(step, key, i < done);
    const bool may_evict = step.kind == CrashStep::Kind::kSet || step.kind == CrashStep::Kind::kEvict;
    if (!scenario.evicts || !may_evict) continue;
    for (auto& [key, allowed] : keys_) allowed.absent = allowed.absent || !allowed.pinned;
  }
}

void Expectation::apply(const CrashStep& step, uint64_t key, bool done) {
  if (step.kind == CrashStep::Kind::kSet) {
    Allowed& allowed = keys_[key];
    if (done) allowed.generations.clear();
    allowed.generations.insert(step.generation);
    allowed.absent = allowed.absent && !done;
  } else if (step.kind == CrashStep::Kind::kPin && done) {
    keys_[key].pinned = true;
    keys_[key].absent = false;  // it was there
  } else if (step.kind == CrashStep::Kind::kRemove || step.kind == CrashStep::Kind::kClear) {
    const auto known = keys_.find(key);
    if (known == keys_.end()) return;
    known->second.absent = true;
    if (done) known->second = Allowed();
  }
}

// *problem: what kept it from ending well, or by being killed.
TracedRun CrashFixture::run(const CrashScenario& scenario, int64_t nth, Expectation* expected, std::string* problem) {
  ChildProcess child({kPlayAScenario, scenario.name, directory_, anyQueue()});
  const TracedRun run = runTraced(child, nth);
  const std::string output = child.readAll();
  if (run.status != (run.killed ? 128 + SIGKILL : 0)) *problem = "status " + std::to_string(run.status) + ": " + output;
  expected->apply(scenario, countOf(output, "done\n"));
  return run;
}

StoreClient& CrashFixture::openAs(const SettingPairs& more) {
  StoreClient& client = open(crashConfig(scenario_, directory_, anyQueue(), more));
  EXPECT_TRUE(soon([&] { return !scenario_.hasCapacity() || client.described("usage_ready") == "true"; }));
  return client;
}

void CrashFixture::expectSound(StoreClient& client) {
  if (!inSegments()) return;
  EXPECT_TRUE(agrees(segmentsOf(client)));
}

std::optional<int64_t> CrashFixture::lengthOf(StoreClient& client, uint64_t key) {
  hicache_page_info info = {};
  if (!findPage(client.store().parts(), crashKey(key), &info)) return std::nullopt;
  EXPECT_EQ(info.file_length, info.length) << "a torn page under its final name";
  EXPECT_EQ(info.sealed == 1, inSegments() || client.described("directory.0.attributes") == "true");
  return info.length;
}

void CrashFixture::expectWhole(StoreClient& client, uint64_t key, int64_t length, const std::set<uint64_t>& generations) {
  const PageMemory target(static_cast<size_t>(length));
  EXPECT_TRUE(isOutcome(client.getPage(crashKey(key), target), HICACHE_HIT)) << "key " << key;
  uint64_t generation = 0;
  EXPECT_TRUE(isCrashPage(key, target, &generation)) << "key " << key << ": bytes that were never set under it";
  EXPECT_TRUE(generations.contains(generation)) << "key " << key << ": generation " << generation << " is not the latest";
}

void CrashFixture::expectThePages(StoreClient& client, const Expectation& expected) {
  std::set<std::string> present;
  for (const auto& [key, allowed] : expected.keys()) {
    const std::optional<int64_t> length = lengthOf(client, key);
    if (length) {
      present.insert(crashKey(key));
      expectWhole(client, key, *length, allowed.generations);
    } else {
      EXPECT_TRUE(allowed.absent) << "key " << key << " was acknowledged and is lost";
      EXPECT_TRUE(isOutcome(client.findPage(crashKey(key)), HICACHE_MISS)) << "key " << key;
    }
  }
  EXPECT_EQ(keysOf(client), present);
}

// A store that was open beside the one that died finds the same, and is held up by nothing that it left locked.
void CrashFixture::expectItToGoOn(StoreClient& beside, const Expectation& expected) {
  expectThePages(beside, expected);
  const PageMemory page = crashPage(kSurvivorsKey, kNewest);
  ASSERT_TRUE(isOutcome(beside.setPage(crashKey(kSurvivorsKey), page), HICACHE_STORED));
  expectWhole(beside, kSurvivorsKey, static_cast<int64_t>(page.size()), {kNewest});
  EXPECT_TRUE(isOutcome(beside.removePage(crashKey(kSurvivorsKey)), HICACHE_REMOVED));
}

// The next store finds the pages, and of the dead process nothing else: no file, and no byte that counts.
void CrashFixture::expectNothingElse(const Expectation& expected) {
  StoreClient& client = openAs({{"l3_cleaner_enabled", "false"}});
  expectThePages(client, expected);
  EXPECT_EQ(tempFilesBelow(directory_), std::vector<std::string>());
  expectSound(client);  // which has counted the bytes of segments
  if (scenario_.hasCapacity() && !inSegments()) {
    const int64_t bytes = bytesOfPages(directory_);
    EXPECT_TRUE(soon([&] { return client.describedNumber("usage_bytes") == bytes; }))
        << client.described("usage_bytes") << " bytes are known, there are " << bytes;
  }
  close(client);
}

// New pages, a clear, and after it all the room there was.
void CrashFixture::expectItToWork() {
  StoreClient& client = openAs({});
  for (uint64_t key = 0; key < 8; ++key) {
    ASSERT_TRUE(isOutcome(client.setPage(crashKey(key), crashPage(key, kNewest)), HICACHE_STORED)) << key;
    const std::optional<int64_t> length = lengthOf(client, key);
    ASSERT_TRUE(length || scenario_.evicts) << key;
    if (length) expectWhole(client, key, *length, {kNewest});
  }
  ASSERT_TRUE(isOutcome(client.clear(), HICACHE_REMOVED));
  EXPECT_EQ(keysOf(client), std::set<std::string>());
  EXPECT_EQ(bytesOfPages(directory_, true), 0);
  EXPECT_EQ(client.describedNumber("usage_bytes"), isCounted() ? 0 : -1);
  expectSound(client);
  if (scenario_.evicts) expectTheWholeCapacity(client);
  close(client);
  EXPECT_EQ(leftInOwnFolder(directory_), std::vector<std::string>());
}

// Up to the low mark, below which nothing has to go.
void CrashFixture::expectTheWholeCapacity(StoreClient& client) {
  const PageMemory page = PageMemory::random(8192, testSeed());
  const int64_t evicted_before = client.describedNumber("evicted_pages");
  const size_t count = static_cast<size_t>(client.describedNumber("capacity_bytes")) * 8 / 10 / page.size();
  for (uint64_t i = 0; i < count; ++i) ASSERT_TRUE(isOutcome(client.setPage(pageKey(i), page), HICACHE_STORED)) << i;
  EXPECT_EQ(keysOf(client).size(), count);
  EXPECT_EQ(client.describedNumber("evicted_pages"), evicted_before);
  expectSound(client);
}

// Every slot of every segment can be had: none is lost to a process that has died.
void CrashFixture::expectEverySlot() {
  const SettingPairs unlimited = {{"capacity_bytes", "0"}, {"lanes", "1"}};
  StoreClient& emptied = openAs(unlimited);
  ASSERT_TRUE(isOutcome(emptied.clear(), HICACHE_REMOVED));
  close(emptied);
  StoreClient& client = openAs(unlimited);
  SegmentDirectory& directory = segmentsOf(client);
  const uint32_t segments = directory.segmentCount();
  const PageMemory page(static_cast<size_t>(directory.index().geometry().slabBytes() / 2));
  std::vector<PageArgument> batch;
  for (uint64_t i = 0; i < 2 * SegmentGeometry::kSlabsPerSegment * segments; ++i) batch.emplace_back(pageKey(i), page);
  for (const PageResult& result : client.set(batch)) ASSERT_TRUE(isOutcome(result, HICACHE_STORED));
  EXPECT_EQ(directory.segmentCount(), segments);
  expectSound(client);
  close(client);
  for (const std::string& file : filesBelow(directory_ + "/" + kOwnFolder + "/" + SegmentFiles::kFolder))
    EXPECT_TRUE(isKnown(file, segments)) << file;
}

TracedRun CrashFixture::tryPoint(int64_t nth, int64_t nth_before, std::string* problem) {
  const ScratchDirectory scratch(Medium::kDisk);
  directory_ = scratch / "pages";
  StoreClient* beside = scenario_.beside ? &openAs({}) : nullptr;
  Expectation expected;
  if (!scenario_.after.empty()) run(crashScenario(scenario_.after), nth_before, &expected, problem);
  const TracedRun tried = run(scenario_, nth, &expected, problem);
  if (!problem->empty()) return tried;
  SCOPED_TRACE("killed at change " + std::to_string(nth) + (tried.killed ? ": " + tried.last : ", to which it did not come") +
               (nth_before == 0 ? "" : "; the process before it at its change " + std::to_string(nth_before)));
  if (beside != nullptr) {
    expectItToGoOn(*beside, expected);
    close(*beside);
  }
  expectNothingElse(expected);
  expectItToWork();
  if (inSegments()) expectEverySlot();
  return tried;
}

TracedRun CrashFixture::playWhole(const CrashScenario& scenario, std::string* problem) {
  const ScratchDirectory scratch(Medium::kDisk);
  directory_ = scratch / "pages";
  Expectation ignored;
  return run(scenario, 0, &ignored, problem);
}

}  // namespace hicache
