// SPDX-License-Identifier: Apache-2.0
#include "backend_probe.h"

#include <fcntl.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "aligned_buffer.h"
#include "error.h"
#include "file_manager.h"
#include "file_system.h"
#include "object_answer.h"
#include "transfer_request.h"

namespace hicache {
namespace {

constexpr size_t kProbeBytes = 8192;
constexpr const char* kProbeObject = ".hicache-probe-";  // no page's name begins so; who lists a bucket removes old ones
constexpr std::chrono::seconds kProbePatience{5};

// A file that exists as long as this object.
class ProbeFile {
 public:
  explicit ProbeFile(const std::string& directory) : calls_(realFileCalls()) {
    path_ = directory + "/" + kProbePrefix + std::to_string(randomNumber());
    int fd = calls_->openPath(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd < 0) throw errnoError("making the self-test's file '" + path_ + "'", -fd);
    file_ = FileHandle(calls_.get(), fd);
  }
  ~ProbeFile() { calls_->unlink(AT_FDCWD, path_.c_str()); }
  ProbeFile(const ProbeFile&) = delete;
  ProbeFile& operator=(const ProbeFile&) = delete;

  uint64_t fd() const { return static_cast<uint64_t>(file_.get()); }
  void truncate(int64_t length) {
    int done = calls_->truncate(file_.get(), length);
    if (done < 0) throw errnoError("cutting the self-test's file '" + path_ + "'", -done);
  }

 private:
  std::shared_ptr<FileCalls> calls_;
  std::string path_;
  FileHandle file_;
};

// Moves kProbeBytes and returns how it ended. Does not return when the transfer does not end; then it leaks on purpose.
TransferRequest::State transfer(Agent& agent, TransferOperation operation, const AlignedBuffer& buffer,
                                const Descriptor& storage, MemoryType storage_type) {
  auto request =
      std::make_unique<TransferRequest>(agent, operation, std::vector<Descriptor>{{buffer.address(), kProbeBytes, 0}},
                                        std::vector<Descriptor>{storage}, TransferRequest::Registered(), storage_type);
  TransferRequest::State state = request->post();
  auto deadline = std::chrono::steady_clock::now() + kProbePatience;
  while (state == TransferRequest::State::kInFlight) {
    if (std::chrono::steady_clock::now() > deadline) {
      // In flight it may be neither released nor its agent destroyed: keep this thread, and all that it holds, out of the way.
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
    state = request->poll();
  }
  return state;
}

TransferRequest::State transfer(Agent& agent, TransferOperation operation, const AlignedBuffer& buffer, const ProbeFile& file) {
  return transfer(agent, operation, buffer, {0, kProbeBytes, file.fd()}, MemoryType::kFile);
}

void fillWithRandom(char (&bytes)[kProbeBytes]) {
  uint64_t state = randomNumber();
  for (char& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<char>(state >> 56);
  }
}

}  // namespace

void proveRoundTrip(Agent& agent, const std::string& directory) {
  ProbeFile file(directory);
  AlignedBuffer buffer(kProbeBytes);
  char expected[kProbeBytes];
  fillWithRandom(expected);
  void* data = reinterpret_cast<void*>(buffer.address());
  std::memcpy(data, expected, kProbeBytes);
  if (transfer(agent, TransferOperation::kWrite, buffer, file) != TransferRequest::State::kDone) {
    throw Error(HICACHE_TRANSFER_FAILED, "its self-test could not write to '" + directory + "'");
  }
  std::memset(data, 0, kProbeBytes);
  if (transfer(agent, TransferOperation::kRead, buffer, file) != TransferRequest::State::kDone) {
    throw Error(HICACHE_TRANSFER_FAILED, "its self-test could not read from '" + directory + "'");
  }
  if (std::memcmp(data, expected, kProbeBytes) != 0) {
    throw Error(HICACHE_CORRUPT, "its self-test read back other bytes than it wrote in '" + directory + "'");
  }
}

void proveShortReadFails(Agent& agent, const std::string& directory) {
  ProbeFile file(directory);
  file.truncate(1);
  AlignedBuffer buffer(kProbeBytes);
  if (transfer(agent, TransferOperation::kRead, buffer, file) == TransferRequest::State::kDone) {
    throw Error(HICACHE_UNSUPPORTED, "this NIXL reports a short read as success; version 1.5.1 or newer is needed");
  }
}

std::string proveObjects(Agent& agent, const std::string& prefix) {
  std::array<char, 17> number;
  std::snprintf(number.data(), number.size(), "%016llx", static_cast<unsigned long long>(randomNumber()));
  const std::string name = prefix + kProbeObject + number.data();
  const Descriptor object{0, kProbeBytes, nextObjectNumber(), name};
  AlignedBuffer buffer(kProbeBytes);
  char expected[kProbeBytes];
  fillWithRandom(expected);
  void* data = reinterpret_cast<void*>(buffer.address());
  std::memcpy(data, expected, kProbeBytes);
  const bool put =
      transfer(agent, TransferOperation::kWrite, buffer, object, MemoryType::kObject) == TransferRequest::State::kDone;
  std::memset(data, 0, kProbeBytes);
  const bool got =
      transfer(agent, TransferOperation::kRead, buffer, object, MemoryType::kObject) == TransferRequest::State::kDone;
  if (!put || !got) {
    const ObjectAnswer answer = ObjectAnswer::of(data, kProbeBytes);
    throw Error(
        HICACHE_TRANSFER_FAILED,
        std::string("its self-test could not ") + (put ? "read" : "write") + " the object '" + name + "': " +
            (answer.code.empty() ? "no answer from the server that NIXL tells of" : "the server answers " + answer.code));
  }
  if (std::memcmp(data, expected, kProbeBytes) != 0) {
    throw Error(HICACHE_CORRUPT, "its self-test read other bytes out of the object '" + name +
                                     "' than it had put there: this server stores what it should only transport; try "
                                     "plugin.req_checksum = required and plugin.resp_checksum = required");
  }
  return name;
}

}  // namespace hicache
