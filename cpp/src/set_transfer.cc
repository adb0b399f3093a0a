// SPDX-License-Identifier: Apache-2.0
#include "set_transfer.h"

#include <utility>

namespace hicache {

SetTransfer::SetTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, Chunk chunk)
    : PageTransfer(std::move(parts), buffers, std::move(chunk), TransferOperation::kWrite),
      taken_(pageCount()),
      no_room_(pageCount()),
      placements_(pageCount()) {}

SetTransfer::~SetTransfer() {
  for (size_t i = 0; i < placements_.size(); ++i) {
    // What cannot be removed still takes its room.
    if (parts_->files->discard(&placements_[i].temp)) giveBack(i);
  }
}

bool SetTransfer::admit(RoomWait* wait) {
  if (batch()->abandoned()) return true;
  Room::Shares shares(parts_->files->directories().size());
  std::vector<Taken> wanted(pageCount());
  for (size_t i = 0; i < pageCount(); ++i) {
    if (isSettled(i)) continue;
    try {
      wanted[i] = {parts_->layout->placeOf(page(i).name).directory, Usage::chargeOf(page(i).length)};
      shares[wanted[i].directory] += wanted[i].bytes;
    } catch (...) {
      settle(i, PageResult::failed(currentError()));
    }
  }
  std::optional<Room::Shortage> shortage = parts_->room->take(shares);
  if (!shortage) {
    taken_ = std::move(wanted);
    return true;
  }
  if (parts_->room->mayWait(*shortage, shares, wait)) return false;
  takePageByPage(wanted);
  return true;
}

void SetTransfer::takePageByPage(const std::vector<Taken>& wanted) {
  for (size_t i = 0; i < pageCount(); ++i) {
    if (isSettled(i)) continue;
    Room::Shares shares(parts_->files->directories().size());
    shares[wanted[i].directory] = wanted[i].bytes;
    if (std::optional<Room::Shortage> shortage = parts_->room->take(shares)) {
      no_room_[i] = parts_->room->refusal(*shortage);
    } else {
      taken_[i] = wanted[i];
    }
  }
}

void SetTransfer::giveBack(size_t index) {
  Taken taken = std::exchange(taken_[index], {});
  parts_->room->give(taken.directory, taken.bytes);
}

bool SetTransfer::open(size_t index, Entry* entry) {
  const bool there =
      batch()->keepsExisting() ? parts_->layout->isTaken(page(index).name) : batch()->skipsExisting() && isStored(index);
  if (there) {
    settle(index, PageResult::of(HICACHE_SKIPPED, entry->length));
    giveBack(index);
    return false;
  }
  if (no_room_[index]) throw *no_room_[index];
  PagePlacement& placement = placements_[index];
  placement = parts_->layout->place(page(index).name, entry->length);
  entry->place = placement.place;
  entry->fd = placement.temp.file.get();
  entry->direct = placement.direct;
  return true;
}

bool SetTransfer::isStored(size_t index) const {
  std::optional<FoundPage> found = parts_->layout->look(page(index).name);
  return found && found->seal && found->file_length == page(index).length && isSame(index, *found->seal);
}

void SetTransfer::complete(Entry& entry) {
  const Page& stored = page(entry.index);
  PageSeal seal;
  seal.length = static_cast<uint64_t>(entry.length);
  seal.checksum = entry.checksum;
  seal.shape = stored.shape;
  if (!parts_->layout->publish(&placements_[entry.index], stored.name, seal, batch()->keepsExisting())) {
    settle(entry.index, PageResult::of(HICACHE_SKIPPED, entry.length));
    return;  // its temp file goes with the chunk
  }
  giveBack(entry.index);
  settle(entry.index, PageResult::of(HICACHE_STORED, entry.length, bufferedFlag(entry)));
}

void SetTransfer::rewind(Entry& entry) {
  // Where this fails the file keeps its space until it is discarded, no longer than the chunk.
  parts_->files->calls().truncate(entry.fd, 0);
}

PageResult SetTransfer::diagnose(const Entry& entry, const Error& nixl_failure) {
  return PageResult::failed(diagnoseWrite(entry, "'" + parts_->files->pathOf(entry.place) + "'", nixl_failure));
}

}  // namespace hicache
