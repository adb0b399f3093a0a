// SPDX-License-Identifier: Apache-2.0
//
// The CUDA runtime as the core sees it. cuda_api.cc is the only file that includes CUDA headers.
// Without a driver nothing of CUDA is touched after the first count: every address is host memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "nixl_api.h"

namespace hicache {

struct MemoryPlace {
  MemoryType type = MemoryType::kDram;
  int device = 0;  // CUDA ordinal of VRAM, else 0

  bool operator==(const MemoryPlace&) const = default;
};

// "cuda:0", "the host": for messages.
inline std::string deviceName(int device) { return "cuda:" + std::to_string(device); }
inline std::string nameOf(const MemoryPlace& place) {
  return place.type == MemoryType::kVram ? deviceName(place.device) : "the host";
}

// A queue of work on one device. handle: a cudaStream_t; 0 is the device's legacy default stream.
struct CudaStream {
  int device = 0;
  uint64_t handle = 0;
};

// A mark in a stream. handle: a cudaEvent_t.
struct CudaEvent {
  int device = 0;
  uint64_t handle = 0;
};

// Where a call returns text it is why the call failed; empty: it is done. A failed call leaves no failure behind for the next.
// Threads: safe from any number of threads; no call changes the device that the calling thread has chosen.
class CudaApi {
 public:
  virtual ~CudaApi() = default;

  // Counted once; 0 without a driver or a device.
  virtual int deviceCount() = 0;
  // Why deviceCount is 0; empty otherwise.
  virtual std::string unavailableReason() = 0;
  // Where an address lives. Unknown addresses are host memory; so is managed memory, which moves by itself.
  virtual MemoryPlace placeOf(uint64_t address) = 0;
  // Pins host memory for all devices: copies between it and a device run at full speed. To be unpinned before the memory is
  // unmapped.
  virtual std::string pin(uint64_t address, size_t length) = 0;
  virtual std::string unpin(uint64_t address) = 0;

  // Memory of a device, for self-tests.
  virtual std::string allocate(int device, size_t length, uint64_t* address) = 0;
  virtual std::string release(int device, uint64_t address) = 0;

  // A stream that does not wait for the legacy default stream.
  virtual std::string createStream(int device, CudaStream* stream) = 0;
  virtual std::string destroyStream(const CudaStream& stream) = 0;
  // Queues a copy between memory of the stream's device and host memory, or within either. Returns before the bytes have moved
  // where the host's side is pinned.
  virtual std::string copy(const CudaStream& stream, uint64_t to, uint64_t from, size_t length) = 0;

  virtual std::string createEvent(int device, CudaEvent* event) = 0;
  virtual std::string destroyEvent(const CudaEvent& event) = 0;
  // Marks what the stream has been given so far. Both are of one device.
  virtual std::string record(const CudaEvent& event, const CudaStream& stream) = 0;
  // What the stream is given from now on waits for the mark, which may be another device's.
  virtual std::string wait(const CudaStream& stream, const CudaEvent& event) = 0;
  // Whether all before the mark is done. Also a failure of that work, which shows here.
  virtual std::string query(const CudaEvent& event, bool* done) = 0;
};

// The real one, shared by the process.
std::shared_ptr<CudaApi> realCudaApi();

}  // namespace hicache
