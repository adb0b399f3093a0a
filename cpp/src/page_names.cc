// SPDX-License-Identifier: Apache-2.0
#include "page_names.h"

#include <cerrno>

#include "access_time.h"

namespace hicache {
namespace {

// A name that is given and taken by others all the time is replaced the plain way in the end.
constexpr int kAttemptsMax = 16;

// What a moved file held, and the file itself, go.
void removeMoved(FileCalls& calls, int folder, const std::string& temp, Freed* freed) {
  struct stat status = {};
  if (calls.statusAt(folder, temp.c_str(), &status) >= 0 && S_ISREG(status.st_mode)) freed->length = status.st_size;
  freed->under_temp = calls.unlink(folder, temp.c_str()) < 0;
}

// Where the file system cannot swap names: for a moment there is no page.
int replaceInTwoSteps(FileCalls& calls, int folder, const std::string& temp, const std::string& name, Freed* freed) {
  const std::string moved = temp + "-old";
  int away = calls.rename(folder, name.c_str(), folder, moved.c_str());
  if (away < 0 && away != -ENOENT) return away;
  int placed = calls.rename(folder, temp.c_str(), folder, name.c_str());
  if (placed < 0) {
    if (away >= 0) calls.rename(folder, moved.c_str(), folder, name.c_str());
    return placed;
  }
  if (away >= 0) removeMoved(calls, folder, moved, freed);
  return 0;
}

}  // namespace

int putInPlace(FileCalls& calls, int folder, const std::string& temp, int temp_fd, const std::string& name, bool exact,
               Freed* freed) {
  *freed = {};
  bool swaps = exact;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    int renamed = calls.renameNew(folder, temp.c_str(), name.c_str());
    if (renamed >= 0) return 0;
    if (renamed != -EEXIST && renamed != -EINVAL && renamed != -ENOSYS) return renamed;
    struct stat old = {};
    int known = calls.statusAt(folder, name.c_str(), &old);
    if (known == -ENOENT && renamed == -EEXIST) continue;
    if (known < 0 && known != -ENOENT) return known;
    if (known >= 0 && S_ISDIR(old.st_mode)) return -EISDIR;
    if (known >= 0 && isPinned(old, nowNanos())) {
      int kept = calls.setAccessTime(temp_fd, old.st_atim);
      if (kept < 0) return kept;
    }
    if (!exact) return calls.rename(folder, temp.c_str(), folder, name.c_str());
    if (swaps && known >= 0) {
      int swapped = calls.exchange(folder, temp.c_str(), name.c_str());
      if (swapped >= 0) {
        removeMoved(calls, folder, temp, freed);
        return 0;
      }
      if (swapped == -ENOENT) continue;
      if (swapped != -EINVAL && swapped != -ENOSYS) return swapped;
      swaps = false;
    }
    return replaceInTwoSteps(calls, folder, temp, name, freed);
  }
  return replaceInTwoSteps(calls, folder, temp, name, freed);
}

int putInFreePlace(FileCalls& calls, int folder, const std::string& temp, const std::string& name) {
  const int renamed = calls.renameNew(folder, temp.c_str(), name.c_str());
  if (renamed != -EINVAL && renamed != -ENOSYS) return renamed;
  struct stat status = {};
  const int known = calls.statusAt(folder, name.c_str(), &status);
  if (known >= 0) return -EEXIST;
  return known == -ENOENT ? calls.rename(folder, temp.c_str(), folder, name.c_str()) : known;
}

int takeAway(FileCalls& calls, int folder, const std::string& name, const std::string& temp, std::optional<ino_t> only_inode,
             Freed* freed) {
  *freed = {};
  struct stat status = {};
  int known = calls.statusAt(folder, name.c_str(), &status);
  if (known < 0) return known;
  if (S_ISDIR(status.st_mode)) return -EISDIR;
  if (only_inode && status.st_ino != *only_inode) return -ENOENT;
  int moved = calls.rename(folder, name.c_str(), folder, temp.c_str());
  if (moved < 0) return moved;
  known = calls.statusAt(folder, temp.c_str(), &status);
  bool another = known >= 0 && ((only_inode && status.st_ino != *only_inode) || S_ISDIR(status.st_mode));
  // Somebody has replaced it in between: his page goes back, unless there is a newer one already.
  if (another && calls.renameNew(folder, temp.c_str(), name.c_str()) >= 0) return -ENOENT;
  removeMoved(calls, folder, temp, freed);
  return 0;
}

}  // namespace hicache
