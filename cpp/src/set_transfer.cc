// SPDX-License-Identifier: Apache-2.0
#include "set_transfer.h"

#include <cstring>

#include "checksum.h"

namespace hicache {

SetTransfer::SetTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, Chunk chunk)
    : PageTransfer(std::move(parts), buffers, std::move(chunk), TransferOperation::kWrite),
      placements_(chunk_.end - chunk_.begin),
      checksums_(chunk_.end - chunk_.begin) {}

SetTransfer::~SetTransfer() {
  for (PagePlacement& placement : placements_) parts_->files->discard(&placement.temp);
}

bool SetTransfer::open(size_t index, Entry* entry) {
  PagePlacement& placement = placements_[index];
  placement = parts_->layout->place(page(index).key, entry->length);
  entry->place = placement.place;
  entry->fd = placement.temp.file.get();
  entry->direct = placement.direct;
  return true;
}

void SetTransfer::prepare(Entry& entry) {
  const void* source = reinterpret_cast<const void*>(page(entry.index).address);
  size_t length = static_cast<size_t>(entry.length);
  if (entry.staged) source = std::memcpy(reinterpret_cast<void*>(entry.memory), source, length);
  checksums_[entry.index] = checksum(source, length);
}

void SetTransfer::complete(Entry& entry) {
  const Page& stored = page(entry.index);
  PageSeal seal;
  seal.length = static_cast<uint64_t>(entry.length);
  seal.checksum = checksums_[entry.index];
  seal.shape = stored.shape;
  parts_->layout->publish(&placements_[entry.index], stored.key, seal);
  settle(entry.index, PageResult::of(HICACHE_STORED, entry.length, bufferedFlag(entry)));
}

void SetTransfer::rewind(Entry& entry) {
  // Where this fails the file keeps its space until it is discarded, no longer than the chunk.
  parts_->files->calls().truncate(entry.fd, 0);
}

Error SetTransfer::diagnose(const Entry& entry, const Error& nixl_failure) {
  FileManager& files = *parts_->files;
  const std::string path = files.pathOf(entry.place);
  const char* data = reinterpret_cast<const char*>(entry.memory);
  for (int64_t done = 0; done < entry.length;) {
    int64_t written = files.calls().writeAt(entry.fd, data + done, static_cast<size_t>(entry.length - done), done);
    if (written < 0) {
      return errnoError("writing '" + path + "' (" + files.freeSpace(entry.place.directory) + ")", static_cast<int>(-written));
    }
    if (written == 0) break;
    done += written;
  }
  return Error(nixl_failure.code(), "writing '" + path + "': " + nixl_failure.what(), nixl_failure.nixlStatus());
}

}  // namespace hicache
