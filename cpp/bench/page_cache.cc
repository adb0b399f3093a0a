// SPDX-License-Identifier: Apache-2.0
#include "page_cache.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "page_store.h"

namespace hicache::bench {
namespace {

class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

[[noreturn]] void fail(const std::string& what, const std::string& path, int error) {
  throw StoreError("--cold: " + what + " " + path + ": " + std::strerror(error));
}

int64_t cachedBytes(int fd, int64_t length, const std::string& path) {
  if (length == 0) return 0;
  const auto bytes = static_cast<size_t>(length);
  void* mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) fail("mapping", path, errno);
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((bytes + page - 1) / page);
  const int failed = ::mincore(mapped, bytes, resident.data()) == 0 ? 0 : errno;
  ::munmap(mapped, bytes);
  if (failed != 0) fail("looking at the cache of", path, failed);
  const auto count = std::count_if(resident.begin(), resident.end(), [](unsigned char bits) { return (bits & 1) != 0; });
  return std::min(length, static_cast<int64_t>(count) * static_cast<int64_t>(page));
}

}  // namespace

CacheDrop dropFromCache(const std::vector<std::string>& paths) {
  CacheDrop drop;
  bool in_memory = false;
  int refusal = 0;
  for (const std::string& path : paths) {
    const File file(path);
    if (file.fd() < 0 && errno == ENOENT) continue;
    if (file.fd() < 0) fail("opening", path, errno);
    struct stat status = {};
    struct statfs system = {};
    if (::fstat(file.fd(), &status) != 0 || ::fstatfs(file.fd(), &system) != 0) fail("looking at", path, errno);
    if (::fdatasync(file.fd()) != 0) fail("syncing", path, errno);  // what is dirty is not dropped
    if (const int refused = ::posix_fadvise(file.fd(), 0, 0, POSIX_FADV_DONTNEED); refused != 0) refusal = refused;
    in_memory = in_memory || system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC;
    ++drop.files;
    drop.bytes += status.st_size;
    drop.bytes_left += cachedBytes(file.fd(), status.st_size, path);
  }
  if (drop.bytes_left == 0) return drop;
  drop.problem = in_memory      ? "the directory is in memory, its files are never cold; take one on a disk"
                 : refusal != 0 ? std::string("the file system refused: ") + std::strerror(refusal)
                                : "the file system keeps them, or another process uses the files";
  return drop;
}

}  // namespace hicache::bench
