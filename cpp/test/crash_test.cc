// SPDX-License-Identifier: Apache-2.0
//
// kill -9 at every system call that changes something, in every state-changing operation of a store: whatever is found
// afterwards is a whole page that was set under its key, what was acknowledged is there, and nothing has leaked.
// HICACHE_CRASH_POINTS: at how many calls of each scenario, spread over all of them; 2 unless set. all: at each.
#include <algorithm>
#include <cstdlib>

#include "crash_fixture.h"

namespace hicache {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class CrashTest : public CrashFixture {
 protected:
  // At which changes of so many it is killed: some out of each part of equal length.
  static std::vector<int64_t> pointsOf(int64_t changes, std::mt19937_64* random) {
    const char* chosen = std::getenv("HICACHE_CRASH_POINTS");
    const bool all = chosen != nullptr && std::string(chosen) == "all";
    const int64_t count = all ? changes : std::min<int64_t>(changes, chosen == nullptr ? 2 : std::atoll(chosen));
    std::vector<int64_t> points;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t begin = changes * i / count;
      const int64_t end = changes * (i + 1) / count;
      points.push_back(1 + begin + static_cast<int64_t>((*random)() % static_cast<uint64_t>(end - begin)));
    }
    return points;
  }
};

TEST_P(CrashTest, shouldServeNoTornPageAndLoseNothingWhereverItIsKilled) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer has threads of its own, and traces the process itself";
  std::mt19937_64 random = seeded();
  std::string problem;
  const bool twice = !scenario_.after.empty();
  TracedRun before;
  if (twice) before = playWhole(crashScenario(scenario_.after), &problem);
  auto deathBefore = [&] { return twice ? 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(before.changes)) : 0; };
  TracedRun whole;
  if (problem.empty()) whole = tryPoint(0, deathBefore(), &problem);
  if (before.status == kNotTraceable || whole.status == kNotTraceable)
    GTEST_SKIP() << "a process cannot be traced here: " << problem;
  ASSERT_EQ(problem, "");
  ASSERT_GT(whole.changes, 0);
  const std::vector<int64_t> points = pointsOf(whole.changes, &random);
  int64_t deaths = 0;
  for (size_t i = 0; i < points.size() && !HasFailure(); ++i) {
    deaths += tryPoint(points[i], deathBefore(), &problem).killed ? 1 : 0;
    ASSERT_EQ(problem, "");
    if ((i + 1) % 50 != 0 && i + 1 < points.size()) continue;
    std::printf("[  crash   ] %s: %zu of %zu points, %lld deaths, %lld changes\n", scenario_.name.c_str(), i + 1, points.size(),
                static_cast<long long>(deaths), static_cast<long long>(whole.changes));
    std::fflush(stdout);
  }
  EXPECT_GT(deaths, 0);
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  if (kSanitized) return {crashScenarios().front().name};  // it is skipped, once for all
  for (const CrashScenario& each : crashScenarios()) all.push_back(each.name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, CrashTest, testing::ValuesIn(names()), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace hicache
