// SPDX-License-Identifier: Apache-2.0
//
// All pages of a base directory, of any model and naming: what a budget of the directory counts, and what eviction may remove.
// Never a temp file, never a file of somebody else.
#pragma once

#include <functional>

#include "layout_files.h"

namespace hicache {

// Threads: safe from any number of threads.
class PageWalk {
 public:
  explicit PageWalk(const LayoutFiles& layout) : layout_(layout), files_(layout.files()) {}

  // Called for each page with where it stands and its status of this moment; false ends the walk.
  using Visit = std::function<bool(const FilePlace&, const struct stat&)>;

  // Walks one place of a directory, see Usage. False when visit ended it. Throws IO naming the folder that cannot be read.
  bool visitPlace(size_t directory, size_t place, const Visit& visit) const;
  // Walks all places of a directory.
  bool visitDirectory(size_t directory, const Visit& visit) const;

 private:
  bool isPage(int folder, const FilePlace& place) const;

  const LayoutFiles& layout_;
  FileManager& files_;
};

}  // namespace hicache
