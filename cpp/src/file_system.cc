// SPDX-License-Identifier: Apache-2.0
#include "file_system.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <random>

namespace hicache {
namespace {

struct FileSystemMagic {
  unsigned long magic;
  const char* name;
};

constexpr FileSystemMagic kKnown[] = {
    {EXT4_SUPER_MAGIC, "ext4"},
    {XFS_SUPER_MAGIC, "xfs"},
    {BTRFS_SUPER_MAGIC, "btrfs"},
    {TMPFS_MAGIC, "tmpfs"},
    {RAMFS_MAGIC, "ramfs"},
    {NFS_SUPER_MAGIC, "nfs"},
    {OVERLAYFS_SUPER_MAGIC, "overlay"},
    {FUSE_SUPER_MAGIC, "fuse"},
    {F2FS_SUPER_MAGIC, "f2fs"},
    {0x2FC12FC1, "zfs"},
    {0x0BD00BD0, "lustre"},
    {0x47504653, "gpfs"},
};

}  // namespace

std::string fileSystemName(int fd) {
  struct statfs status = {};
  if (::fstatfs(fd, &status) != 0) return "unknown";
  for (const FileSystemMagic& known : kKnown) {
    if (static_cast<unsigned long>(status.f_type) == known.magic) return known.name;
  }
  char text[32];
  std::snprintf(text, sizeof(text), "0x%lx", static_cast<unsigned long>(status.f_type));
  return text;
}

bool isShared(std::string_view file_system) {
  constexpr std::string_view kShared[] = {"nfs", "cifs", "smb2", "9p", "ceph", "lustre", "gpfs", "afs", "fuse", "beegfs"};
  return std::any_of(std::begin(kShared), std::end(kShared),
                     [&](std::string_view name) { return file_system.starts_with(name); });
}

std::string bootId() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

uint64_t randomNumber() {
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

}  // namespace hicache
