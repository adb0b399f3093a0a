// SPDX-License-Identifier: Apache-2.0
#include "segment_get_transfer.h"

#include "checksum.h"

namespace hicache {
namespace {

constexpr int kAttempts = 8;
constexpr size_t kShownKeyBytes = 100;

}  // namespace

SegmentGetTransfer::SegmentGetTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, LaneSegments* segments,
                                       Chunk chunk)
    : PageTransfer(std::move(parts), buffers, std::move(chunk), TransferOperation::kRead),
      layout_(*parts_->segments),
      segments_(segments),
      found_(pageCount()) {}

bool SegmentGetTransfer::open(size_t index, Entry* entry) {
  std::optional<LayoutSegments::Found> found = layout_.find(page(index).name);
  if (!found) {
    settle(index, PageResult::of(HICACHE_MISS));
    return false;
  }
  requireFit(index, *found);
  const size_t directory = found->place.directory;
  entry->place.directory = directory;
  entry->direct = parts_->files->takesDirectIo(directory, entry->length);
  entry->offset = found->page.slot.offset();
  entry->fd = segments_->open(directory, found->page.slot.segment, entry->direct);
  found_[index] = std::move(found);
  return true;
}

void SegmentGetTransfer::requireFit(size_t index, const LayoutSegments::Found& found) const {
  const std::string name(page(index).name.key.substr(0, kShownKeyBytes));
  PageTransfer::requireFit(index, name, found.length(), found.page.seal.shape.dtype);
}

void SegmentGetTransfer::complete(Entry& entry) {
  const bool verify = parts_->config.verify_checksum;
  const LayoutSegments::Found& found = *found_[entry.index];
  const bool good = verify ? checksum(memoryOf(entry)) == found.page.seal.checksum : layout_.isStill(found);
  if (!good && !readAgain(entry)) return;
  layout_.noteUse(*found_[entry.index]);
  if (entry.staged) scatter(reinterpret_cast<const void*>(entry.staging.address), page(entry.index).blocks);
  settle(entry.index, PageResult::of(HICACHE_HIT, entry.length, bufferedFlag(entry) | (verify ? 0 : HICACHE_FLAG_UNVERIFIED)));
}

bool SegmentGetTransfer::readAgain(const Entry& entry) {
  const Page& target = page(entry.index);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::optional<LayoutSegments::Found> now = layout_.find(target.name);
    if (!now) break;
    requireFit(entry.index, *now);
    readPlainly(entry, *now);
    if (checksum(memoryOf(entry)) == now->page.seal.checksum) {
      found_[entry.index] = std::move(now);
      return true;
    }
    if (layout_.isStill(*now)) {
      throw dropDamaged(*now, Error(HICACHE_CORRUPT, layout_.describe(now->place.directory, now->page.slot) +
                                                         " does not have the bytes that were set: their checksum differs; set "
                                                         "the page again"));
    }
  }
  settle(entry.index, PageResult::of(HICACHE_MISS));
  return false;
}

void SegmentGetTransfer::readPlainly(const Entry& entry, const LayoutSegments::Found& found) const {
  const int fd = segments_->open(found.place.directory, found.page.slot.segment, entry.direct);
  auto offset = static_cast<int64_t>(found.page.slot.offset());
  for (const Block& block : memoryOf(entry)) {
    char* data = reinterpret_cast<char*>(block.address);
    for (int64_t done = 0; done < block.length;) {
      int64_t read = parts_->files->calls().readAt(fd, data + done, static_cast<size_t>(block.length - done), offset + done);
      const std::string where = layout_.describe(found.place.directory, found.page.slot);
      if (read < 0) throw errnoError("reading " + where, static_cast<int>(-read));
      if (read == 0) throw dropDamaged(found, Error(HICACHE_CORRUPT, where + ": the segment was cut"));
      done += read;
    }
    offset += block.length;
  }
}

Error SegmentGetTransfer::dropDamaged(const LayoutSegments::Found& found, const Error& damage) const {
  if (!parts_->config.remove_corrupt) return damage;
  try {
    return layout_.remove(found) ? Error(damage.code(), std::string(damage.what()) + " (it was removed)") : damage;
  } catch (const Error& error) {
    return Error(damage.code(), std::string(damage.what()) + " (removing it failed: " + error.what() + ")");
  }
}

bool SegmentGetTransfer::coverStorage(Agent& agent, const std::vector<Descriptor>& storage) {
  segments_->cover(agent, storage);
  return true;
}

Error SegmentGetTransfer::diagnose(const Entry& entry, const Error& nixl_failure) {
  const LayoutSegments::Found& found = *found_[entry.index];
  try {
    readPlainly(entry, found);
  } catch (const Error& error) {
    return error;
  }
  return Error(nixl_failure.code(),
               "reading " + layout_.describe(found.place.directory, found.page.slot) + ": " + nixl_failure.what(),
               nixl_failure.nixlStatus());
}

}  // namespace hicache
