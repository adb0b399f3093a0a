// SPDX-License-Identifier: Apache-2.0
//
// One round of eviction over all base directories: expired pages go, then the groups of pages that were not used for longest,
// as many as it takes. No names are held: the first walk learns when each group was last used, the second removes.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "page_walk.h"

namespace hicache {

// What must go.
struct EvictionGoal {
  int64_t charged_bytes = 0;       // in all directories, as Usage counts
  std::vector<int64_t> of_device;  // by device: bytes that the file system has to get back
  bool expired = false;            // pages past their time to live
  bool empty() const;
};

struct EvictionResult {
  int64_t pages = 0;
  int64_t bytes = 0;    // as Usage counts
  std::string problem;  // why some page could not be removed; empty when all could
};

// Threads: one.
class EvictionRound {
 public:
  // device_of: which file system each base directory is on, counted from 0. stop: ends it early.
  EvictionRound(const LayoutFiles& layout, const std::vector<size_t>& device_of, const std::atomic<bool>& stop);

  // May run several times; what one run could not remove the next ones do not choose. Throws IO when a folder cannot be read.
  EvictionResult run(const EvictionGoal& goal);

 private:
  struct Group {
    int64_t last_use = 0;  // of its newest file; in the future while one of them is pinned
    int64_t charged_bytes = 0;
  };

  void learn(const EvictionGoal& goal);
  void choose(const EvictionGoal& goal);
  void remove(const EvictionGoal& goal);
  bool mustGo(const EvictionGoal& goal, const FilePlace& place, const struct stat& status);
  bool isExpired(const struct stat& status) const;
  // A group's bytes on one device.
  uint64_t shareKey(uint64_t group, size_t device) const { return group ^ (0x9E3779B97F4A7C15u * (device + 1)); }

  const LayoutFiles& layout_;
  const PageWalk walk_;
  const std::vector<size_t> device_of_;
  const std::atomic<bool>& stop_;
  int64_t now_nanos_ = 0;
  EvictionResult result_;
  EvictionGoal expired_;  // what expired pages give
  std::unordered_map<uint64_t, Group> groups_;
  std::unordered_map<uint64_t, int64_t> bytes_on_device_;  // by shareKey, where a device has a goal
  std::unordered_map<uint64_t, int64_t> chosen_;           // last use, by group
  std::unordered_set<uint64_t> unremovable_;               // groups with a file that could not be removed
};

}  // namespace hicache
