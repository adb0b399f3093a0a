// SPDX-License-Identifier: Apache-2.0
//
// What a process does before and while it is killed: the same table for the one who plays it and for those who check what is
// left. The layout is that of HICACHE_TEST_LAYOUT.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "page_memory.h"
#include "store_fixture.h"

namespace hicache {

struct CrashStep {
  // kCountFromHere: calls of the steps behind it are counted.
  enum class Kind { kCountFromHere, kOpen, kClose, kSet, kPin, kRemove, kEvict, kClear };

  Kind kind = Kind::kOpen;
  uint64_t first = 0;  // key
  uint64_t count = 0;  // of keys
  uint64_t generation = 0;
  SettingPairs settings = {};  // of an open, beside those of the scenario
};

struct CrashScenario {
  std::string name;
  SettingPairs settings;
  std::vector<CrashStep> steps;
  std::string after = "";  // another scenario, in the middle of which a process has died in the same directory before
  bool evicts = false;     // pages may go, and at its end some have
  bool beside = false;     // a store of another process is open all the while

  bool hasCapacity() const;
};

// Those of the layout.
const std::vector<CrashScenario>& crashScenarios();
const CrashScenario& crashScenario(const std::string& name);

// With which a scenario's stores are opened; later settings win.
StoreConfig crashConfig(const CrashScenario& scenario, const std::string& directory, const std::string& queue,
                        const SettingPairs& more = {});

// Keys are numbered; some numbers stand for keys of a kind, see the scenarios.
inline constexpr uint64_t kCrashKeys = 420;
std::string crashKey(uint64_t key);
// The page of a key in a generation: any part or mixture of such pages is none.
PageMemory crashPage(uint64_t key, uint64_t generation);
// True when the page is one of that key; its generation goes to *generation.
bool isCrashPage(uint64_t key, const PageMemory& page, uint64_t* generation);

// The child's side: plays a scenario in a directory, and says "done" after each step. Returns the exit status.
int playScenario(const std::string& name, const std::string& directory, const std::string& queue);

}  // namespace hicache
