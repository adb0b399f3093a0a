// SPDX-License-Identifier: Apache-2.0
//
// layout = auto: which layout the base directories get. It does not change under an engine: pages that are there decide.
#pragma once

#include <memory>
#include <string>

#include "store_parts.h"

namespace hicache {

struct LayoutChoice {
  Layout layout = Layout::kFiles;
  std::string reason;                        // for reports
  std::unique_ptr<LayoutSegments> segments;  // where it was opened to look, and is the layout
};

// Files where hosts share a directory's file system, for the index of segments cannot be shared; else the layout of the pages
// that the directories hold, segments before files; else segments, which are faster. Opens an index that is there. Throws as
// LayoutSegments and PageWalk do.
LayoutChoice chooseLayout(const StoreParts& parts);

}  // namespace hicache
