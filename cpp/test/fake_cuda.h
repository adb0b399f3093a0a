// SPDX-License-Identifier: Apache-2.0
//
// A CUDA runtime in which chosen ranges of host memory count as memory of a GPU, and which keeps account of what is pinned.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "cuda_api.h"

namespace hicache {

// Threads: ranges are added before it is used; pin and unpin one at a time.
class FakeCuda final : public CudaApi {
 public:
  explicit FakeCuda(int devices = 0) : devices_(devices) {}

  void addDeviceRange(const void* address, size_t length, int device) {
    ranges_.push_back({reinterpret_cast<uint64_t>(address), length, device});
  }

  int deviceCount() override { return devices_; }
  std::string unavailableReason() override { return devices_ == 0 ? "the fake has no device" : ""; }
  MemoryPlace placeOf(uint64_t address) override {
    for (const Range& range : ranges_) {
      if (address >= range.begin && address < range.begin + range.length) return {MemoryType::kVram, range.device};
    }
    return {};
  }
  std::string pin(uint64_t address, size_t length) override {
    if (!failure.empty()) return failure;
    return pinned.emplace(address, length).second ? "" : "the fake has pinned this before";
  }
  std::string unpin(uint64_t address) override {
    if (!failure.empty()) return failure;
    return pinned.erase(address) == 1 ? "" : "the fake has not pinned this";
  }

  std::map<uint64_t, size_t> pinned;  // lengths by address
  std::string failure;                // what pin and unpin answer; empty: they work

 private:
  struct Range {
    uint64_t begin;
    size_t length;
    int device;
  };
  const int devices_;
  std::vector<Range> ranges_;
};

}  // namespace hicache
