// SPDX-License-Identifier: Apache-2.0
#include "private_mounts.h"

#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <exception>
#include <system_error>
#include <thread>

namespace hicache {
namespace {

std::string mountPrivately(const std::string& directory, size_t bytes) {
  auto refusal = [](const char* call) { return std::string(call) + ": " + std::generic_category().message(errno); };
  if (::unshare(CLONE_NEWNS) != 0) return refusal("unshare");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return refusal("making mounts private");
  const std::string options = "size=" + std::to_string(bytes) + ",mode=0700";
  if (::mount("hicache-test", directory.c_str(), "tmpfs", 0, options.c_str()) != 0) return refusal("mounting tmpfs");
  return "";
}

}  // namespace

std::string withSmallDisk(const std::string& directory, size_t bytes, const std::function<void()>& body) {
  std::string refused;
  std::exception_ptr thrown;
  std::thread thread([&] {
    refused = mountPrivately(directory, bytes);
    if (!refused.empty()) return;
    try {
      body();
    } catch (...) {
      thrown = std::current_exception();
    }
    ::umount2(directory.c_str(), MNT_DETACH);
  });
  thread.join();
  if (thrown != nullptr) std::rethrow_exception(thrown);
  return refused;
}

void setReadOnly(const std::string& directory, bool read_only) {
  unsigned long flags = MS_REMOUNT | (read_only ? MS_RDONLY : 0);
  if (::mount("none", directory.c_str(), nullptr, flags, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "remounting " + directory);
  }
}

}  // namespace hicache
