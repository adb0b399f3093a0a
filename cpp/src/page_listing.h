// SPDX-License-Identifier: Apache-2.0
//
// Looking at a directory: one page's facts, and a listing of all pages of a naming.
#pragma once

#include <memory>
#include <string>

#include "hicache_nixl.h"
#include "key_codec.h"
#include "store_parts.h"

namespace hicache {

// Fills info; false when there is no such page.
bool findPage(const StoreParts& parts, const PageName& name, hicache_page_info* info);

// Removes a page that was shown with this version; false when it is not there any more.
bool removePage(const StoreParts& parts, const PageName& name, int64_t version);

// The file that holds a page, or would hold it; for segments, their folder when there is no such page; for objects, the
// object's name.
std::string pathOfPage(const StoreParts& parts, const PageName& name);

// A page removed since the listing was made may be passed over. Threads: one at a time. The parts outlive it.
class PageListing {
 public:
  static std::unique_ptr<PageListing> of(const StoreParts& parts);
  virtual ~PageListing() = default;
  // The next page and its key, or its name where only a digest of the key is known. False at the end.
  virtual bool next(std::string* key, hicache_page_info* info) = 0;
};

}  // namespace hicache
