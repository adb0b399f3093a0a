// SPDX-License-Identifier: Apache-2.0
#include "access_time.h"

namespace hicache {
namespace {

bool isBeyondLeases(int64_t accessed_nanos, int64_t now_nanos) {
  return accessed_nanos > now_nanos + (kLeaseMillisMax + 1000) * kNanosPerMilli;
}

}  // namespace

int64_t nanosOf(const struct timespec& time) { return time.tv_sec * kNanosPerSecond + time.tv_nsec; }

struct timespec timeOf(int64_t nanos) { return {nanos / kNanosPerSecond, nanos % kNanosPerSecond}; }

int64_t nowNanos() {
  struct timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanosOf(now);
}

int64_t lastUseOf(const struct stat& status, int64_t now_nanos) {
  int64_t accessed = nanosOf(status.st_atim);
  return isBeyondLeases(accessed, now_nanos) ? nanosOf(status.st_mtim) : accessed;
}

bool isPinned(const struct stat& status, int64_t now_nanos) { return lastUseOf(status, now_nanos) > now_nanos; }

void noteUse(FileCalls& calls, int fd, int64_t accessed_nanos) {
  int64_t now = nowNanos();
  if (now - accessed_nanos > kNanosPerSecond || isBeyondLeases(accessed_nanos, now)) calls.setAccessTime(fd, timeOf(now));
}

}  // namespace hicache
