// SPDX-License-Identifier: Apache-2.0
//
// The system calls behind host memory, so that a fake can make one fail or deny huge pages.
// Every call that can fail returns a value >= 0, or -errno.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace hicache {

// Threads: safe from any number of threads.
class MemoryCalls {
 public:
  virtual ~MemoryCalls() = default;

  // Maps private, anonymous memory. protection, flags: of mmap; MAP_PRIVATE | MAP_ANONYMOUS are added. Returns its address.
  virtual int64_t map(size_t length, int protection, int flags) = 0;
  virtual int unmap(uint64_t address, size_t length) = 0;
  virtual int protect(uint64_t address, size_t length, int protection) = 0;
  virtual int advise(uint64_t address, size_t length, int advice) = 0;
  // Bytes in transparent huge pages of the mapping that begins at address; 0 where the kernel does not tell.
  virtual size_t hugeBytes(uint64_t address) = 0;
};

// The real ones, shared by the process.
std::shared_ptr<MemoryCalls> realMemoryCalls();

}  // namespace hicache
