// SPDX-License-Identifier: Apache-2.0
#include "file_calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace hicache {
namespace {

template <typename Result>
Result orErrno(Result result) {
  return result >= 0 ? result : -errno;
}

class RealFileCalls final : public FileCalls {
 public:
  int openBeneath(int directory, const char* path, int flags, mode_t mode) override {
    if (openat2_works_.load(std::memory_order_relaxed)) {
      struct open_how how = {};
      how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
      how.mode = (flags & O_CREAT) != 0 ? mode : 0;
      how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
      int fd = static_cast<int>(syscall(SYS_openat2, directory, path, &how, sizeof(how)));
      if (fd >= 0) return fd;
      // Old kernels lack the call, and some container profiles deny it. A denied file fails again below, with its true cause.
      if (errno != ENOSYS && errno != EPERM) return -errno;
      if (errno == ENOSYS) openat2_works_.store(false, std::memory_order_relaxed);
    }
    return openPartByPart(directory, path, flags, mode);
  }

  int openPath(const char* path, int flags, mode_t mode) override { return orErrno(::open(path, flags | O_CLOEXEC, mode)); }
  int close(int fd) override { return orErrno(::close(fd)); }
  int status(int fd, struct stat* result) override { return orErrno(::fstat(fd, result)); }
  int statusAt(int directory, const char* name, struct stat* result) override {
    return orErrno(::fstatat(directory, name, result, AT_SYMLINK_NOFOLLOW));
  }
  int space(int fd, struct statvfs* result) override { return orErrno(::fstatvfs(fd, result)); }
  int setAccessTime(int fd, const struct timespec& time) override {
    const struct timespec times[2] = {time, {0, UTIME_OMIT}};
    return orErrno(::futimens(fd, times));
  }
  int truncate(int fd, int64_t length) override { return orErrno(::ftruncate(fd, length)); }
  int allocate(int fd, int64_t length) override {
    int done = orErrno(::fallocate(fd, 0, 0, length));
    return done == -EOPNOTSUPP ? truncate(fd, length) : done;
  }
  int syncData(int fd) override { return orErrno(::fdatasync(fd)); }
  int64_t readAt(int fd, void* data, size_t length, int64_t offset) override {
    return orErrno<int64_t>(::pread(fd, data, length, offset));
  }
  int64_t writeAt(int fd, const void* data, size_t length, int64_t offset) override {
    return orErrno<int64_t>(::pwrite(fd, data, length, offset));
  }
  int setAttribute(int fd, const char* name, const void* value, size_t length) override {
    return orErrno(::fsetxattr(fd, name, value, length, 0));
  }
  int64_t getAttribute(int fd, const char* name, void* value, size_t capacity) override {
    return orErrno<int64_t>(::fgetxattr(fd, name, value, capacity));
  }
  int64_t getAttributeAt(int directory, const char* file, const char* name, void* value, size_t capacity) override {
    // Since Linux 6.13; the C library has no wrapper yet.
    constexpr long kGetxattrat = 464;
    struct {
      uint64_t value;
      uint32_t size;
      uint32_t flags;
    } arguments = {reinterpret_cast<uint64_t>(value), static_cast<uint32_t>(capacity), 0};
    if (!getxattrat_works_.load(std::memory_order_relaxed)) return -ENOSYS;
    long size = syscall(kGetxattrat, directory, file, AT_SYMLINK_NOFOLLOW, name, &arguments, sizeof(arguments));
    if (size >= 0) return size;
    // Container profiles deny calls that they do not know.
    if (errno != ENOSYS && errno != EPERM) return -errno;
    getxattrat_works_.store(false, std::memory_order_relaxed);
    return -ENOSYS;
  }
  int makeDirectory(int directory, const char* name, mode_t mode) override { return orErrno(::mkdirat(directory, name, mode)); }
  int removeDirectory(int directory, const char* name) override { return orErrno(::unlinkat(directory, name, AT_REMOVEDIR)); }
  int rename(int from_directory, const char* from, int to_directory, const char* to) override {
    return orErrno(::renameat(from_directory, from, to_directory, to));
  }
  int renameNew(int directory, const char* from, const char* to) override {
    return orErrno(::renameat2(directory, from, directory, to, RENAME_NOREPLACE));
  }
  int exchange(int directory, const char* one, const char* other) override {
    return orErrno(::renameat2(directory, one, directory, other, RENAME_EXCHANGE));
  }
  int unlink(int directory, const char* name) override { return orErrno(::unlinkat(directory, name, 0)); }

  int list(int directory, std::vector<std::string>* names) override {
    int fd = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    DIR* stream = ::fdopendir(fd);
    if (stream == nullptr) {
      int error = errno;
      ::close(fd);
      return -error;
    }
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) {
      if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) names->emplace_back(entry->d_name);
      errno = 0;
    }
    int error = errno;
    ::closedir(stream);
    return -error;
  }

  int tryLock(int fd) override { return orErrno(::flock(fd, LOCK_EX | LOCK_NB)); }

  int tryLockByte(int fd, int64_t byte, ByteLock lock) override {
    struct flock range = {};
    range.l_type = lock == ByteLock::kNone ? F_UNLCK : lock == ByteLock::kShared ? F_RDLCK : F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = byte;
    range.l_len = 1;
    int locked = orErrno(::fcntl(fd, F_OFD_SETLK, &range));
    return locked == -EACCES ? -EAGAIN : locked;
  }

  int map(int fd, size_t length, void** address) override {
    void* mapped = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) return -errno;
    *address = mapped;
    return 0;
  }
  int unmap(void* address, size_t length) override { return orErrno(::munmap(address, length)); }

 private:
  // The same promise as openat2 without it: each part is opened on its own, a link in any part is an error, and so is a way up.
  static int openPartByPart(int directory, const char* path, int flags, mode_t mode) {
    int parent = directory;
    const char* part = path;
    while (const char* slash = std::strchr(part, '/')) {
      std::string name(part, slash);
      if (name.empty() || name == "..") {
        if (parent != directory) ::close(parent);
        return -EXDEV;
      }
      int next = ::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      int error = errno;
      if (parent != directory) ::close(parent);
      if (next < 0) return -error;
      parent = next;
      part = slash + 1;
    }
    bool leaves = std::strcmp(part, "..") == 0;
    int fd = leaves ? -1 : ::openat(parent, part, flags | O_NOFOLLOW | O_CLOEXEC, mode);
    int error = leaves ? EXDEV : errno;
    if (parent != directory) ::close(parent);
    return fd >= 0 ? fd : -error;
  }

  std::atomic<bool> openat2_works_{true};
  std::atomic<bool> getxattrat_works_{true};
};

}  // namespace

std::shared_ptr<FileCalls> realFileCalls() {
  static const std::shared_ptr<FileCalls> calls = std::make_shared<RealFileCalls>();
  return calls;
}

}  // namespace hicache
