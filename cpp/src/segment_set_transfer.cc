// SPDX-License-Identifier: Apache-2.0
#include "segment_set_transfer.h"

#include <algorithm>
#include <map>

namespace hicache {

SegmentSetTransfer::SegmentSetTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, LaneSegments* segments,
                                       Chunk chunk)
    : PageTransfer(std::move(parts), buffers, std::move(chunk), TransferOperation::kWrite),
      layout_(*parts_->segments),
      segments_(segments),
      written_(pageCount()) {}

SegmentSetTransfer::~SegmentSetTransfer() {
  for (const Slots& each : slots_) layout_.giveBack(each.directory, each.ready);
  for (const Written& each : written_) {
    if (each.slot.blocks > 0) layout_.giveBack(each.directory, {each.slot});
  }
}

void SegmentSetTransfer::openAll() {
  for (size_t i = 0; i < pageCount(); ++i) {
    if (isSettled(i)) continue;
    Written& written = written_[i];
    try {
      written.key_begin = page_keys_.size();
      written.directory = layout_.appendPlace(page(i).name, &page_keys_);
      written.key_length = page_keys_.size() - written.key_begin;
    } catch (...) {
      page_keys_.resize(written.key_begin);
      settle(i, PageResult::failed(currentError()));
    }
  }
  PageTransfer::openAll();
}

bool SegmentSetTransfer::open(size_t index, Entry* entry) {
  if (isThere(index)) {
    settle(index, PageResult::of(HICACHE_SKIPPED, entry->length));
    return false;
  }
  Written& written = written_[index];
  written.slot = takeSlot(index);
  entry->place.directory = written.directory;
  entry->direct = parts_->files->takesDirectIo(written.directory, entry->length);
  entry->offset = written.slot.offset();
  entry->fd = segments_->open(written.directory, written.slot.segment, entry->direct);
  return true;
}

// Takes the slots of all pages that are alike at once: one lock, and they are neighbours.
Slot SegmentSetTransfer::takeSlot(size_t index) {
  const size_t directory = written_[index].directory;
  const int64_t length = page(index).length;
  auto alike = std::find_if(slots_.begin(), slots_.end(),
                            [&](const Slots& each) { return each.directory == directory && each.length == length; });
  if (alike == slots_.end()) alike = slots_.insert(slots_.end(), {directory, length, {}});
  if (alike->ready.empty()) {
    size_t count = 0;
    for (size_t i = index; i < pageCount(); ++i) {
      if (!isSettled(i) && written_[i].directory == directory && page(i).length == length) ++count;
    }
    alike->ready = layout_.takeSlots(directory, length, segments_->shard(), count);
    std::reverse(alike->ready.begin(), alike->ready.end());
  }
  const Slot slot = alike->ready.back();
  alike->ready.pop_back();
  return slot;
}

bool SegmentSetTransfer::isThere(size_t index) const {
  if (!batch()->keepsExisting() && !batch()->skipsExisting()) return false;
  const std::optional<StoredPage> stored = layout_.directory(written_[index].directory).find(pageKey(index));
  return stored && (batch()->keepsExisting() || isSame(index, stored->seal));
}

std::string_view SegmentSetTransfer::pageKey(size_t index) const {
  return std::string_view(page_keys_).substr(written_[index].key_begin, written_[index].key_length);
}

void SegmentSetTransfer::complete(Entry& entry) {
  Written& written = written_[entry.index];
  written.checksum = entry.checksum;
  written.flags = bufferedFlag(entry);
  written.whole = true;
}

void SegmentSetTransfer::completeAll() {
  std::map<size_t, std::vector<size_t>> by_directory;
  for (size_t i = 0; i < written_.size(); ++i) {
    if (written_[i].whole) by_directory[written_[i].directory].push_back(i);
  }
  for (const auto& [directory, indices] : by_directory) {
    try {
      publish(directory, indices);
    } catch (...) {
      const Error error = currentError();
      for (size_t i : indices) settle(i, PageResult::failed(error));
    }
  }
}

void SegmentSetTransfer::publish(size_t directory, const std::vector<size_t>& indices) {
  std::vector<LayoutSegments::Publication> pages;
  pages.reserve(indices.size());
  for (size_t i : indices) {
    const Written& written = written_[i];
    LayoutSegments::Publication each;
    each.page_key = pageKey(i);
    each.page.slot = written.slot;
    each.page.seal.length = static_cast<uint64_t>(page(i).length);
    each.page.seal.checksum = written.checksum;
    each.page.seal.shape = page(i).shape;
    each.keep = batch()->keepsExisting();
    if (KeyCodec::isDigestName(SegmentIndex::nameIn(each.page_key))) each.page.key = page(i).name.key;
    pages.push_back(std::move(each));
  }
  layout_.publish(directory, &pages);
  for (size_t at = 0; at < indices.size(); ++at) {
    const size_t i = indices[at];
    if (pages[at].error) {
      settle(i, PageResult::failed(*pages[at].error));
    } else if (pages[at].kept) {
      settle(i, PageResult::of(HICACHE_SKIPPED, page(i).length));
    } else {
      written_[i].slot = Slot();  // the index's now
      settle(i, PageResult::of(HICACHE_STORED, page(i).length, written_[i].flags));
    }
  }
}

bool SegmentSetTransfer::coverStorage(Agent& agent, const std::vector<Descriptor>& storage) {
  segments_->cover(agent, storage);
  return true;
}

PageResult SegmentSetTransfer::diagnose(const Entry& entry, const Error& nixl_failure) {
  const Written& written = written_[entry.index];
  return PageResult::failed(diagnoseWrite(entry, layout_.describe(written.directory, written.slot), nixl_failure));
}

}  // namespace hicache
