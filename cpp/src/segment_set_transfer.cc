// SPDX-License-Identifier: Apache-2.0
#include "segment_set_transfer.h"

#include <map>

namespace hicache {

SegmentSetTransfer::SegmentSetTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, LaneSegments* segments,
                                       Chunk chunk)
    : PageTransfer(std::move(parts), buffers, std::move(chunk), TransferOperation::kWrite),
      layout_(*parts_->segments),
      segments_(segments),
      written_(pageCount()) {}

SegmentSetTransfer::~SegmentSetTransfer() {
  for (const Written& each : written_) {
    if (each.slot.blocks > 0) layout_.giveBack(each.place.directory, each.slot);
  }
}

bool SegmentSetTransfer::open(size_t index, Entry* entry) {
  const bool there =
      batch()->keepsExisting() ? layout_.find(page(index).name).has_value() : batch()->skipsExisting() && isStored(index);
  if (there) {
    settle(index, PageResult::of(HICACHE_SKIPPED, entry->length));
    return false;
  }
  Written& written = written_[index];
  written.place = layout_.placeOf(page(index).name);
  written.slot = layout_.takeSlot(written.place.directory, entry->length, segments_->shard());
  entry->place.directory = written.place.directory;
  entry->direct = parts_->files->takesDirectIo(written.place.directory, entry->length);
  entry->offset = written.slot.offset();
  entry->fd = segments_->open(written.place.directory, written.slot.segment, entry->direct);
  return true;
}

bool SegmentSetTransfer::isStored(size_t index) const {
  const std::optional<LayoutSegments::Found> found = layout_.find(page(index).name);
  return found && isSame(index, found->page.seal);
}

void SegmentSetTransfer::prepare(Entry& entry) { written_[entry.index].checksum = stage(entry); }

void SegmentSetTransfer::complete(Entry& entry) {
  Written& written = written_[entry.index];
  written.flags = bufferedFlag(entry);
  written.whole = true;
}

void SegmentSetTransfer::completeAll() {
  std::map<size_t, std::vector<size_t>> by_directory;
  for (size_t i = 0; i < written_.size(); ++i) {
    if (written_[i].whole) by_directory[written_[i].place.directory].push_back(i);
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
    each.page_key = written.place.page_key;
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

Error SegmentSetTransfer::diagnose(const Entry& entry, const Error& nixl_failure) {
  const Written& written = written_[entry.index];
  return diagnoseWrite(entry, layout_.describe(written.place.directory, written.slot), nixl_failure);
}

}  // namespace hicache
