// SPDX-License-Identifier: Apache-2.0
#include "faulty_files.h"

#include <signal.h>

namespace hicache {
namespace {

bool isChange(FaultyFiles::Kind kind) {
  switch (kind) {
    case FaultyFiles::Kind::kTruncate:
    case FaultyFiles::Kind::kAllocate:
    case FaultyFiles::Kind::kWriteAt:
    case FaultyFiles::Kind::kSetAccessTime:
    case FaultyFiles::Kind::kSetAttribute:
    case FaultyFiles::Kind::kMakeDirectory:
    case FaultyFiles::Kind::kRename:
    case FaultyFiles::Kind::kRenameNew:
    case FaultyFiles::Kind::kExchange:
    case FaultyFiles::Kind::kUnlink:
    case FaultyFiles::Kind::kTryLock:
    case FaultyFiles::Kind::kTryLockByte:
      return true;
    default:
      return false;
  }
}

}  // namespace

void FaultyFiles::failCall(int64_t nth, int error_number) {
  std::lock_guard<std::mutex> lock(mutex_);
  calls_until_failure_ = nth;
  call_error_ = error_number;
  has_failed_ = false;
}

void FaultyFiles::dieAtChange(int64_t nth) {
  std::lock_guard<std::mutex> lock(mutex_);
  changes_until_death_ = nth;
}

bool FaultyFiles::hasFailed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return has_failed_;
}

void FaultyFiles::failKind(Kind kind, int error_number) {
  std::lock_guard<std::mutex> lock(mutex_);
  failing_kind_ = kind;
  kind_error_ = error_number;
}

void FaultyFiles::hang(Kind kind) {
  std::lock_guard<std::mutex> lock(mutex_);
  hanging_kind_ = kind;
}

bool FaultyFiles::hangs() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return hangs_;
}

void FaultyFiles::letGo() {
  std::lock_guard<std::mutex> lock(mutex_);
  hanging_kind_ = Kind::kNone;
  hangs_ = false;
  let_go_.notify_all();
}

int64_t FaultyFiles::countOf(Kind kind) const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = counts_.find(kind);
  return found == counts_.end() ? 0 : found->second;
}

int64_t FaultyFiles::openCount() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return open_count_;
}

int FaultyFiles::errorNow(Kind kind) {
  std::unique_lock<std::mutex> lock(mutex_);
  ++counts_[kind];
  if (hanging_kind_ == kind) {
    hanging_kind_ = Kind::kNone;
    hangs_ = true;
    let_go_.wait(lock, [this] { return !hangs_; });
  }
  if (changes_until_death_ != 0 && isChange(kind) && --changes_until_death_ == 0) ::raise(SIGKILL);
  if (calls_until_failure_ != 0 && --calls_until_failure_ == 0) {
    has_failed_ = true;
    return call_error_;
  }
  return failing_kind_ == kind ? kind_error_ : 0;
}

int FaultyFiles::countOpen(int fd) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (fd >= 0) ++open_count_;
  return fd;
}

int FaultyFiles::openBeneath(int directory, const char* path, int flags, mode_t mode) {
  int error = errorNow(Kind::kOpenBeneath);
  return error != 0 ? -error : countOpen(real_->openBeneath(directory, path, flags, mode));
}

int FaultyFiles::openPath(const char* path, int flags, mode_t mode) {
  int error = errorNow(Kind::kOpenPath);
  return error != 0 ? -error : countOpen(real_->openPath(path, flags, mode));
}

int FaultyFiles::close(int fd) {
  // The kernel gives the descriptor up even where it reports an error.
  int error = errorNow(Kind::kClose);
  int closed = real_->close(fd);
  if (closed == 0) {
    std::lock_guard<std::mutex> lock(mutex_);
    --open_count_;
  }
  return error != 0 ? -error : closed;
}

int FaultyFiles::status(int fd, struct stat* result) {
  int error = errorNow(Kind::kStatus);
  return error != 0 ? -error : real_->status(fd, result);
}

int FaultyFiles::statusAt(int directory, const char* name, struct stat* result) {
  int error = errorNow(Kind::kStatusAt);
  return error != 0 ? -error : real_->statusAt(directory, name, result);
}

int FaultyFiles::space(int fd, struct statvfs* result) {
  int error = errorNow(Kind::kSpace);
  return error != 0 ? -error : real_->space(fd, result);
}

