// SPDX-License-Identifier: Apache-2.0
#include "page_listing.h"

#include <algorithm>

namespace hicache {
namespace {

void describe(const FoundPage& page, const std::string& component, hicache_page_info* info) {
  *info = {};
  std::copy_n(component.data(), std::min<size_t>(component.size(), HICACHE_COMPONENT_BYTES - 1), info->component);
  info->length = page.length();
  info->file_length = page.file_length;
  info->modified_time = page.modified_millis;
  info->sealed = page.seal ? 1 : 0;
  PageShape shape = page.seal ? page.seal->shape : PageShape();
  info->dtype = shape.dtype;
  info->rank = shape.rank;
  std::copy(shape.dims.begin(), shape.dims.end(), info->dims);
}

}  // namespace

bool findPage(const LayoutFiles& layout, const PageName& name, hicache_page_info* info) {
  std::optional<FoundPage> page = layout.find(name, -1);
  if (page) describe(*page, std::string(name.component), info);
  return page.has_value();
}

PageListing::PageListing(const LayoutFiles& layout) : layout_(layout) {
  layout_.forEach([this](const FilePlace& place) {
    places_.push_back(place);
    return true;
  });
}

bool PageListing::next(std::string* key, hicache_page_info* info) {
  while (next_ < places_.size()) {
    const FilePlace& place = places_[next_++];
    std::optional<FoundPage> page = layout_.open(place, false);
    if (!page) continue;
    describe(*page, layout_.componentOf(place), info);
    *key = layout_.keyOf(place, *page).value_or(place.name);
    return true;
  }
  return false;
}

}  // namespace hicache
