// SPDX-License-Identifier: Apache-2.0
//
// Stores of the layout segments, and what lies in them.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "layout_segments.h"
#include "page_listing.h"
#include "store_fixture.h"

namespace hicache {

class SegmentsFixture : public StoreFixture {
 protected:
  static constexpr size_t kPage = 8192;

  StoreClient& openSegments(const std::vector<std::string>& directories, SettingPairs more = {}) {
    more.insert(more.begin(), {"layout", "segments"});
    return open(storeConfig(directories, anyQueue(), more));
  }
  StoreClient& openSegments(const std::string& directory, const SettingPairs& more = {}) {
    return openSegments(std::vector<std::string>{directory}, more);
  }
  static const LayoutSegments& layoutOf(StoreClient& client) { return *client.store().parts().segments; }
  static std::optional<LayoutSegments::Found> foundIn(StoreClient& client, const std::string& key) {
    return layoutOf(client).find(key);
  }
  static std::string segmentOf(StoreClient& client, const std::string& key) { return pathOfPage(client.store().parts(), key); }
  static void writeAt(const std::string& path, uint64_t offset, uint8_t value) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0) << path;
    EXPECT_EQ(::pwrite(fd, &value, 1, static_cast<off_t>(offset)), 1);
    ::close(fd);
  }
  void setUsed(StoreClient& client, const std::string& key, int64_t seconds_ago) {
    const std::optional<LayoutSegments::Found> found = foundIn(client, key);
    ASSERT_TRUE(found) << key;
    layoutOf(client).directory(found->directory).lastUse(found->page.slot) =
        static_cast<uint32_t>(::time(nullptr) - seconds_ago);
  }
  void fill(StoreClient& client, uint64_t first, uint64_t count) {
    for (uint64_t i = first; i < first + count; ++i) {
      ASSERT_TRUE(isOutcome(client.setPage("page-" + std::to_string(i), page_), HICACHE_STORED));
      setUsed(client, "page-" + std::to_string(i), 100000 - static_cast<int64_t>(i));
    }
  }
  static std::vector<uint64_t> present(StoreClient& client, uint64_t count) {
    std::vector<uint64_t> all;
    for (uint64_t i = 0; i < count; ++i) {
      if (client.findPage("page-" + std::to_string(i)).outcome == HICACHE_HIT) all.push_back(i);
    }
    return all;
  }

  const PageMemory page_ = PageMemory::random(kPage, testSeed());
};

}  // namespace hicache
