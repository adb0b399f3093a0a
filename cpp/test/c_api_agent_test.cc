// SPDX-License-Identifier: Apache-2.0
//
// Agents, registrations and plain files at the C boundary.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "c_settings.h"

namespace hicache {
namespace {

namespace fs = std::filesystem;

class CApiAgentTest : public StoreFixture {
 protected:
  hicache_agent* createAgent(const std::string& name = "agent") {
    hicache_agent* agent = hicache_agent_create(bytesOf(name), static_cast<int32_t>(name.size()), &error_);
    EXPECT_NE(agent, nullptr) << messageOf(error_);
    return agent;
  }
  int32_t select(hicache_agent* agent, const SettingPairs& pairs) {
    const std::string blob = settingsBlob(pairs);
    return hicache_agent_select_backend(agent, bytesOf(blob), static_cast<int64_t>(blob.size()), &error_);
  }
  hicache_agent* createWithPosix() {
    hicache_agent* agent = createAgent();
    EXPECT_EQ(select(agent, {{"backend", "POSIX"}, {"probe_dir", memory_.path()}}), 1) << messageOf(error_);
    return agent;
  }
  hicache_registration* registerPage(hicache_agent* agent, const PageMemory& page, int32_t type = HICACHE_MEMORY_DRAM) {
    const int64_t address = reinterpret_cast<int64_t>(page.data());
    const int64_t length = static_cast<int64_t>(page.size());
    const int64_t device = 0;
    return hicache_register(agent, type, 1, &address, &length, &device, nullptr, nullptr, &error_);
  }
  int32_t openFile(const std::string& path, int32_t create = 0) {
    return hicache_file_open(bytesOf(path), static_cast<int32_t>(path.size()), create, &error_);
  }

