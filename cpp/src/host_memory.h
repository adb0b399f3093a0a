// SPDX-License-Identifier: Apache-2.0
//
// Host memory for pools of pages: page-aligned, zeroed, in huge pages and pinned for CUDA where that can be had.
//
// Plain memory and transparent huge pages stand between two guards that nobody can access: whoever runs over the first or last
// page is stopped by the kernel and spoils nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "cuda_api.h"
#include "memory_calls.h"
#include "settings.h"

namespace hicache {

class MappedMemory;

// What an allocation became.
struct HostRegion {
  uint64_t address = 0;
  size_t length = 0;              // as asked for; mapped are whole pages
  int32_t granted = 0;            // bits of hicache_memory_flag
  std::string huge_pages_reason;  // why not, where they were asked for and are not granted
  std::string pinned_reason;      // likewise

  // As hicache_memory_describe writes it.
  Settings describe() const;
};

// The allocations of one owner, by address. What is left when it goes is freed.
// Threads: safe from any number of threads.
class HostMemory {
 public:
  static constexpr size_t kPageSize = 4096;
  static constexpr size_t kHugePageSize = size_t{2} << 20;

  HostMemory(std::shared_ptr<MemoryCalls> calls, std::shared_ptr<CudaApi> cuda);
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;
  ~HostMemory();

  // flags: bits of hicache_memory_flag, each a wish; what came true is in granted. The address is a multiple of kPageSize, of
  // kHugePageSize when huge pages were asked for. Memory in huge pages is filled at once, other memory when first touched.
  // Throws INVALID_ARGUMENT, or IO when the system has no such memory; then nothing is left allocated.
  HostRegion allocate(int64_t length, int32_t flags);

  // What allocate returned for an address; an empty region when it is none of ours.
  HostRegion find(uint64_t address) const;

  // Throws INVALID_ARGUMENT for an address that is none of ours and touches nothing; INTERNAL when CUDA does not let go of the
  // memory, which then stays allocated.
  void free(uint64_t address);

 private:
  const std::shared_ptr<MemoryCalls> calls_;
  const std::shared_ptr<CudaApi> cuda_;
  mutable std::mutex mutex_;
  std::map<uint64_t, std::unique_ptr<MappedMemory>> regions_;
};

// The one behind the C boundary; lives as long as the process.
HostMemory& processHostMemory();

}  // namespace hicache
