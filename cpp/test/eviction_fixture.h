// SPDX-License-Identifier: Apache-2.0
//
// Stores with limits, and plain ways to age their pages and to count what really lies in their directories.
#pragma once

#include <string>
#include <vector>

#include "store_fixture.h"

namespace hicache {

// 64 hexadecimal digits, different for each number.
std::string pageKey(uint64_t number);

// Whole units of all pages below a base directory, by walking it; with_temps: and of temp files.
int64_t bytesOfPages(const std::string& base_directory, bool with_temps = false);

// Sets when a file was last used, in seconds before now; negative: after now.
void setLastUse(const std::string& path, double seconds_ago);
// Seconds since a file was last used.
double secondsSinceUse(const std::string& path);
// Sets when a file was written.
void setWritten(const std::string& path, double seconds_ago);

class EvictionFixture : public StoreFixture {
 protected:
  static constexpr size_t kPage = 8192;

  // A store that has counted its directories.
  StoreClient& openCounted(const std::vector<std::string>& directories, const SettingPairs& more);
  StoreClient& openCounted(const std::string& directory, const SettingPairs& more) {
    return openCounted(std::vector<std::string>{directory}, more);
  }
  // Sets pages of kPage bytes under pageKey(first)...; each was last used this many seconds ago, the first longest.
  void fill(StoreClient& client, uint64_t first, uint64_t count, double seconds_ago = 1000);
  std::vector<uint64_t> present(StoreClient& client, uint64_t first, uint64_t count);

  const PageMemory page_ = PageMemory::random(kPage, testSeed());
};

}  // namespace hicache
