// SPDX-License-Identifier: Apache-2.0
#include "segment_get_transfer.h"

#include <cerrno>

#include "checksum.h"

namespace hicache {
namespace {

constexpr int kAttempts = 8;
constexpr size_t kShownKeyBytes = 100;
constexpr const char* kCut = "is beyond the end of its segment, which was cut";

}  // namespace

SegmentGetTransfer::SegmentGetTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, LaneSegments* segments,
                                       Chunk chunk)
    : PageTransfer(std::move(parts), buffers, std::move(chunk), TransferOperation::kRead),
      layout_(*parts_->segments),
      segments_(segments),
      found_(pageCount()) {}

void SegmentGetTransfer::openAll() {
  look_.emplace(layout_);
  PageTransfer::openAll();
  look_.reset();
}

bool SegmentGetTransfer::open(size_t index, Entry* entry) {
  const PageName& name = page(index).name;
  std::optional<LayoutSegments::Found> found = look_->find(name);
  for (; found; found = layout_.find(name)) {
    requireFit(index, *found);
    entry->direct = parts_->files->takesDirectIo(found->directory, entry->length);
    if (std::optional<int> fd = openSegment(name, *found, entry->direct)) {
      entry->fd = *fd;
      entry->place.directory = found->directory;
      entry->offset = found->page.slot.offset();
      found_[index] = std::move(found);
      return true;
    }
  }
  settle(index, PageResult::of(HICACHE_MISS));
  return false;
}

std::optional<int> SegmentGetTransfer::openSegment(const PageName& name, const LayoutSegments::Found& found,
                                                   bool direct) const {
  try {
    return segments_->open(found.directory, found.page.slot.segment, direct);
  } catch (const Error& error) {
    // A large page's segment goes with the page.
    if (error.errorNumber() != ENOENT || layout_.isStill(name, found)) throw;
    return std::nullopt;
  }
}

void SegmentGetTransfer::requireFit(size_t index, const LayoutSegments::Found& found) const {
  PageTransfer::requireFit(index, page(index).name.key.substr(0, kShownKeyBytes), found.length(), found.page.seal.shape.dtype);
}

void SegmentGetTransfer::complete(Entry& entry) {
  const bool verify = parts_->config.verify_checksum;
  const LayoutSegments::Found& found = *found_[entry.index];
  const bool good = verify ? entry.checksum == found.page.seal.checksum : layout_.isStill(page(entry.index).name, found);
  if (!good && !readAgain(entry)) return;
  const LayoutSegments::Found& served = *found_[entry.index];
  LayoutSegments::noteUse(segments_->lastUse(served.directory, served.page.slot));
  if (entry.staged) scatter(reinterpret_cast<const void*>(entry.staging.address), page(entry.index).blocks);
  settle(entry.index, PageResult::of(HICACHE_HIT, entry.length, bufferedFlag(entry) | (verify ? 0 : HICACHE_FLAG_UNVERIFIED)));
}

bool SegmentGetTransfer::readAgain(const Entry& entry) {
  const Page& target = page(entry.index);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::optional<LayoutSegments::Found> now = layout_.find(target.name);
    if (!now) break;
    requireFit(entry.index, *now);
    const bool whole = readPlainly(entry, *now);
    if (whole && checksum(memoryOf(entry)) == now->page.seal.checksum) {
      found_[entry.index] = std::move(now);
      return true;
    }
    if (layout_.isStill(target.name, *now)) {
      throw dropDamaged(entry, *now,
                        whole ? "does not have the bytes that were set: their checksum differs; set the page again" : kCut);
    }
  }
  settle(entry.index, PageResult::of(HICACHE_MISS));
  return false;
}

bool SegmentGetTransfer::readPlainly(const Entry& entry, const LayoutSegments::Found& found) const {
  const std::optional<int> fd = openSegment(page(entry.index).name, found, entry.direct);
  if (!fd) return false;
  const Slot& slot = found.page.slot;
  return PageTransfer::readPlainly(entry, *fd, slot.offset(), layout_.describe(found.directory, slot)) == entry.length;
}

Error SegmentGetTransfer::dropDamaged(const Entry& entry, const LayoutSegments::Found& found, const std::string& damage) const {
  const std::string what = layout_.describe(found.directory, found.page.slot) + " " + damage;
  if (!parts_->config.remove_corrupt) return Error(HICACHE_CORRUPT, what);
  try {
    const bool removed = layout_.remove(page(entry.index).name, found);
    return Error(HICACHE_CORRUPT, removed ? what + " (it was removed)" : what);
  } catch (const Error& error) {
    return Error(HICACHE_CORRUPT, what + " (removing it failed: " + error.what() + ")");
  }
}

bool SegmentGetTransfer::coverStorage(Agent& agent, const std::vector<Descriptor>& storage) {
  segments_->cover(agent, storage);
  return true;
}

PageResult SegmentGetTransfer::diagnose(const Entry& entry, const Error& nixl_failure) {
  const LayoutSegments::Found& found = *found_[entry.index];
  if (!readPlainly(entry, found)) {
    if (!layout_.isStill(page(entry.index).name, found)) return PageResult::of(HICACHE_MISS);
    return PageResult::failed(dropDamaged(entry, found, kCut));
  }
  return PageResult::failed(Error(nixl_failure.code(),
                                  "reading " + layout_.describe(found.directory, found.page.slot) + ": " + nixl_failure.what(),
                                  nixl_failure.nixlStatus()));
}

}  // namespace hicache
