// SPDX-License-Identifier: Apache-2.0
//
// Whether a set may begin: the capacity of the store over all its directories, and the space that must stay free on each disk.
// What is taken is taken in all processes; see Usage.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "batch.h"
#include "error.h"
#include "file_manager.h"
#include "free_space.h"
#include "store_limits.h"

namespace hicache {

// Threads: safe from any number of threads.
class Room {
 public:
  // Bytes for each directory, in whole units of Usage.
  using Shares = std::vector<int64_t>;

  // Why there is no room.
  struct Shortage {
    enum class Kind { kNotCounted, kCapacity, kDisk };
    Kind kind = Kind::kCapacity;
    size_t directory = 0;  // for kNotCounted and kDisk
    int64_t wanted = 0;    // bytes in all
  };

  Room(std::shared_ptr<FileManager> files, const Limits& limits);

  // Takes all of the shares, or nothing and says why. Wakes the evictor above the high mark.
  std::optional<Shortage> take(const Shares& shares);
  void give(size_t directory, int64_t bytes);

  // Whether it is worth to ask again a little later: the pages are being counted, or eviction may still make room. Notes in
  // wait when it began. Wakes the evictor.
  bool mayWait(const Shortage& shortage, const Shares& shares, RoomWait* wait);
  // The NO_SPACE of one page; counts it.
  Error refusal(const Shortage& shortage);

  const Limits& limits() const { return limits_; }
  // Bytes of pages in all directories and of sets under way; -1 where nothing is counted.
  int64_t total() const;
  // True when total can be relied on.
  bool ready() const;
  FreeSpace& freeSpace(size_t directory) { return *free_[directory]; }
  int64_t refused() const { return refused_.load(std::memory_order_relaxed); }

  // For the evictor: sleeps until it is woken, or a time has passed. True when a set waits for room since the last call.
  bool sleep(std::chrono::milliseconds time);
  void wake();

 private:
  void noteWaiting(bool wake);
  std::optional<Shortage> takeOfDisks(const Shares& shares, int64_t wanted);
  std::optional<Shortage> takeOfCapacity(const Shares& shares, int64_t wanted);

  const std::shared_ptr<FileManager> files_;
  const Limits limits_;
  std::vector<std::unique_ptr<FreeSpace>> free_;  // by directory
  std::atomic<int64_t> refused_{0};

  std::mutex mutex_;  // guards what follows
  std::condition_variable woken_;
  bool wake_ = false;
  bool set_waits_ = false;
};

}  // namespace hicache