int FaultyFiles::setAccessTime(int fd, const struct timespec& time) {
  int error = errorNow(Kind::kSetAccessTime);
  return error != 0 ? -error : real_->setAccessTime(fd, time);
}

int FaultyFiles::truncate(int fd, int64_t length) {
  int error = errorNow(Kind::kTruncate);
  return error != 0 ? -error : real_->truncate(fd, length);
}

int FaultyFiles::allocate(int fd, int64_t length) {
  int error = errorNow(Kind::kAllocate);
  return error != 0 ? -error : real_->allocate(fd, length);
}

int FaultyFiles::syncData(int fd) {
  int error = errorNow(Kind::kSyncData);
  return error != 0 ? -error : real_->syncData(fd);
}

int64_t FaultyFiles::readAt(int fd, void* data, size_t length, int64_t offset) {
  int error = errorNow(Kind::kReadAt);
  return error != 0 ? -error : real_->readAt(fd, data, length, offset);
}

int64_t FaultyFiles::writeAt(int fd, const void* data, size_t length, int64_t offset) {
  int error = errorNow(Kind::kWriteAt);
  return error != 0 ? -error : real_->writeAt(fd, data, length, offset);
}

int FaultyFiles::setAttribute(int fd, const char* name, const void* value, size_t length) {
  int error = errorNow(Kind::kSetAttribute);
  return error != 0 ? -error : real_->setAttribute(fd, name, value, length);
}

int64_t FaultyFiles::getAttribute(int fd, const char* name, void* value, size_t capacity) {
  int error = errorNow(Kind::kGetAttribute);
  return error != 0 ? -error : real_->getAttribute(fd, name, value, capacity);
}

int64_t FaultyFiles::getAttributeAt(int directory, const char* file, const char* name, void* value, size_t capacity) {
  int error = errorNow(Kind::kGetAttributeAt);
  return error != 0 ? -error : real_->getAttributeAt(directory, file, name, value, capacity);
}

int FaultyFiles::makeDirectory(int directory, const char* name, mode_t mode) {
  int error = errorNow(Kind::kMakeDirectory);
  return error != 0 ? -error : real_->makeDirectory(directory, name, mode);
}

int FaultyFiles::removeDirectory(int directory, const char* name) {
  int error = errorNow(Kind::kRemoveDirectory);
  return error != 0 ? -error : real_->removeDirectory(directory, name);
}

int FaultyFiles::rename(int from_directory, const char* from, int to_directory, const char* to) {
  int error = errorNow(Kind::kRename);
  return error != 0 ? -error : real_->rename(from_directory, from, to_directory, to);
}

int FaultyFiles::renameNew(int directory, const char* from, const char* to) {
  int error = errorNow(Kind::kRenameNew);
  return error != 0 ? -error : real_->renameNew(directory, from, to);
}

int FaultyFiles::exchange(int directory, const char* one, const char* other) {
  int error = errorNow(Kind::kExchange);
  return error != 0 ? -error : real_->exchange(directory, one, other);
}

int FaultyFiles::unlink(int directory, const char* name) {
  int error = errorNow(Kind::kUnlink);
  return error != 0 ? -error : real_->unlink(directory, name);
}

int FaultyFiles::list(int directory, std::vector<std::string>* names) {
  int error = errorNow(Kind::kList);
  return error != 0 ? -error : real_->list(directory, names);
}

int FaultyFiles::tryLock(int fd) {
  int error = errorNow(Kind::kTryLock);
  return error != 0 ? -error : real_->tryLock(fd);
}

int FaultyFiles::tryLockByte(int fd, int64_t byte, ByteLock lock) {
  int error = errorNow(Kind::kTryLockByte);
  return error != 0 ? -error : real_->tryLockByte(fd, byte, lock);
}

int FaultyFiles::map(int fd, size_t length, void** address) {
  int error = errorNow(Kind::kMap);
  return error != 0 ? -error : real_->map(fd, length, address);
}

int FaultyFiles::unmap(void* address, size_t length) {
  // The memory goes even where the call reports an error.
  int error = errorNow(Kind::kUnmap);
  int unmapped = real_->unmap(address, length);
  return error != 0 ? -error : unmapped;
}

}  // namespace hicache
