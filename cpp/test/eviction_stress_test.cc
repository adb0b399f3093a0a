// SPDX-License-Identifier: Apache-2.0
//
// Eight processes with four threads each set, get, evict, delete and clear pages in the same directories under one capacity,
// and are killed at random: every hit has the right bytes, and the pages never take more than the capacity.
// HICACHE_STRESS_SECONDS: how long; 3 unless set.
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "child_process.h"
#include "eviction_fixture.h"

namespace hicache {
namespace {

constexpr size_t kProcesses = 8;
constexpr int64_t kBatch = 12 * 20480;  // the most that a child sets at once

class EvictionStressTest : public EvictionFixture {
 protected:
  // Segments want some slabs for each process and size.
  const int64_t capacity_ = inSegments() ? 32 << 20 : 4 << 20;

  static std::chrono::milliseconds duration() {
    const char* chosen = std::getenv("HICACHE_STRESS_SECONDS");
    return std::chrono::seconds(chosen == nullptr ? 3 : std::atoi(chosen));
  }
  std::unique_ptr<ChildProcess> startChild(const std::string& first, const std::string& second, uint64_t seed) {
    return std::make_unique<ChildProcess>(
        std::vector<std::string>{kShareACapacity, first, second, std::to_string(capacity_), std::to_string(seed)});
  }
};

TEST_F(EvictionStressTest, shouldKeepTheCapacityAndTheBytesWhateverDies) {
  const std::vector<std::string> directories = {disk_ / "a", memory_ / "b"};
  std::mt19937_64 random = seeded();
  StoreClient& watcher = openCounted(directories, {{"capacity_bytes", std::to_string(capacity_)}, {"lanes", "1"}});
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (size_t i = 0; i < kProcesses; ++i) children.push_back(startChild(directories[0], directories[1], random()));
  int64_t most_known = 0;
  int64_t most_there = 0;
  int64_t deaths = 0;
  int64_t samples = 0;
  const auto until = std::chrono::steady_clock::now() + duration();
  while (std::chrono::steady_clock::now() < until) {
    // First what is there: a set that ends in between makes what is known larger, never what was there.
    int64_t there = 0;
    for (const std::string& directory : directories) there += bytesOfPages(directory, true);
    if (inSegments()) there = watcher.describedNumber("usage_bytes");
    most_there = std::max(most_there, there);
    most_known = std::max(most_known, watcher.describedNumber("usage_bytes"));
    ++samples;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (random() % 8 != 0) continue;
    std::unique_ptr<ChildProcess>& victim = children[random() % kProcesses];
    victim->kill();
    ASSERT_EQ(victim->wait(), 128 + SIGKILL) << "a child has found wrong bytes, or failed: " << victim->readAll();
    ++deaths;
    victim = startChild(directories[0], directories[1], random());
  }
  for (std::unique_ptr<ChildProcess>& child : children) {
    child->stop();
    const std::string report = child->readAll();
    const int status = child->wait();
    EXPECT_TRUE(status == 0 || status == 128 + SIGTERM) << report;  // one that has only just begun dies of it
  }
  std::printf(
      "[  stress  ] %lld deaths, %lld samples, at most %lld bytes known and %lld there, of %lld; evicted by the watcher: %s\n",
      static_cast<long long>(deaths), static_cast<long long>(samples), static_cast<long long>(most_known),
      static_cast<long long>(most_there), static_cast<long long>(capacity_), watcher.described("evicted_pages").c_str());
  EXPECT_GT(deaths, 0);
  EXPECT_GT(most_there, capacity_ / (inSegments() ? 32 : 4)) << "too little was set to tell anything";
  // The files are looked at one after the other while others change them: a batch may come between.
  EXPECT_LE(most_there, capacity_ + kBatch);
  // Every set that is refused has asked for a batch first.
  EXPECT_LE(most_known, capacity_ + static_cast<int64_t>(kProcesses) * 4 * kBatch);
  watcher.evict();
  for (const std::string& directory : directories) EXPECT_EQ(tempFilesBelow(directory), std::vector<std::string>());
  close(watcher);
  StoreClient& after = openCounted(directories, {{"capacity_bytes", std::to_string(capacity_)}});
  if (inSegments()) return;
  EXPECT_TRUE(soon(
      [&] { return after.describedNumber("usage_bytes") == bytesOfPages(directories[0]) + bytesOfPages(directories[1]); }));
}

}  // namespace
}  // namespace hicache
