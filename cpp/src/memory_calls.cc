// SPDX-License-Identifier: Apache-2.0
#include "memory_calls.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>

namespace hicache {
namespace {

void* pointerTo(uint64_t address) { return reinterpret_cast<void*>(address); }

class RealMemoryCalls final : public MemoryCalls {
 public:
  int64_t map(size_t length, int protection, int flags) override {
    void* mapped = ::mmap(nullptr, length, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return mapped == MAP_FAILED ? -errno : reinterpret_cast<int64_t>(mapped);
  }

  int unmap(uint64_t address, size_t length) override { return ::munmap(pointerTo(address), length) == 0 ? 0 : -errno; }

  int protect(uint64_t address, size_t length, int protection) override {
    return ::mprotect(pointerTo(address), length, protection) == 0 ? 0 : -errno;
  }

  int advise(uint64_t address, size_t length, int advice) override {
    return ::madvise(pointerTo(address), length, advice) == 0 ? 0 : -errno;
  }

  size_t hugeBytes(uint64_t address) override {
    // Each mapping has one line "begin-end permissions ...", and below it one for each count.
    std::ifstream mappings("/proc/self/smaps");
    bool found = false;
    for (std::string line; std::getline(mappings, line);) {
      unsigned long long begin = 0;
      unsigned long long end = 0;
      unsigned long long kibibytes = 0;
      if (std::sscanf(line.c_str(), "%llx-%llx ", &begin, &end) == 2) {
        if (found) break;
        found = begin == address;
      } else if (found && std::sscanf(line.c_str(), "AnonHugePages: %llu kB", &kibibytes) == 1) {
        return static_cast<size_t>(kibibytes) * 1024;
      }
    }
    return 0;
  }
};

}  // namespace

std::shared_ptr<MemoryCalls> realMemoryCalls() {
  static const std::shared_ptr<MemoryCalls> calls = std::make_shared<RealMemoryCalls>();
  return calls;
}

}  // namespace hicache
