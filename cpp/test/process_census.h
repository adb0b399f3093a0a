// SPDX-License-Identifier: Apache-2.0
//
// What the process holds open, so that a test can claim that nothing was left behind.
#pragma once

#include <map>
#include <string>

namespace hicache {

struct Census {
  std::map<std::string, std::string> files;    // descriptor -> what it is
  std::map<std::string, std::string> threads;  // thread id -> name
};

Census takeCensus();

// Descriptors and threads that are here now and were not then, one line each; empty when there are none. Waits some seconds
// for threads that are about to end.
std::string leftSince(const Census& before);

}  // namespace hicache
