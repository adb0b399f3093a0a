// SPDX-License-Identifier: Apache-2.0
//
// Giving a page its name and taking it away, so that exactly one process knows what was replaced or removed: whoever has moved
// a file to a temp name of its own. Everything happens within one open folder.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>

#include "file_calls.h"

namespace hicache {

// Bytes that a name no longer holds.
struct Freed {
  int64_t length = 0;       // of the file that had the name; 0 where there was none
  bool under_temp = false;  // it could not be removed and stands under the temp name
};

// Gives a temp file, open at temp_fd, its final name; what had the name is replaced, and removed in the same step where the
// file system can. A lease on the old page, see access_time.h, goes over to the new one. exact: find out what was replaced;
// costs nothing where there was no page. Returns -errno, after which the temp file still stands under its own name, or 0 with
// *freed.
int putInPlace(FileCalls& calls, int folder, const std::string& temp, int temp_fd, const std::string& name, bool exact,
               Freed* freed);

// The same where nothing has the name; -EEXIST where something has. On a file system that cannot tell and rename in one step,
// what comes in between is replaced.
int putInFreePlace(FileCalls& calls, int folder, const std::string& temp, const std::string& name);

// Removes the file of a name. only_inode: nothing but that file, which somebody may have replaced. temp: an unused temp name.
// Returns 0 with *freed, or -errno: -ENOENT when there is no such file.
int takeAway(FileCalls& calls, int folder, const std::string& name, const std::string& temp, std::optional<ino_t> only_inode,
             Freed* freed);

}  // namespace hicache
