// SPDX-License-Identifier: Apache-2.0
//
// When a page was last used, and until when it is pinned. Both are the access time of its file, the one thing that all
// processes share and that survives them: a get sets it to now, a pin to the end of its lease. A time beyond the longest lease
// is that of a broken clock; there the time of the last change counts instead.
#pragma once

#include <sys/stat.h>
#include <time.h>

#include <cstdint>

#include "file_calls.h"

namespace hicache {

inline constexpr int64_t kNanosPerSecond = 1000000000;
inline constexpr int64_t kNanosPerMilli = 1000000;
inline constexpr int64_t kLeaseMillisMax = int64_t{30} * 24 * 3600 * 1000;

// The real-time clock, in nanoseconds since 1970.
int64_t nowNanos();
int64_t nanosOf(const struct timespec& time);
struct timespec timeOf(int64_t nanos);

// The last use in nanoseconds since 1970; in the future while the page is pinned.
int64_t lastUseOf(const struct stat& status, int64_t now_nanos);
bool isPinned(const struct stat& status, int64_t now_nanos);

// Notes that an open page is used now, unless that is known to the second, or it is pinned. Where the access time cannot be set
// (a page of another user) the kernel's own notes have to do.
void noteUse(FileCalls& calls, int fd, int64_t accessed_nanos);

}  // namespace hicache
