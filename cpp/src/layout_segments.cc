// SPDX-License-Identifier: Apache-2.0
#include "layout_segments.h"

#include <algorithm>

#include "access_time.h"

namespace hicache {
namespace {

constexpr int kAttempts = 4;
constexpr int64_t kEvictedShare = 16;

}  // namespace

LayoutSegments::LayoutSegments(std::shared_ptr<FileManager> files, const StoreConfig& config)
    : files_(std::move(files)),
      codec_(config.naming),
      key_prefix_(SegmentIndex::keyPrefix(codec_.suffix())),
      limits_(config.limits) {
  SegmentDirectory::Settings settings;
  settings.segment_bytes = config.segment_bytes;
  settings.durability = config.durability;
  settings.limits = limits_;
  settings.directories = files_->directories().size();
  for (size_t i = 0; i < files_->directories().size(); ++i)
    directories_.push_back(std::make_unique<SegmentDirectory>(files_, i, settings));
}

std::string LayoutSegments::describe(size_t directory, const Slot& slot) const {
  return "segment '" + directories_[directory]->files().pathOf(slot.segment) + "', offset " + std::to_string(slot.offset());
}

LayoutSegments::Place LayoutSegments::placeOf(const PageName& name) const {
  Place place;
  place.directory = appendPlace(name, &place.page_key);
  return place;
}

size_t LayoutSegments::appendPlace(const PageName& name, std::string* text) const {
  const size_t begin = text->size() + key_prefix_.size();
  *text += key_prefix_;
  codec_.appendName(name, text);
  if (directories_.size() == 1) return 0;
  return routeName(std::string_view(*text).substr(begin), directories_.size()).directory;
}

std::optional<LayoutSegments::Found> LayoutSegments::Look::find(const PageName& name) {
  page_key_.clear();
  const size_t directory = layout_.appendPlace(name, &page_key_);
  const SegmentDirectory& searched = layout_.directory(directory);
  std::optional<IndexRead>& read = reads_[directory];
  if (!read) read.emplace(searched.index().database());
  std::optional<StoredPage> page = searched.find(*read, page_key_);
  if (!page) return std::nullopt;
  return Found{directory, std::move(*page)};
}

bool LayoutSegments::isStill(const PageName& name, const Found& found) const {
  std::optional<Found> now = find(name);
  return now && now->page.generation == found.page.generation;
}

void LayoutSegments::noteUse(std::atomic<uint32_t>& last_use) {
  const auto now = static_cast<uint32_t>(nowNanos() / kNanosPerSecond);
  uint32_t known = last_use.load(std::memory_order_relaxed);
  while (known < now && !last_use.compare_exchange_weak(known, now, std::memory_order_relaxed)) {
  }
}

std::vector<Slot> LayoutSegments::takeSlots(size_t directory, int64_t length, size_t shard, size_t count) {
  SegmentDirectory& taken_from = *directories_[directory];
  const uint32_t blocks = SegmentIndex::slotBlocksOf(length);
  const SegmentGeometry& geometry = taken_from.index().geometry();
  if (limits_.capacity_bytes > 0 && int64_t{blocks} * kSlotUnit > limits_.capacity_bytes) throw refusal(directory, length);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::vector<Slot> slots = taken_from.slots().take(blocks, shard, count);
    if (!slots.empty()) return slots;
    if (!limits_.evicts) break;
    const int64_t used = taken_from.bytes();
    EvictionResult evicted;
    const int64_t wanted = std::max(geometry.slabBytes(), int64_t{blocks} * kSlotUnit);
    if (attempt == 0) evicted = evictTo(directory, used - std::max(wanted, used / kEvictedShare));
    // What went may have been of other sizes: then a slab changes its own.
    if (evicted.pages == 0 && note(taken_from.evictSlab()).pages == 0) break;
  }
  throw refusal(directory, length);
}

Error LayoutSegments::refusal(size_t directory, int64_t length) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  const std::string what = "set: no room for " + std::to_string(length) + " bytes in '" +
                           files_->directories()[directory].path + "' (" + files_->freeSpace(directory) + "): ";
  if (limits_.capacity_bytes > 0 && SegmentIndex::slotBlocksOf(length) * kSlotUnit > limits_.capacity_bytes) {
    return Error(HICACHE_NO_SPACE, what + "capacity_bytes = " + std::to_string(limits_.capacity_bytes) +
                                       "; raise the capacity above the size of a page");
  }
  if (!limits_.evicts) {
    return Error(HICACHE_NO_SPACE,
                 what + "the segments are full and eviction is off; free the disk, delete pages, or set a capacity");
  }
  return Error(HICACHE_NO_SPACE, what + "capacity_bytes = " + std::to_string(limits_.capacity_bytes) +
                                     ", and nothing more can be evicted: the other pages are pinned or being set");
}

int64_t LayoutSegments::bytesMaxOf(size_t directory) const {
  if (limits_.capacity_bytes == 0) return INT64_MAX;
  int64_t others = 0;
  for (size_t i = 0; i < directories_.size(); ++i) others += i == directory ? 0 : directories_[i]->bytes();
  return limits_.capacity_bytes - others;
}

