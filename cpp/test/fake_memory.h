// SPDX-License-Identifier: Apache-2.0
//
// The system calls behind host memory: real memory, with chosen calls failing, and huge pages as the test wants them.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <map>

#include "memory_calls.h"

namespace hicache {

// Threads: one thread.
class FakeMemory final : public MemoryCalls {
 public:
  int reserved_huge = -ENOMEM;     // what mapping reserved huge pages answers; 0: there are some
  int transparent_huge = -EINVAL;  // what advising huge pages answers
  int populate = 0;                // what filling memory at once answers
  bool all_huge = false;           // whether advised memory then lies in huge pages
  int fail_at = 0;                 // this call fails, counted from 1; 0: none
  int failure = -ENOMEM;
  int calls = 0;
  std::map<uint64_t, size_t> mapped;  // what is mapped now

  int64_t map(size_t length, int protection, int flags) override {
    if (fails()) return failure;
    const bool reserved = (flags & MAP_HUGETLB) != 0;
    if (reserved && reserved_huge < 0) return reserved_huge;
    int64_t address = real_->map(length, protection, reserved ? 0 : flags);
    if (address > 0) mapped[static_cast<uint64_t>(address)] = length;
    return address;
  }

  int unmap(uint64_t address, size_t length) override {
    auto found = mapped.find(address);
    if (found == mapped.end() || found->second != length) return -EINVAL;
    mapped.erase(found);
    return real_->unmap(address, length);
  }

  int protect(uint64_t address, size_t length, int protection) override {
    return fails() ? failure : real_->protect(address, length, protection);
  }

  int advise(uint64_t address, size_t length, int advice) override {
    if (fails()) return failure;
    if (advice == MADV_HUGEPAGE) {
      advised_[address] = length;
      return transparent_huge;
    }
    return populate;
  }

  size_t hugeBytes(uint64_t address) override { return all_huge ? advised_[address] : advised_[address] / 2; }

 private:
  bool fails() { return ++calls == fail_at; }

  const std::shared_ptr<MemoryCalls> real_ = realMemoryCalls();
  std::map<uint64_t, size_t> advised_;
};

}  // namespace hicache
