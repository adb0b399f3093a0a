// SPDX-License-Identifier: Apache-2.0
#include "page_walk.h"

#include <fcntl.h>

#include <cerrno>

#include "error.h"
#include "page_group.h"

namespace hicache {
namespace {

// Every name has a suffix, "_" at least, behind its key.
bool hasPageKeyAndSuffix(std::string_view name) {
  constexpr size_t kDigits = 64;
  return startsWithPageKey(name) && name.size() > kDigits && name[kDigits] == '_';
}

}  // namespace

bool PageWalk::visitDirectory(size_t directory, const Visit& visit) const {
  for (size_t place = 0; place < Usage::kPlaces; ++place) {
    if (!visitPlace(directory, place, visit)) return false;
  }
  return true;
}

bool PageWalk::visitPlace(size_t directory, size_t usage_place, const Visit& visit) const {
  FileCalls& calls = files_.calls();
  const StorageDirectory& base = files_.directories()[directory];
  FilePlace place;
  place.directory = directory;
  if (usage_place != Usage::kFlat) place.bucket = bucketName(static_cast<uint8_t>(usage_place));
  const std::string what = "listing '" + base.path + "/" + place.bucket + "'";
  FileHandle bucket;
  if (!place.bucket.empty()) {
    int fd = calls.openBeneath(base.base.get(), place.bucket.c_str(), O_RDONLY | O_DIRECTORY, 0);
    if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) return true;  // not made yet, or somebody else's
    if (fd < 0) throw errnoError(what, -fd);
    bucket = FileHandle(&calls, fd);
  }
  int folder = bucket ? bucket.get() : base.base.get();
  std::vector<std::string> names;
  int listed = calls.list(folder, &names);
  if (listed < 0) throw errnoError(what, -listed);
  for (std::string& name : names) {
    if (name.starts_with('.')) continue;
    place.name = std::move(name);
    struct stat status = {};
    int known = calls.statusAt(folder, place.name.c_str(), &status);
    if (known == -ENOENT) continue;
    if (known < 0) throw errnoError("reading the status of '" + files_.pathOf(place) + "'", -known);
    if (!S_ISREG(status.st_mode) || !isPage(folder, place)) continue;
    if (!visit(place, status)) return false;
  }
  return true;
}

bool PageWalk::isPage(int folder, const FilePlace& place) const {
  // Its bucket does not depend on how many directories there are: pages from before a directory was added are pages still.
  if (!place.bucket.empty() && bucketName(routeName(place.name, 1).bucket) != place.bucket) return false;
  if (hasPageKeyAndSuffix(place.name) || KeyCodec::isDigestName(place.name)) return true;
  if (!files_.directories()[place.directory].attributes) {
    PageName page;
    return !place.bucket.empty() && layout_.codec().partsOf(place.name, &page);
  }
  FileCalls& calls = files_.calls();
  const std::string what = "looking at '" + files_.pathOf(place) + "'";
  int fd = calls.openBeneath(folder, place.name.c_str(), O_RDONLY | O_NONBLOCK, 0);
  if (fd == -ENOENT || fd == -EACCES || fd == -ELOOP) return false;  // gone meanwhile, or not ours to read
  if (fd < 0) throw errnoError(what, -fd);
  FileHandle file(&calls, fd);
  uint8_t seal[PageSeal::kBytesMax];
  int64_t size = calls.getAttribute(fd, PageSeal::kAttribute, seal, sizeof(seal));
  if (size == -ENODATA || size == -ENOTSUP) return false;
  if (size < 0 && size != -ERANGE) throw errnoError(what, static_cast<int>(-size));
  return true;
}

}  // namespace hicache
