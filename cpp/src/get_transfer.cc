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

bool GetTransfer::fileIsDamaged(const Entry& entry, const FoundPage& found) const {
  int64_t offset = 0;
  for (const Block& block : memoryOf(entry)) {
    char* data = reinterpret_cast<char*>(block.address);
    for (int64_t done = 0; done < block.length;) {
      size_t left = static_cast<size_t>(block.length - done);
      int64_t read = parts_->files->calls().readAt(entry.fd, data + done, left, offset + done);
      if (read <= 0) return read == 0;
      done += read;
    }
    offset += block.length;
  }
  return checksum(memoryOf(entry)) != found.seal->checksum;
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
  if (parts_->room->limits().evicts) noteUse(parts_->files->calls(), entry.fd, found.accessed_nanos);
  if (entry.staged) scatter(reinterpret_cast<const void*>(entry.staging.address), page(entry.index).blocks);
  settle(entry.index, PageResult::of(HICACHE_HIT, entry.length, bufferedFlag(entry) | (verify ? 0 : HICACHE_FLAG_UNVERIFIED)));
}

PageResult GetTransfer::diagnose(const Entry& entry, const Error& nixl_failure) {
  FileManager& files = *parts_->files;
  const std::string path = files.pathOf(entry.place);
  int64_t offset = 0;
  for (const Block& block : memoryOf(entry)) {
    char* data = reinterpret_cast<char*>(block.address);
    for (int64_t done = 0; done < block.length;) {
      int64_t read = files.calls().readAt(entry.fd, data + done, static_cast<size_t>(block.length - done), offset + done);
      if (read < 0) throw errnoError("reading '" + path + "'", static_cast<int>(-read));
      if (read == 0) {
        const std::string cut = "'" + path + "' was cut to " + std::to_string(offset + done) + " bytes while it was read";
        return PageResult::failed(dropDamaged(found_[entry.index], Error(HICACHE_CORRUPT, cut)));
      }
      done += read;
    }
    offset += block.length;
  }
  return PageResult::failed(
      Error(nixl_failure.code(), "reading '" + path + "': " + nixl_failure.what(), nixl_failure.nixlStatus()));
}

}  // namespace hicache
