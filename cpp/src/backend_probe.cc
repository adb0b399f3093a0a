// SPDX-License-Identifier: Apache-2.0
#include "backend_probe.h"

#include <fcntl.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "aligned_buffer.h"
#include "error.h"
#include "file_manager.h"
#include "file_system.h"
#include "transfer_request.h"

namespace hicache {
namespace {

constexpr size_t kProbeBytes = 8192;
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

// Moves kProbeBytes and returns how it ended. Throws TIMEOUT when it does not; then the request leaks on purpose.
TransferRequest::State transfer(Agent& agent, TransferOperation operation, const AlignedBuffer& buffer, const ProbeFile& file) {
  auto request =
      std::make_unique<TransferRequest>(agent, operation, std::vector<Descriptor>{{buffer.address(), kProbeBytes, 0}},
                                        std::vector<Descriptor>{{0, kProbeBytes, file.fd()}}, TransferRequest::Registered());
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

}  // namespace

void proveRoundTrip(Agent& agent, const std::string& directory) {
  ProbeFile file(directory);
  AlignedBuffer buffer(kProbeBytes);
  char expected[kProbeBytes];
  uint64_t state = randomNumber();
  for (char& byte : expected) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<char>(state >> 56);
  }
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

}  // namespace hicache