void LayoutSegments::publish(size_t directory, std::vector<Publication>* pages) {
  SegmentDirectory& published_in = *directories_[directory];
  published_in.publish(*pages, bytesMaxOf(directory));
  for (int attempt = 0; attempt < kAttempts && limits_.evicts; ++attempt) {
    std::vector<Publication*> refused;
    int64_t wanted = 0;
    for (Publication& each : *pages) {
      if (!each.error || each.page.slot.bytes() > limits_.capacity_bytes) continue;
      refused.push_back(&each);
      wanted += each.page.slot.bytes();
    }
    if (refused.empty()) break;
    const int64_t bytes_max = bytesMaxOf(directory);
    const int64_t low = std::min(bytes_max - wanted, bytes_max - (limits_.capacity_bytes - limits_.lowBytes()));
    if (evictTo(directory, std::max<int64_t>(low, 0)).pages == 0 && evict().pages == 0 && attempt > 0) break;
    std::vector<Publication> again;
    for (Publication* each : refused) again.push_back({each->page_key, each->page, each->keep});
    published_in.publish(again, bytesMaxOf(directory));
    for (size_t i = 0; i < refused.size(); ++i) {
      refused[i]->kept = again[i].kept;
      refused[i]->error = again[i].error;
    }
  }
  std::vector<Slot> published;
  published.reserve(pages->size());
  for (Publication& each : *pages) {
    if (each.error) {
      each.error = refusal(directory, static_cast<int64_t>(each.page.seal.length));
    } else if (!each.kept) {
      published.push_back(each.page.slot);
    }
  }
  published_in.slots().published(published);
  keepBelowHighMark();
}

void LayoutSegments::keepBelowHighMark() {
  if (!limits_.evicts || limits_.capacity_bytes == 0 || bytes() <= limits_.highBytes()) return;
  // One lane of this process does it; others go on.
  std::unique_lock<std::mutex> lock(evicting_, std::try_to_lock);
  if (lock) evict();
}

EvictionResult LayoutSegments::note(EvictionResult evicted) {
  rounds_.fetch_add(1, std::memory_order_relaxed);
  evicted_pages_.fetch_add(evicted.pages, std::memory_order_relaxed);
  evicted_bytes_.fetch_add(evicted.bytes, std::memory_order_relaxed);
  return evicted;
}

EvictionResult LayoutSegments::evictTo(size_t directory, int64_t bytes_max) {
  return note(directories_[directory]->evict(std::max<int64_t>(bytes_max, 0)));
}

EvictionResult LayoutSegments::evict() {
  if (!limits_.evicts) {
    throw Error(HICACHE_UNSUPPORTED, "evict: eviction is off; set capacity_bytes, or an l3_cleaner watermark");
  }
  EvictionResult all;
  const int64_t used = bytes();
  const int64_t low = limits_.capacity_bytes > 0 ? limits_.lowBytes() : INT64_MAX;
  for (size_t i = 0; i < directories_.size(); ++i) {
    const int64_t own = directories_[i]->bytes();
    // Each directory gives its share.
    const double share = used <= low ? 0 : static_cast<double>(own) / static_cast<double>(used);
    const int64_t goal = used <= low ? INT64_MAX : own - static_cast<int64_t>(share * static_cast<double>(used - low)) - 1;
    const EvictionResult evicted = note(directories_[i]->evict(std::max<int64_t>(goal, 0)));
    all.pages += evicted.pages;
    all.bytes += evicted.bytes;
  }
  return all;
}

int64_t LayoutSegments::bytes() const {
  int64_t all = 0;
  for (const auto& directory : directories_) all += directory->bytes();
  return all;
}

PageResult LayoutSegments::exists(const Page& page, Look* look) {
  std::optional<Found> found = look->find(page.name);
  if (!found) return PageResult::of(HICACHE_MISS);
  const bool fits = page.length < 0 || found->length() == page.length;
  return PageResult::of(fits ? HICACHE_HIT : HICACHE_MISS, found->length());
}

PageResult LayoutSegments::pin(const PageName& name, int64_t lease_millis) const {
  std::optional<Found> found = find(name);
  if (!found) return PageResult::of(HICACHE_MISS);
  // Whole seconds, no fewer than asked for.
  const int64_t until = nowNanos() + lease_millis * kNanosPerMilli + (lease_millis > 0 ? kNanosPerSecond - 1 : 0);
  directories_[found->directory]->lastUse(found->page.slot).store(static_cast<uint32_t>(until / kNanosPerSecond));
  // It may have been evicted just now, and then the lease is another page's.
  return isStill(name, *found) ? PageResult::of(HICACHE_HIT, found->length()) : PageResult::of(HICACHE_MISS);
}

bool LayoutSegments::remove(const PageName& name) {
  const Place place = placeOf(name);
  return directories_[place.directory]->remove(place.page_key);
}

int64_t LayoutSegments::clear(const std::function<bool()>& stop) {
  int64_t removed = 0;
  for (const auto& directory : directories_) removed += directory->clear(key_prefix_, stop);
  return removed;
}

}  // namespace hicache
