// SPDX-License-Identifier: Apache-2.0
#include "eviction_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <system_error>

#include "access_time.h"

namespace hicache {
namespace {

struct timespec ago(double seconds) { return timeOf(nowNanos() - static_cast<int64_t>(seconds * 1e9)); }

void setTimes(const std::string& path, struct timespec accessed, struct timespec written) {
  const struct timespec times[2] = {accessed, written};
  if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    throw std::system_error(errno, std::generic_category(), path);
  }
}

}  // namespace

std::string pageKey(uint64_t number) {
  char text[65];
  std::snprintf(text, sizeof(text), "%064llx", static_cast<unsigned long long>(number));
  return text;
}

int64_t bytesOfPages(const std::string& base_directory, bool with_temps) {
  int64_t bytes = 0;
  for (const std::string& file : filesBelow(base_directory)) {
    const std::string name = file.substr(file.rfind('/') + 1);
    if (file.starts_with(std::string(kOwnFolder) + "/") || (!with_temps && name.starts_with(kTempPrefix))) continue;
    struct stat status = {};
    // Another process may have removed it since it was listed.
    if (::lstat((base_directory + "/" + file).c_str(), &status) == 0) bytes += Usage::chargeOf(status.st_size);
  }
  return bytes;
}

void setLastUse(const std::string& path, double seconds_ago) { setTimes(path, ago(seconds_ago), {0, UTIME_OMIT}); }

void setWritten(const std::string& path, double seconds_ago) { setTimes(path, {0, UTIME_OMIT}, ago(seconds_ago)); }

double secondsSinceUse(const std::string& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) throw std::system_error(errno, std::generic_category(), path);
  return static_cast<double>(nowNanos() - nanosOf(status.st_atim)) / 1e9;
}

StoreClient& EvictionFixture::openCounted(const std::vector<std::string>& directories, const SettingPairs& more) {
  StoreClient& client = open(storeConfig(directories, anyQueue(), more));
  EXPECT_TRUE(soon([&] { return client.described("usage_ready") == "true"; }));
  return client;
}

void EvictionFixture::fill(StoreClient& client, uint64_t first, uint64_t count, double seconds_ago) {
  for (uint64_t i = first; i < first + count; ++i) {
    ASSERT_TRUE(isOutcome(client.setPage(pageKey(i), page_), HICACHE_STORED)) << i;
    setLastUse(client.pathOf(pageKey(i)), seconds_ago - static_cast<double>(i - first));
  }
}

std::vector<uint64_t> EvictionFixture::present(StoreClient& client, uint64_t first, uint64_t count) {
  std::vector<uint64_t> numbers;
  for (uint64_t i = first; i < first + count; ++i) {
    if (client.findPage(pageKey(i)).outcome == HICACHE_HIT) numbers.push_back(i);
  }
  return numbers;
}

}  // namespace hicache
