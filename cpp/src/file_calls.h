// SPDX-License-Identifier: Apache-2.0
//
// The system calls of file_manager, so that a fake can make the Nth one fail.
// Every call that can fail returns a value >= 0, or -errno.
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hicache {

enum class ByteLock { kNone, kShared, kExclusive };

// Threads: safe from any number of threads.
class FileCalls {
 public:
  virtual ~FileCalls() = default;

  // Opens path below directory without leaving it and without following a symbolic link in any part.
  virtual int openBeneath(int directory, const char* path, int flags, mode_t mode) = 0;
  // Opens an absolute path as the caller wrote it.
  virtual int openPath(const char* path, int flags, mode_t mode) = 0;
  virtual int close(int fd) = 0;
  virtual int status(int fd, struct stat* result) = 0;
  // Of a name in a directory, without opening it and without following a symbolic link.
  virtual int statusAt(int directory, const char* name, struct stat* result) = 0;
  // Of the file system below a descriptor.
  virtual int space(int fd, struct statvfs* result) = 0;
  // The time of the last change stays as it is.
  virtual int setAccessTime(int fd, const struct timespec& time) = 0;
  virtual int truncate(int fd, int64_t length) = 0;
  // Makes a file at least that long, with its space taken where the file system can.
  virtual int allocate(int fd, int64_t length) = 0;
  // Returns once what was written to the file is on the disk.
  virtual int syncData(int fd) = 0;
  virtual int64_t readAt(int fd, void* data, size_t length, int64_t offset) = 0;
  virtual int64_t writeAt(int fd, const void* data, size_t length, int64_t offset) = 0;

  // Extended attributes. get returns the number of bytes.
  virtual int setAttribute(int fd, const char* name, const void* value, size_t length) = 0;
  virtual int64_t getAttribute(int fd, const char* name, void* value, size_t capacity) = 0;
  // Of a file in a directory, without opening it and without following a symbolic link; -ENOSYS where the kernel cannot.
  virtual int64_t getAttributeAt(int directory, const char* file, const char* name, void* value, size_t capacity) = 0;

  virtual int makeDirectory(int directory, const char* name, mode_t mode) = 0;
  virtual int removeDirectory(int directory, const char* name) = 0;
  virtual int rename(int from_directory, const char* from, int to_directory, const char* to) = 0;
  // Within one directory: -EEXIST when something has the new name; -EINVAL where the file system cannot tell at once.
  virtual int renameNew(int directory, const char* from, const char* to) = 0;
  // Within one directory: swaps two names at once; -ENOENT when either is missing, -EINVAL where the file system cannot.
  virtual int exchange(int directory, const char* one, const char* other) = 0;
  virtual int unlink(int directory, const char* name) = 0;
  // Names in a directory, without . and .., in no order.
  virtual int list(int directory, std::vector<std::string>* names) = 0;
  // Takes an exclusive advisory lock: 0, or -EWOULDBLOCK when another open file holds it.
  virtual int tryLock(int fd) = 0;
  // Locks one byte for this open file, changes that lock, or lets it go: 0, or -EAGAIN when another open file is in the way.
  virtual int tryLockByte(int fd, int64_t byte, ByteLock lock) = 0;

  // Maps the first bytes of a file, shared with all who map it.
  virtual int map(int fd, size_t length, void** address) = 0;
  virtual int unmap(void* address, size_t length) = 0;
};

// The real ones, shared by the process.
std::shared_ptr<FileCalls> realFileCalls();

// An open descriptor, closed at the end of its scope.
class FileHandle {
 public:
  FileHandle() = default;
  FileHandle(FileCalls* calls, int fd) : calls_(calls), fd_(fd) {}
  FileHandle(FileHandle&& other) noexcept : calls_(other.calls_), fd_(other.fd_) { other.fd_ = -1; }
  FileHandle& operator=(FileHandle&& other) noexcept {
    if (this != &other) {
      reset();
      calls_ = other.calls_;
      fd_ = other.fd_;
      other.fd_ = -1;
    }
    return *this;
  }
  ~FileHandle() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  // Gives the descriptor away.
  int take() { return std::exchange(fd_, -1); }
  void reset() {
    if (fd_ >= 0) calls_->close(fd_);
    fd_ = -1;
  }

 private:
  FileCalls* calls_ = nullptr;
  int fd_ = -1;
};

}  // namespace hicache
