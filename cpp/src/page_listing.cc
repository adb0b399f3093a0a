// SPDX-License-Identifier: Apache-2.0
#include "page_listing.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "checksum.h"

namespace hicache {
namespace {

void describe(const PageShape& shape, std::string_view component, hicache_page_info* info) {
  std::copy_n(component.data(), std::min<size_t>(component.size(), HICACHE_COMPONENT_BYTES - 1), info->component);
  info->dtype = shape.dtype;
  info->rank = shape.rank;
  std::copy(shape.dims.begin(), shape.dims.end(), info->dims);
}

// What replaces a page is another file, or has another time or other bytes.
int64_t versionOf(const FoundPage& page) {
  const std::array<uint64_t, 4> facts = {page.inode, static_cast<uint64_t>(page.modified_millis),
                                         static_cast<uint64_t>(page.file_length), page.seal ? page.seal->checksum : 0};
  return static_cast<int64_t>(checksum(facts.data(), sizeof(facts)));
}

int64_t versionOf(const StoredPage& page) { return static_cast<int64_t>(page.generation); }

void describe(const FoundPage& page, std::string_view component, hicache_page_info* info) {
  *info = {};
  info->length = page.length();
  info->file_length = page.file_length;
  info->modified_time = page.modified_millis;
  info->version = versionOf(page);
  info->sealed = page.seal ? 1 : 0;
  describe(page.seal ? page.seal->shape : PageShape(), component, info);
}

void describe(const StoredPage& page, std::string_view component, hicache_page_info* info) {
  *info = {};
  info->length = static_cast<int64_t>(page.seal.length);
  info->file_length = info->length;
  info->modified_time = page.written_millis;
  info->version = versionOf(page);
  info->sealed = 1;
  describe(page.seal.shape, component, info);
}

// The names are read when it is made.
class FilesListing final : public PageListing {
 public:
  explicit FilesListing(const LayoutFiles& layout) : layout_(layout) {
    layout_.forEach([this](const FilePlace& place) {
      places_.push_back(place);
      return true;
    });
  }

  bool next(std::string* key, hicache_page_info* info) override {
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

 private:
  const LayoutFiles& layout_;
  std::vector<FilePlace> places_;
  size_t next_ = 0;
};

// Reads some entries at a time, so that it holds up nobody's writes.
class SegmentsListing final : public PageListing {
 public:
  explicit SegmentsListing(const LayoutSegments& layout)
      : layout_(layout), prefix_(SegmentIndex::keyPrefix(layout.codec().suffix())), from_(prefix_) {}

  bool next(std::string* key, hicache_page_info* info) override {
    while (next_ == pages_.size()) {
      if (directory_ == layout_.directoryCount()) return false;
      readOn();
    }
    const auto& [page_key, page] = pages_[next_++];
    const std::string_view name = SegmentIndex::nameIn(page_key);
    PageName parts;
    layout_.codec().partsOf(name, &parts);
    describe(page, parts.component, info);
    *key = !page.key.empty() ? page.key : KeyCodec::isDigestName(name) ? std::string(name) : std::string(parts.key);
    return true;
  }

 private:
  static constexpr size_t kPagesAtOnce = 1000;

  void readOn() {
    pages_.clear();
    next_ = 0;
    const SegmentIndex& index = layout_.directory(directory_).index();
    const IndexRead read(index.database());
    index.visitPages(read, from_, [this](std::string_view page_key, const StoredPage& page) {
      if (!page_key.starts_with(prefix_)) return false;
      pages_.emplace_back(page_key, page);
      return pages_.size() < kPagesAtOnce;
    });
    if (pages_.size() == kPagesAtOnce) {
      from_ = pages_.back().first + '\0';  // what comes right after it
    } else {
      ++directory_;
      from_ = prefix_;
    }
  }

  const LayoutSegments& layout_;
  const std::string prefix_;
  std::string from_;
  size_t directory_ = 0;
  std::vector<std::pair<std::string, StoredPage>> pages_;
  size_t next_ = 0;
};

void requireDirectories(const StoreParts& parts, const char* operation) {
  if (parts.objects == nullptr) return;
  throw Error(HICACHE_UNSUPPORTED, std::string(operation) + ": NIXL cannot list or look up the objects of " + parts.place());
}

}  // namespace

bool findPage(const StoreParts& parts, const PageName& name, hicache_page_info* info) {
  requireDirectories(parts, "find");
  if (parts.segments != nullptr) {
    std::optional<LayoutSegments::Found> found = parts.segments->find(name);
    if (found) describe(found->page, name.component, info);
    return found.has_value();
  }
  std::optional<FoundPage> page = parts.layout->find(name, -1);
  if (page) describe(*page, name.component, info);
  return page.has_value();
}

bool removePage(const StoreParts& parts, const PageName& name, int64_t version) {
  requireDirectories(parts, "remove");
  if (parts.segments != nullptr) {
    std::optional<LayoutSegments::Found> found = parts.segments->find(name);
    return found && versionOf(found->page) == version && parts.segments->remove(name, *found);
  }
  std::optional<FoundPage> page = parts.layout->look(name);
  return page && versionOf(*page) == version && parts.files->remove(page->place, page->inode);
}

std::string pathOfPage(const StoreParts& parts, const PageName& name) {
  if (parts.objects != nullptr) return parts.objects->nameOf(name);
  if (parts.segments == nullptr) return parts.files->pathOf(parts.layout->placeOf(name));
  const LayoutSegments::Place place = parts.segments->placeOf(name);
  SegmentDirectory& directory = parts.segments->directory(place.directory);
  std::optional<StoredPage> page = directory.find(place.page_key);
  return page ? directory.files().pathOf(page->slot.segment) : directory.files().path();
}

std::unique_ptr<PageListing> PageListing::of(const StoreParts& parts) {
  requireDirectories(parts, "list");
  if (parts.segments != nullptr) return std::make_unique<SegmentsListing>(*parts.segments);
  return std::make_unique<FilesListing>(*parts.layout);
}

}  // namespace hicache
