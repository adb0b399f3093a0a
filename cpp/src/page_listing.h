// SPDX-License-Identifier: Apache-2.0
//
// Looking at a directory: one page's facts, and a listing of all pages of a naming.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "layout_files.h"

namespace hicache {

// Fills info; false when there is no such page.
bool findPage(const LayoutFiles& layout, const PageName& name, hicache_page_info* info);

// The names are read when it is made; a page removed since then is passed over. Threads: one at a time.
class PageListing {
 public:
  explicit PageListing(const LayoutFiles& layout);
  // The next page and its key, or its file name where only a digest of the key is known. False at the end.
  bool next(std::string* key, hicache_page_info* info);

 private:
  const LayoutFiles& layout_;
  std::vector<FilePlace> places_;
  size_t next_ = 0;
};

}  // namespace hicache
