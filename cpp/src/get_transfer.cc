// SPDX-License-Identifier: Apache-2.0
#include "get_transfer.h"

#include "access_time.h"
#include "checksum.h"

namespace hicache {

GetTransfer::GetTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, Chunk chunk)
    : PageTransfer(std::move(parts), buffers, std::move(chunk), TransferOperation::kRead), found_(chunk_.end - chunk_.begin) {}

bool GetTransfer::open(size_t index, Entry* entry) {
  const Page& target = page(index);
  std::optional<FoundPage> found = parts_->layout->find(target.name, target.length);
  if (!found) {
    settle(index, PageResult::of(HICACHE_MISS));
    return false;
  }
  try {
    parts_->layout->requireWhole(*found);
  } catch (const Error& damage) {
    throw dropDamaged(*found, damage);
  }
  requireFit(index, parts_->files->pathOf(found->place), found->length(),
             found->seal ? found->seal->shape.dtype : HICACHE_DTYPE_UNKNOWN);
  entry->place = found->place;
  entry->fd = found->file.get();
  entry->direct = found->direct;
  found_[index] = std::move(*found);
  return true;
}

std::optional<int64_t> GetTransfer::readPlainly(const Entry& entry) const {
  const int64_t read = PageTransfer::readPlainly(entry, entry.fd, 0, "'" + parts_->files->pathOf(entry.place) + "'");
  return read < entry.length ? std::optional(read) : std::nullopt;
}

bool GetTransfer::fileIsDamaged(const Entry& entry, const FoundPage& found) const {
  try {
    return readPlainly(entry) || checksum(memoryOf(entry)) != found.seal->checksum;
  } catch (const Error&) {
    return false;  // it cannot be read now; the damage is reported without it
  }
}

Error GetTransfer::cutError(const Entry& entry, int64_t length) const {
  const std::string cut =
      "'" + parts_->files->pathOf(entry.place) + "' was cut to " + std::to_string(length) + " bytes while it was read";
  return dropDamaged(found_[entry.index], Error(HICACHE_CORRUPT, cut));
}

Error GetTransfer::dropDamaged(const FoundPage& found, const Error& damage) const {
  bool ours = found.seal.has_value() || (found.bad_seal && !found.other_seal);
  if (!ours || !parts_->config.remove_corrupt) return damage;
  try {
    bool removed = parts_->files->remove(found.place, found.inode);
    return removed ? Error(damage.code(), std::string(damage.what()) + " (it was removed)") : damage;
  } catch (const Error& error) {
    return Error(damage.code(), std::string(damage.what()) + " (removing it failed: " + error.what() + ")");
  }
}

bool GetTransfer::wantsChecksum(const Entry& entry) const {
  return parts_->config.verify_checksum && found_[entry.index].seal.has_value();
}

void GetTransfer::complete(Entry& entry) {
  const FoundPage& found = found_[entry.index];
  const bool verify = wantsChecksum(entry);
  if (verify && entry.checksum != found.seal->checksum) {
    const Error damage(HICACHE_CORRUPT,
                       "'" + parts_->files->pathOf(entry.place) +
                           "' does not have the bytes that were set: its checksum differs; set the page again");
    throw fileIsDamaged(entry, found) ? dropDamaged(found, damage) : damage;
  }
  if (mayBeShort(entry)) {
    if (const std::optional<int64_t> cut = readPlainly(entry)) throw cutError(entry, *cut);
  }
  if (parts_->room->limits().evicts) noteUse(parts_->files->calls(), entry.fd, found.accessed_nanos);
  if (entry.staged) scatter(reinterpret_cast<const void*>(entry.staging.address), page(entry.index).blocks);
  settle(entry.index, PageResult::of(HICACHE_HIT, entry.length, bufferedFlag(entry) | (verify ? 0 : HICACHE_FLAG_UNVERIFIED)));
}

PageResult GetTransfer::diagnose(const Entry& entry, const Error& nixl_failure) {
  if (const std::optional<int64_t> cut = readPlainly(entry)) return PageResult::failed(cutError(entry, *cut));
  return PageResult::failed(Error(nixl_failure.code(),
                                  "reading '" + parts_->files->pathOf(entry.place) + "': " + nixl_failure.what(),
                                  nixl_failure.nixlStatus()));
}

}  // namespace hicache
