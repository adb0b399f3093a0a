// SPDX-License-Identifier: Apache-2.0
#include "layout_choice.h"

#include <sys/stat.h>

#include <cerrno>

#include "file_system.h"
#include "page_walk.h"
#include "segment_files.h"

namespace hicache {
namespace {

bool hasIndex(FileManager& files) {
  const std::string index = std::string(kOwnFolder) + "/" + SegmentFiles::kFolder + "/" + SegmentFiles::kIndex;
  for (const StorageDirectory& directory : files.directories()) {
    struct stat status = {};
    const int known = files.calls().statusAt(directory.base.get(), index.c_str(), &status);
    if (known == 0) return true;
    if (known != -ENOENT && known != -ENOTDIR) throw errnoError("looking for '" + directory.path + "/" + index + "'", -known);
  }
  return false;
}

}  // namespace

LayoutChoice chooseLayout(const StoreParts& parts) {
  FileManager& files = *parts.files;
  for (const StorageDirectory& directory : files.directories()) {
    if (isShared(directory.file_system)) {
      return {Layout::kFiles, "'" + directory.path + "' is on " + directory.file_system + ", which hosts share", nullptr};
    }
  }
  if (hasIndex(files)) {
    auto segments = std::make_unique<LayoutSegments>(parts.files, parts.config);
    for (size_t i = 0; i < files.directories().size(); ++i) {
      if (segments->directory(i).bytes() == 0) continue;
      return {Layout::kSegments, "'" + files.directories()[i].path + "' holds pages in segments", std::move(segments)};
    }
  }
  const PageWalk walk(*parts.layout);
  for (size_t i = 0; i < files.directories().size(); ++i) {
    std::string found;
    walk.visitDirectory(i, [&](const FilePlace& place, const struct stat&) {
      found = files.pathOf(place);
      return false;
    });
    if (!found.empty()) return {Layout::kFiles, "there are pages in files, such as '" + found + "'", nullptr};
  }
  return {Layout::kSegments, "no directory holds pages yet, and segments are faster", nullptr};
}

}  // namespace hicache
