// SPDX-License-Identifier: Apache-2.0
#include "segment_files.h"

#include <fcntl.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "error.h"

namespace hicache {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kFolderMode = 0700;
const std::string kSegmentEnding = ".segment";
const std::string kUsedEnding = ".used";

std::string numbered(uint32_t segment, const std::string& ending) {
  char text[16];
  std::snprintf(text, sizeof(text), "%06" PRIu32, segment);
  return text + ending;
}

}  // namespace

SegmentFiles::SegmentFiles(std::shared_ptr<FileManager> files, size_t directory)
    : files_(std::move(files)),
      path_(files_->ownFolder(directory) + "/" + kFolder),
      in_memory_(files_->directories()[directory].file_system == "tmpfs") {
  FileCalls& calls = files_->calls();
  const int base = files_->directories()[directory].base.get();
  FileHandle own(&calls, calls.openBeneath(base, kOwnFolder, O_RDONLY | O_DIRECTORY, 0));
  if (!own) throw errnoError("opening '" + files_->ownFolder(directory) + "'", -own.get());
  int made = calls.makeDirectory(own.get(), kFolder, kFolderMode);
  if (made < 0 && made != -EEXIST) throw errnoError("making '" + path_ + "'", -made);
  const int fd = calls.openBeneath(own.get(), kFolder, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) throw errnoError("opening '" + path_ + "'", -fd);
  folder_ = FileHandle(&calls, fd);
}

SegmentFiles::~SegmentFiles() {
  for (const auto& [segment, times] : use_times_) files_->calls().unmap(times.address, times.length);
}

std::string SegmentFiles::pathOf(uint32_t segment) const { return path_ + "/" + numbered(segment, kSegmentEnding); }

FileHandle SegmentFiles::openFile(const std::string& name, int flags) const {
  const int fd = files_->calls().openBeneath(folder_.get(), name.c_str(), flags, kFileMode);
  if (fd < 0) throw errnoError("opening '" + path_ + "/" + name + "'", -fd);
  return FileHandle(&files_->calls(), fd);
}

void SegmentFiles::create(uint32_t segment, int64_t bytes) {
  FileCalls& calls = files_->calls();
  const FileHandle used = openFile(numbered(segment, kUsedEnding), O_RDWR | O_CREAT);
  const int64_t used_bytes = int64_t{geometry_.segmentBlocks()} * static_cast<int64_t>(sizeof(uint32_t));
  int sized = calls.truncate(used.get(), used_bytes);
  if (sized < 0) throw errnoError("making '" + path_ + "/" + numbered(segment, kUsedEnding) + "'", -sized);
  const FileHandle file = openFile(numbered(segment, kSegmentEnding), O_RDWR | O_CREAT);
  // Room in tmpfs is memory, which is not taken in advance.
  sized = in_memory_ ? calls.truncate(file.get(), bytes) : calls.allocate(file.get(), bytes);
  if (sized >= 0) return;
  const int error = -sized;
  remove(segment);
  throw errnoError("making room for " + std::to_string(bytes) + " bytes in '" + pathOf(segment) + "'", error);
}

void SegmentFiles::remove(uint32_t segment) {
  FileCalls& calls = files_->calls();
  // Its room is free at once, even where a lane has it open.
  const int fd = calls.openBeneath(folder_.get(), numbered(segment, kSegmentEnding).c_str(), O_RDWR, kFileMode);
  if (fd >= 0) calls.truncate(FileHandle(&calls, fd).get(), 0);
  calls.unlink(folder_.get(), numbered(segment, kSegmentEnding).c_str());
  calls.unlink(folder_.get(), numbered(segment, kUsedEnding).c_str());
}

std::vector<uint32_t> SegmentFiles::list() const {
  std::vector<uint32_t> segments;
  for (const std::string& name : names()) {
    if (name.ends_with(kSegmentEnding)) segments.push_back(static_cast<uint32_t>(std::strtoul(name.c_str(), nullptr, 10)));
  }
  return segments;
}

std::vector<std::string> SegmentFiles::names() const {
  std::vector<std::string> names;
  int listed = files_->calls().list(folder_.get(), &names);
  if (listed < 0) throw errnoError("listing '" + path_ + "'", -listed);
  return names;
}

FileHandle SegmentFiles::open(uint32_t segment, bool direct) const {
  return openFile(numbered(segment, kSegmentEnding), O_RDWR | (direct ? O_DIRECT : 0));
}

std::atomic<uint32_t>* SegmentFiles::useTimesOf(uint32_t segment) {
  std::lock_guard<std::mutex> lock(mutex_);
  Mapping& times = use_times_[segment];
  if (times.address == nullptr) {
    FileCalls& calls = files_->calls();
    const std::string name = numbered(segment, kUsedEnding);
    const FileHandle file = openFile(name, O_RDWR | O_CREAT);
    const size_t length = geometry_.segmentBlocks() * sizeof(uint32_t);
    struct stat status = {};
    int done = calls.status(file.get(), &status);
    // A shorter file would kill whoever touches what is missing.
    if (done >= 0 && status.st_size < static_cast<off_t>(length))
      done = calls.truncate(file.get(), static_cast<int64_t>(length));
    if (done >= 0) done = calls.map(file.get(), length, &times.address);
    if (done < 0) {
      times.address = nullptr;
      throw errnoError("mapping '" + path_ + "/" + name + "'", -done);
    }
    times.length = length;
  }
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
  return static_cast<std::atomic<uint32_t>*>(times.address);
}

void SegmentFiles::removeAll() {
  FileCalls& calls = files_->calls();
  for (const std::string& name : names()) {
    if (!name.starts_with(kIndex) && !name.ends_with(kSegmentEnding) && !name.ends_with(kUsedEnding)) continue;
    int removed = calls.unlink(folder_.get(), name.c_str());
    if (removed < 0 && removed != -ENOENT) throw errnoError("removing '" + path_ + "/" + name + "'", -removed);
  }
}

}  // namespace hicache
