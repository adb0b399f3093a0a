// SPDX-License-Identifier: Apache-2.0
#include "room.h"

#include <algorithm>
#include <numeric>

namespace hicache {
namespace {

// A set waits no longer than this for room, whatever the evictor does.
constexpr std::chrono::seconds kPatience{10};

}  // namespace

Room::Room(std::shared_ptr<FileManager> files, const Limits& limits) : files_(std::move(files)), limits_(limits) {
  for (const StorageDirectory& directory : files_->directories()) {
    free_.push_back(std::make_unique<FreeSpace>(files_->calls(), directory.base.get(), limits.min_free_bytes));
  }
}

std::optional<Room::Shortage> Room::take(const Shares& shares) {
  int64_t wanted = std::accumulate(shares.begin(), shares.end(), int64_t{0});
  std::optional<Shortage> shortage = takeOfDisks(shares, wanted);
  if (shortage || !limits_.counts()) return shortage;
  shortage = takeOfCapacity(shares, wanted);
  if (!shortage) return std::nullopt;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] > 0) free_[i]->give(shares[i]);
  }
  return shortage;
}

std::optional<Room::Shortage> Room::takeOfDisks(const Shares& shares, int64_t wanted) {
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] == 0 || free_[i]->take(shares[i])) continue;
    for (size_t taken = 0; taken < i; ++taken) {
      if (shares[taken] > 0) free_[taken]->give(shares[taken]);
    }
    return Shortage{Shortage::Kind::kDisk, i, wanted};
  }
  return std::nullopt;
}

std::optional<Room::Shortage> Room::takeOfCapacity(const Shares& shares, int64_t wanted) {
  auto reserve = [&](int64_t sign) {
    for (size_t i = 0; i < shares.size(); ++i) {
      if (shares[i] > 0) files_->usage(i)->reserve(sign * shares[i]);
    }
  };
  // Reserved first and looked at then: of two sets that want the same bytes at least one sees both.
  reserve(1);
  if (limits_.capacity_bytes == 0) return std::nullopt;
  for (size_t i = 0; i < free_.size(); ++i) {
    if (files_->usage(i)->ready()) continue;
    reserve(-1);
    return Shortage{Shortage::Kind::kNotCounted, i, wanted};
  }
  int64_t used = total();
  if (used > limits_.capacity_bytes) {
    reserve(-1);
    return Shortage{Shortage::Kind::kCapacity, 0, wanted};
  }
  if (used > limits_.highBytes() && limits_.evicts) wake();
  return std::nullopt;
}

void Room::give(size_t directory, int64_t bytes) {
  if (bytes == 0) return;
  free_[directory]->give(bytes);
  if (Usage* usage = files_->usage(directory)) usage->reserve(-bytes);
}

bool Room::mayWait(const Shortage& shortage, const Shares& shares, RoomWait* wait) {
  bool counting = shortage.kind == Shortage::Kind::kNotCounted;
  if (!counting && !limits_.evicts) return false;
  if (limits_.capacity_bytes > 0 && shortage.wanted > limits_.capacity_bytes) return false;
  Clock::time_point now = Clock::now();
  Usage& first = *files_->usage(0);
  if (!wait->begun) {
    // What asks again does not wake the evictor: it lets waiting sets ask again by itself.
    *wait = {true, now, first.roundsBegun()};
  } else if (now - wait->since > kPatience || (!counting && first.lastStuckRound() > wait->round)) {
    return false;
  }
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] > 0) files_->usage(i)->want(shortage.wanted);
  }
  first.want(shortage.wanted);
  noteWaiting(now == wait->since);
  return true;
}

Error Room::refusal(const Shortage& shortage) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  const std::string path = files_->directories()[shortage.directory].path;
  std::string wanted = "set: no room for " + std::to_string(shortage.wanted) + " bytes: ";
  switch (shortage.kind) {
    case Shortage::Kind::kNotCounted:
      return Error(HICACHE_NO_SPACE, wanted + "the pages of '" + path + "' are still being counted; set it again later");
    case Shortage::Kind::kDisk:
      return Error(HICACHE_NO_SPACE, wanted + "'" + path + "' has " + files_->freeSpace(shortage.directory) + ", of which " +
                                         std::to_string(free_[shortage.directory]->minFreeBytes()) +
                                         " bytes must stay free; free some, or lower min_free_bytes");
    case Shortage::Kind::kCapacity:
      break;
  }
  const std::string budget = std::to_string(total()) + " of capacity_bytes = " + std::to_string(limits_.capacity_bytes) +
                             " bytes are in use or reserved";
  const bool too_large = shortage.wanted > limits_.capacity_bytes;
  return Error(HICACHE_NO_SPACE, wanted + budget +
                                     (too_large        ? "; raise the capacity above the size of a page"
                                      : limits_.evicts ? ", and nothing more can be evicted; raise the capacity, or unpin pages"
                                                       : ", and eviction is off; raise the capacity, or delete pages"));
}

int64_t Room::total() const {
  if (!limits_.counts()) return -1;
  int64_t sum = 0;
  for (size_t i = 0; i < free_.size(); ++i) sum += files_->usage(i)->total();
  return sum;
}

bool Room::ready() const {
  if (!limits_.counts()) return false;
  for (size_t i = 0; i < free_.size(); ++i) {
    if (!files_->usage(i)->ready()) return false;
  }
  return true;
}

bool Room::sleep(std::chrono::milliseconds time) {
  std::unique_lock<std::mutex> lock(mutex_);
  woken_.wait_for(lock, time, [this] { return wake_; });
  wake_ = false;
  return std::exchange(set_waits_, false);
}

void Room::wake() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (std::exchange(wake_, true)) return;
  }
  woken_.notify_one();
}

void Room::noteWaiting(bool wake_now) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    set_waits_ = true;
  }
  if (wake_now) wake();
}

}  // namespace hicache
