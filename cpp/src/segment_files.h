// SPDX-License-Identifier: Apache-2.0
//
// The files of one base directory's segments, in .hicache/segments: NNNNNN.segment with the pages' bytes, and beside it
// NNNNNN.used with a time for each of its blocks: when the page that begins there was last used, in seconds since 1970, in the
// future while it is pinned. All processes map the latter.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "file_manager.h"
#include "segment_index.h"

namespace hicache {

// Threads: safe from any number of threads.
class SegmentFiles {
 public:
  static constexpr const char* kFolder = "segments";
  static constexpr const char* kIndex = "index";

  // Makes the folder. Throws IO.
  SegmentFiles(std::shared_ptr<FileManager> files, size_t directory);
  ~SegmentFiles();
  SegmentFiles(const SegmentFiles&) = delete;
  SegmentFiles& operator=(const SegmentFiles&) = delete;

  int folder() const { return folder_.get(); }
  std::string path() const { return path_; }
  std::string pathOf(uint32_t segment) const;

  // Once, before what follows.
  void setGeometry(const SegmentGeometry& geometry) { geometry_ = geometry; }
  // A file with room for so many bytes; one of that number that a dead process left is used. Throws IO or NO_SPACE.
  void create(uint32_t segment, int64_t bytes);
  // Who has it open finds it empty.
  void remove(uint32_t segment);
  FileHandle open(uint32_t segment, bool direct) const;
  // The segments that there are files of.
  std::vector<uint32_t> list() const;
  // When the page in a slot was last used, see above.
  std::atomic<uint32_t>& lastUse(const Slot& slot) { return useTimesOf(slot.segment)[slot.block]; }
  // Removes files that no index knows any more.
  void removeAll();

  // lastUse for many slots: remembers the segment it looked at last, so that neighbours cost no lock. Threads: one at a time.
  class UseTimes {
   public:
    explicit UseTimes(SegmentFiles& files) : files_(&files) {}

    std::atomic<uint32_t>& of(const Slot& slot) {
      if (times_ == nullptr || slot.segment != segment_) {
        times_ = files_->useTimesOf(slot.segment);
        segment_ = slot.segment;
      }
      return times_[slot.block];
    }

   private:
    SegmentFiles* files_;
    uint32_t segment_ = 0;
    std::atomic<uint32_t>* times_ = nullptr;
  };

 private:
  struct Mapping {
    void* address = nullptr;
    size_t length = 0;
  };

  std::atomic<uint32_t>* useTimesOf(uint32_t segment);
  FileHandle openFile(const std::string& name, int flags) const;
  std::vector<std::string> names() const;

  const std::shared_ptr<FileManager> files_;
  const std::string path_;
  const bool in_memory_;
  FileHandle folder_;
  SegmentGeometry geometry_;
  std::mutex mutex_;  // guards what follows
  std::map<uint32_t, Mapping> use_times_;
};

}  // namespace hicache
