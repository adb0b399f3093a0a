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
};

// Threads: safe from any number of threads.
class CudaApi {
 public:
  virtual ~CudaApi() = default;

  // Counted once; 0 without a driver or a device.
  virtual int deviceCount() = 0;
  // Why deviceCount is 0; empty otherwise.
  virtual std::string unavailableReason() = 0;
  // Where an address lives. Unknown addresses are host memory.
  virtual MemoryPlace placeOf(uint64_t address) = 0;
  // Pins host memory for all devices: copies between it and a device run at full speed. Returns why it cannot; empty: done.
  // To be unpinned before the memory is unmapped.
  virtual std::string pin(uint64_t address, size_t length) = 0;
  virtual std::string unpin(uint64_t address) = 0;
};

// The real one, shared by the process.
std::shared_ptr<CudaApi> realCudaApi();

}  // namespace hicache
