// SPDX-License-Identifier: Apache-2.0
//
// A CUDA runtime with devices that have memory: nobody but its copies can touch that memory, as with real devices. Copies and
// marks are done when somebody asks for them, or late, or never; the Nth call can be made to fail. It keeps account of all that
// is held.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cuda_api.h"

namespace hicache {

// Threads: safe from any number of threads; what follows first is set before it is used.
class FakeCuda final : public CudaApi {
 public:
  explicit FakeCuda(int devices = 0) : devices_(devices) {}
  ~FakeCuda() override;
  FakeCuda(const FakeCuda&) = delete;
  FakeCuda& operator=(const FakeCuda&) = delete;

  // Fails the Nth call from now on that can fail, counted from 1, and further ones behind it. 0: none.
  void failCall(int64_t nth, int64_t count = 1);
  bool hasFailed() const;
  // Each copy is done only at the Nth query of a mark behind it; -1: never.
  void delayCopies(int64_t queries);
  // What a mark says of work that went wrong on the device; empty: it goes well. The copies before it move nothing.
  void failWork(const std::string& reason);
  // Work of the caller that has not ended: copies whose stream waits for its mark are not done before finishWork.
  CudaStream busyStream(int device);
  void finishWork();

  // The bytes of device memory, as its owner would see them.
  std::vector<uint8_t> bytesAt(uint64_t address, size_t length) const;
  void fill(uint64_t address, const void* bytes, size_t length);

  // Streams, marks and allocations that live.
  size_t held() const;
  int64_t copies() const;

  int deviceCount() override { return devices_; }
  std::string unavailableReason() override { return devices_ == 0 ? "the fake has no device" : ""; }
  MemoryPlace placeOf(uint64_t address) override;
  std::string pin(uint64_t address, size_t length) override;
  std::string unpin(uint64_t address) override;
  std::string allocate(int device, size_t length, uint64_t* address) override;
  std::string release(int device, uint64_t address) override;
  std::string createStream(int device, CudaStream* stream) override;
  std::string destroyStream(const CudaStream& stream) override;
  std::string copy(const CudaStream& stream, uint64_t to, uint64_t from, size_t length) override;
  std::string createEvent(int device, CudaEvent* event) override;
  std::string destroyEvent(const CudaEvent& event) override;
  std::string record(const CudaEvent& event, const CudaStream& stream) override;
  std::string wait(const CudaStream& stream, const CudaEvent& event) override;
  std::string query(const CudaEvent& event, bool* done) override;

  std::map<uint64_t, size_t> pinned;  // lengths by address
  std::string failure;                // what pin and unpin answer; empty: they work

 private:
  struct Range {
    size_t length = 0;
    int device = 0;
    uint8_t* bytes = nullptr;  // where they are to be had
    bool own = false;          // mapped by the fake
  };
  struct Copy {
    uint64_t to = 0;
    uint64_t from = 0;
    size_t length = 0;
  };
  struct Stream {
    int device = 0;
    std::deque<Copy> copies;  // not done yet
    size_t done = 0;
    std::vector<uint64_t> waits_for;  // streams, as their marks were when it was told
  };
  struct Event {
    uint64_t stream = 0;  // that it was recorded in last
    size_t copies = 0;    // of the stream before it
    int64_t queries = 0;  // since then
  };

  std::string fails();
  uint8_t* bytesOf(uint64_t address, size_t length) const;
  bool isBusy(uint64_t stream) const;

  const int devices_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<uint64_t, Range> ranges_;
  std::map<uint64_t, Stream> streams_;
  std::map<uint64_t, Event> events_;
  std::map<uint64_t, bool> callers_;  // streams of the caller: whether they are busy
  uint64_t next_handle_ = 1;
  int64_t calls_until_failure_ = 0;
  int64_t failures_ = 0;  // still to come
  bool failed_ = false;
  int64_t delay_ = 0;
  std::string work_failure_;
  int64_t copies_ = 0;
};

}  // namespace hicache
