// SPDX-License-Identifier: Apache-2.0
//
// The file calls with faults: hands them to the real ones, and on command makes the Nth fail, or one kind of them, or hang.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "file_calls.h"

namespace hicache {

// Threads: safe from any number of threads.
class FaultyFiles final : public FileCalls {
 public:
  enum class Kind {
    kNone,
    kOpenBeneath,
    kOpenPath,
    kClose,
    kStatus,
    kStatusAt,
    kSpace,
    kSetAccessTime,
    kTruncate,
    kAllocate,
    kSyncData,
    kReadAt,
    kWriteAt,
    kSetAttribute,
    kGetAttribute,
    kGetAttributeAt,
    kMakeDirectory,
    kRemoveDirectory,
    kRename,
    kRenameNew,
    kExchange,
    kUnlink,
    kList,
    kTryLock,
    kTryLockByte,
    kMap,
    kUnmap
  };

  // The nth call from now on (the first is 1) fails with this errno.
  void failCall(int64_t nth, int error_number);
  // This process dies, as by kill -9, before the nth call from now on that changes a file, a name or a lock. 0: it lives on.
  void dieAtChange(int64_t nth);
  // True once that call has come.
  bool hasFailed() const;
  // Every call of this kind fails from now on; kNone ends it.
  void failKind(Kind kind, int error_number);
  // The next call of this kind waits for letGo; then it goes on.
  void hang(Kind kind);
  bool hangs() const;
  void letGo();

  // How many calls of a kind there were.
  int64_t countOf(Kind kind) const;

  // Descriptors opened and not closed through this object.
  int64_t openCount() const;

  int openBeneath(int directory, const char* path, int flags, mode_t mode) override;
  int openPath(const char* path, int flags, mode_t mode) override;
  int close(int fd) override;
  int status(int fd, struct stat* result) override;
  int statusAt(int directory, const char* name, struct stat* result) override;
  int space(int fd, struct statvfs* result) override;
  int setAccessTime(int fd, const struct timespec& time) override;
  int truncate(int fd, int64_t length) override;
  int allocate(int fd, int64_t length) override;
  int syncData(int fd) override;
  int64_t readAt(int fd, void* data, size_t length, int64_t offset) override;
  int64_t writeAt(int fd, const void* data, size_t length, int64_t offset) override;
  int setAttribute(int fd, const char* name, const void* value, size_t length) override;
  int64_t getAttribute(int fd, const char* name, void* value, size_t capacity) override;
  int64_t getAttributeAt(int directory, const char* file, const char* name, void* value, size_t capacity) override;
  int makeDirectory(int directory, const char* name, mode_t mode) override;
  int removeDirectory(int directory, const char* name) override;
  int rename(int from_directory, const char* from, int to_directory, const char* to) override;
  int renameNew(int directory, const char* from, const char* to) override;
  int exchange(int directory, const char* one, const char* other) override;
  int unlink(int directory, const char* name) override;
  int list(int directory, std::vector<std::string>* names) override;
  int tryLock(int fd) override;
  int tryLockByte(int fd, int64_t byte, ByteLock lock) override;
  int map(int fd, size_t length, void** address) override;
  int unmap(void* address, size_t length) override;

 private:
  // The errno to fail with now, 0 to go on.
  int errorNow(Kind kind);
  int countOpen(int fd);

  const std::shared_ptr<FileCalls> real_ = realFileCalls();

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable let_go_;
  int64_t calls_until_failure_ = 0;  // 0: none is to come
  int call_error_ = 0;
  int64_t changes_until_death_ = 0;
  std::map<Kind, int64_t> counts_;
  bool has_failed_ = false;
  Kind failing_kind_ = Kind::kNone;
  int kind_error_ = 0;
  Kind hanging_kind_ = Kind::kNone;
  bool hangs_ = false;
  int64_t open_count_ = 0;
};

}  // namespace hicache