  hicache_error error_ = {};
  const PageMemory page_{8192};
};

TEST_F(CApiAgentTest, shouldDescribeTheBackendThatItGot) {
  hicache_agent* agent = createWithPosix();
  const std::string blob =
      filled([&](int8_t* text, int64_t capacity) { return hicache_agent_describe(agent, text, capacity); });
  EXPECT_EQ(valueIn(blob, "backend"), "POSIX");
  EXPECT_EQ(valueIn(blob, "nixl_plugin"), "POSIX");
  EXPECT_EQ(valueIn(blob, "storage_memory_type"), "FILE");
  EXPECT_EQ(valueIn(blob, "candidate.0.state"), "selected");
  EXPECT_EQ(select(agent, {{"backend", "POSIX"}}), 0);
  EXPECT_EQ(error_.code, HICACHE_INVALID_ARGUMENT);
  EXPECT_NE(messageOf(error_).find("already has the backend POSIX"), std::string::npos);
  hicache_agent_free(agent);
}

TEST_F(CApiAgentTest, shouldTakeAnyTextAsAName) {
  for (const std::string& name :
       {std::string(), std::string("a/b"), std::string("x\0y", 3), std::string("漢字"), std::string(2000, 'n')}) {
    hicache_agent_free(createAgent(name));
  }
  hicache_agent_free(hicache_agent_create(nullptr, 10, &error_));
}

TEST_F(CApiAgentTest, shouldSayWhatIsMissing) {
  hicache_agent* agent = createAgent();
  EXPECT_EQ(registerPage(agent, page_), nullptr);
  EXPECT_EQ(error_.code, HICACHE_INVALID_ARGUMENT);
  EXPECT_NE(messageOf(error_).find("has no backend: select one first"), std::string::npos);
  EXPECT_EQ(select(agent, {{"backend", "GDS"}}), 0);
  EXPECT_EQ(error_.code, HICACHE_BACKEND_UNAVAILABLE);
  EXPECT_NE(messageOf(error_).find("GDS: "), std::string::npos);
  EXPECT_EQ(select(agent, {{"backend", "POSIX"}, {"probe_dir", disk_ / "none"}}), 0);
  EXPECT_EQ(error_.code, HICACHE_BACKEND_UNAVAILABLE) << messageOf(error_);
  EXPECT_EQ(select(agent, {{"colour", "blue"}}), 0);
  EXPECT_EQ(error_.code, HICACHE_INVALID_ARGUMENT);
  EXPECT_EQ(hicache_agent_select_backend(agent, bytesOf("x"), 1, nullptr), 0);
  EXPECT_EQ(valueIn(filled([&](int8_t* t, int64_t n) { return hicache_agent_describe(agent, t, n); }), "backend"), "");
  EXPECT_EQ(select(agent, {{"backend", "POSIX"}}), 1) << "what failed before does not stand in the way";
  hicache_agent_free(agent);
}

TEST_F(CApiAgentTest, shouldFreeRegistrationsInEitherOrder) {
  hicache_agent* agent = createWithPosix();
  hicache_registration* first = registerPage(agent, page_);
  hicache_registration* second = registerPage(agent, page_);
  hicache_registration* third = registerPage(agent, page_);
  ASSERT_TRUE(first != nullptr && second != nullptr && third != nullptr) << messageOf(error_);
  hicache_deregister(second);
  hicache_agent_free(agent);  // deregisters the two that are left
  hicache_deregister(third);
  hicache_deregister(first);
}

TEST_F(CApiAgentTest, shouldRegisterMemoryAndFilesTogether) {
  hicache_agent* agent = createWithPosix();
  const int64_t addresses[] = {reinterpret_cast<int64_t>(page_.data()), reinterpret_cast<int64_t>(page_.data()) + 100};
  const int64_t lengths[] = {100, 8092};
  const int64_t devices[] = {0, 0};
  hicache_registration* memory =
      hicache_register(agent, HICACHE_MEMORY_DRAM, 2, addresses, lengths, devices, nullptr, nullptr, &error_);
  EXPECT_NE(memory, nullptr) << messageOf(error_);
  int32_t fd = openFile(disk_ / "file", 1);
  ASSERT_GE(fd, 0);
  const int64_t zero = 0;
  const int64_t descriptor = fd;
  hicache_registration* file =
      hicache_register(agent, HICACHE_MEMORY_FILE, 1, &zero, &zero, &descriptor, nullptr, nullptr, &error_);
  EXPECT_NE(file, nullptr) << messageOf(error_);
  hicache_deregister(memory);
  hicache_deregister(file);
  hicache_agent_free(agent);
  EXPECT_EQ(hicache_file_close(fd, &error_), 1);
}

TEST_F(CApiAgentTest, shouldRefuseARegistrationThatMakesNoSense) {
  hicache_agent* agent = createWithPosix();
  const int64_t number = 4096;
  const int64_t device = 0;
  const int32_t negative = -3;
  auto refused = [&](hicache_registration* registration, int32_t code) {
    EXPECT_EQ(registration, nullptr);
    EXPECT_EQ(error_.code, code) << messageOf(error_);
    error_ = {};
    hicache_deregister(registration);
  };
  refused(hicache_register(agent, HICACHE_MEMORY_DRAM, -1, &number, &number, &device, nullptr, nullptr, &error_),
          HICACHE_INVALID_ARGUMENT);
  refused(hicache_register(agent, HICACHE_MEMORY_DRAM, 0, nullptr, nullptr, nullptr, nullptr, nullptr, &error_),
          HICACHE_INVALID_ARGUMENT);
  refused(hicache_register(agent, HICACHE_MEMORY_DRAM, 1, nullptr, &number, &device, nullptr, nullptr, &error_),
          HICACHE_INVALID_ARGUMENT);
  refused(hicache_register(agent, HICACHE_MEMORY_DRAM, 1, &number, nullptr, &device, nullptr, nullptr, &error_),
          HICACHE_INVALID_ARGUMENT);
  refused(hicache_register(agent, HICACHE_MEMORY_DRAM, 1, &number, &number, nullptr, nullptr, nullptr, &error_),
          HICACHE_INVALID_ARGUMENT);
  refused(hicache_register(agent, HICACHE_MEMORY_OBJECT, 1, &number, &number, &device, bytesOf("k"), &negative, &error_),
          HICACHE_INVALID_ARGUMENT);
  refused(hicache_register(agent, 99, 1, &number, &number, &device, nullptr, nullptr, &error_), HICACHE_INVALID_ARGUMENT);
  refused(registerPage(agent, page_, HICACHE_MEMORY_OBJECT), HICACHE_TRANSFER_FAILED);  // POSIX has no objects
  refused(registerPage(agent, page_, HICACHE_MEMORY_VRAM), HICACHE_TRANSFER_FAILED);
  hicache_agent_free(agent);
}

TEST_F(CApiAgentTest, shouldOpenRegularFilesOnly) {
  EXPECT_EQ(openFile(disk_ / "file"), -1);
  EXPECT_EQ(error_.code, HICACHE_NOT_FOUND);
  EXPECT_EQ(error_.error_number, ENOENT);
  int32_t fd = openFile(disk_ / "file", 1);
  ASSERT_GE(fd, 0) << messageOf(error_);
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(::pwrite(fd, "x", 1, 0), 1);
  EXPECT_EQ(hicache_file_close(fd, &error_), 1);
  EXPECT_EQ(hicache_file_close(fd, &error_), 0);
  EXPECT_EQ(error_.error_number, EBADF);
  EXPECT_EQ(hicache_file_close(-1, nullptr), 0);
  fd = openFile(disk_ / "file", 1);
  EXPECT_EQ(fileSize(disk_ / "file"), 1) << "an existing file keeps its bytes";
  EXPECT_EQ(hicache_file_close(fd, &error_), 1);

  fs::create_symlink(disk_ / "file", disk_ / "link");
  fs::create_symlink(disk_ / "nowhere", disk_ / "dangling");
  ASSERT_EQ(::mkfifo((disk_ / "pipe").c_str(), 0600), 0);
  for (const std::string& path : {disk_ / "link", disk_ / "dangling", disk_ / "pipe", disk_.path(), std::string("/dev/zero")}) {
    for (int32_t create : {0, 1}) {
      error_ = {};
      EXPECT_EQ(openFile(path, create), -1) << path;
      EXPECT_EQ(error_.code, HICACHE_IO) << messageOf(error_);
    }
  }
  EXPECT_FALSE(fileExists(disk_ / "nowhere"));
  for (const std::string& path : {std::string(), std::string("a\0b", 3)}) {
    EXPECT_EQ(openFile(path, 1), -1);
    EXPECT_EQ(error_.code, HICACHE_INVALID_ARGUMENT);
  }
  EXPECT_EQ(hicache_file_open(nullptr, 5, 1, &error_), -1);
}

TEST_F(CApiAgentTest, shouldKnowWhereMemoryLives) {
  int32_t device = -1;
  EXPECT_EQ(hicache_memory_type_of(reinterpret_cast<int64_t>(page_.data()), &device), HICACHE_MEMORY_DRAM);
  EXPECT_EQ(device, 0);
  EXPECT_EQ(hicache_memory_type_of(0, nullptr), HICACHE_MEMORY_DRAM);
  int8_t reason[64];
  for (int32_t capacity : {64, 5, 1}) {
    std::memset(reason, '#', sizeof(reason));
    const int32_t count = hicache_cuda_device_count(reason, capacity);
    EXPECT_GE(count, 0);
    const size_t length = ::strnlen(reinterpret_cast<const char*>(reason), sizeof(reason));
    EXPECT_LT(length, static_cast<size_t>(capacity)) << "not terminated";
    EXPECT_EQ(count == 0 && capacity > 1, length > 0);
  }
  hicache_cuda_device_count(nullptr, 0);
}

}  // namespace
}  // namespace hicache
