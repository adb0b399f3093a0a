// SPDX-License-Identifier: Apache-2.0
#include "private_mounts.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <thread>

#include "child_process.h"

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

void onSmallDisk(const std::string& directory, size_t bytes, const std::function<void()>& body) {
  const std::string refused = withSmallDisk(directory, bytes, body);
  if (refused.empty()) return;
  static const bool in_child = std::getenv("HICACHE_TEST_IN_NAMESPACE") != nullptr;
  if (in_child || ::geteuid() == 0) GTEST_SKIP() << "no private mounts: " << refused;
  const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
  std::string output;
  ::setenv("HICACHE_TEST_IN_NAMESPACE", "1", 1);
  bool passed = passInChild("", std::string(test->test_suite_name()) + "." + test->name(), &output,
                            {"unshare", "--user", "--map-root-user", "--mount"});
  ::unsetenv("HICACHE_TEST_IN_NAMESPACE");
  if (output.find("[ RUN ") == std::string::npos) GTEST_SKIP() << "no private mounts: " << refused;
  EXPECT_TRUE(passed) << output;
}

void noteEveryRead(const std::string& directory) {
  if (::mount("none", directory.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_STRICTATIME, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "remounting " + directory);
  }
}

void setReadOnly(const std::string& directory, bool read_only) {
  unsigned long flags = MS_REMOUNT | (read_only ? MS_RDONLY : 0);
  if (::mount("none", directory.c_str(), nullptr, flags, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "remounting " + directory);
  }
}

void holdInPlace(const std::string& file) {
  if (::mount(file.c_str(), file.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "mounting '" + file + "' on itself");
  }
}

}  // namespace hicache
