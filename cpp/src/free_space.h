// SPDX-License-Identifier: Apache-2.0
//
// What is free on the file system of a base directory, so that a full disk is refused before it is full.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "file_calls.h"

namespace hicache {

// Threads: safe from any number of threads.
class FreeSpace {
 public:
  // What a file system says of itself, in bytes. available: to this user.
  struct Sample {
    int64_t total = 0;
    int64_t available = 0;
    // Of 0..1, as SGLang counts it: what is not available counts as used.
    double usedShare() const { return total == 0 ? 0 : static_cast<double>(total - available) / static_cast<double>(total); }
  };

  // base: an open descriptor of the directory, which outlives this. min_free_bytes: nothing means the smaller of 1 GiB and 2 %
  // of the file system, 0 that everything may be filled.
  FreeSpace(FileCalls& calls, int base, std::optional<int64_t> min_free_bytes);

  // Takes bytes that will be written now, unless fewer than the minimum would be left then. Asks the kernel ten times a second
  // at most, and is careful about what was taken since.
  bool take(int64_t bytes);
  // Bytes that were taken are written by now, or never will be.
  void give(int64_t bytes);
  // How many bytes must go before so many can be taken; 0 or less when there is room.
  int64_t shortage(int64_t bytes);
  int64_t minFreeBytes() const;
  // How many bytes may still be taken; nothing where the kernel does not know.
  std::optional<int64_t> room() const;

  // Nothing where the kernel does not know: then no set is refused.
  std::optional<Sample> sample() const;

 private:
  void refresh();
  int64_t minFreeOf(const Sample& sample) const;

  FileCalls& calls_;
  const int base_;
  const std::optional<int64_t> min_free_bytes_;

  mutable std::mutex mutex_;  // guards what follows
  std::chrono::steady_clock::time_point sampled_;
  std::optional<Sample> sample_;
  int64_t taken_since_ = 0;  // and what had been taken and not given back then
  int64_t outstanding_ = 0;
};

}  // namespace hicache
