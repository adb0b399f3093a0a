// SPDX-License-Identifier: Apache-2.0
//
// Plays a scenario, kills it at one of its calls, and looks at what is left.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "crash_scenarios.h"
#include "segment_directory.h"
#include "syscall_killer.h"

namespace hicache {

// What may be found under each key that a process has touched.
class Expectation {
 public:
  struct Allowed {
    std::set<uint64_t> generations;
    bool absent = true;
    bool pinned = false;
  };

  // The first so many steps were done, the next one was perhaps begun.
  void apply(const CrashScenario& scenario, size_t done);
  const std::map<uint64_t, Allowed>& keys() const { return keys_; }

 private:
  void apply(const CrashStep& step, uint64_t key, bool done);

  std::map<uint64_t, Allowed> keys_;
};

class CrashFixture : public StoreFixture, public testing::WithParamInterface<std::string> {
 protected:
  // Plays the scenario in a new directory, kills it at its nth change (0: nowhere), and looks at what is left.
  // nth_before: the same for the process before it, where the scenario has one. *problem: why it came to no such end.
  TracedRun tryPoint(int64_t nth, int64_t nth_before, std::string* problem);
  // Plays a scenario to its end in a directory of its own.
  TracedRun playWhole(const CrashScenario& scenario, std::string* problem);

  const CrashScenario& scenario_ = crashScenario(GetParam());

 private:
  TracedRun run(const CrashScenario& scenario, int64_t nth, Expectation* expected, std::string* problem);
  StoreClient& openAs(const SettingPairs& more);
  bool isCounted() const { return inSegments() || scenario_.hasCapacity(); }
  static SegmentDirectory& segmentsOf(StoreClient& client) { return client.store().parts().segments->directory(0); }
  static void expectSound(StoreClient& client);
  // The length of a page that is there.
  static std::optional<int64_t> lengthOf(StoreClient& client, uint64_t key);
  // The page has the bytes of one of its generations.
  static void expectWhole(StoreClient& client, uint64_t key, int64_t length, const std::set<uint64_t>& generations);
  void expectThePages(StoreClient& client, const Expectation& expected);
  void expectItToGoOn(StoreClient& beside, const Expectation& expected);
  void expectNothingElse(const Expectation& expected);
  void expectItToWork();
  void expectTheWholeCapacity(StoreClient& client);
  void expectEverySlot();

  std::string directory_;  // of the point that is tried
};

}  // namespace hicache
