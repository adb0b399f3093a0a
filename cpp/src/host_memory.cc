// SPDX-License-Identifier: Apache-2.0
#include "host_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <limits>
#include <sstream>
#include <system_error>
#include <utility>

#include "error.h"

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14
#endif

namespace hicache {
namespace {

constexpr int32_t kAllFlags = HICACHE_MEMORY_HUGE_PAGES | HICACHE_MEMORY_PINNED;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;
// Beyond any address space; leaves room for rounding and guards.
constexpr int64_t kLengthMax = std::numeric_limits<int64_t>::max() / 2;

uint64_t roundUp(uint64_t value, uint64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

std::string textOf(int64_t negated_errno) { return std::generic_category().message(static_cast<int>(-negated_errno)); }

std::string hexadecimal(uint64_t address) {
  std::ostringstream text;
  text << "0x" << std::hex << address;
  return text.str();
}

Error noMemory(size_t length, int64_t negated_errno) {
  return Error(HICACHE_IO,
               "allocating " + std::to_string(length) + " bytes of host memory: " + textOf(negated_errno) +
                   "; ask for less, or free memory (free -h, ulimit -v)",
               0, static_cast<int>(-negated_errno));
}

}  // namespace

Settings HostRegion::describe() const {
  Settings about;
  about.add("length", std::to_string(length));
  about.add("huge_pages", (granted & HICACHE_MEMORY_HUGE_PAGES) != 0 ? "true" : "false");
  about.add("huge_pages_reason", huge_pages_reason);
  about.add("pinned", (granted & HICACHE_MEMORY_PINNED) != 0 ? "true" : "false");
  about.add("pinned_reason", pinned_reason);
  return about;
}

// One mapping and what was done to it, undone in reverse order.
class MappedMemory {
 public:
  MappedMemory(MemoryCalls* calls, CudaApi* cuda, size_t length) : calls_(calls), cuda_(cuda) { region_.length = length; }
  MappedMemory(const MappedMemory&) = delete;
  MappedMemory& operator=(const MappedMemory&) = delete;
  // Memory that CUDA does not let go of stays mapped.
  ~MappedMemory() {
    if (mapped_ != 0 && unpin().empty()) calls_->unmap(mapped_, mapped_length_);
  }

  const HostRegion& region() const { return region_; }

  void mapPlain() { mapBetweenGuards(HostMemory::kPageSize); }

  // Reserved huge pages, else transparent ones, else small pages.
  void mapHuge() {
    if (mapReservedHuge()) return;
    mapBetweenGuards(HostMemory::kHugePageSize);
    int status = calls_->advise(region_.address, usable_length_, MADV_HUGEPAGE);
    if (status < 0) {
      refuseHugePages("the kernel has no transparent ones: " + textOf(status));
      return;
    }
    status = calls_->advise(region_.address, usable_length_, MADV_POPULATE_WRITE);
    if (status < 0) {
      refuseHugePages("transparent ones could not be filled at once: " + textOf(status));
      return;
    }
    const size_t huge = calls_->hugeBytes(region_.address);
    if (huge < usable_length_) {
      refuseHugePages("the kernel gave transparent ones for " + std::to_string(huge) + " of " + std::to_string(usable_length_) +
                      " bytes: see /sys/kernel/mm/transparent_hugepage/enabled");
      return;
    }
    grant(HICACHE_MEMORY_HUGE_PAGES);
    region_.huge_pages_reason.clear();
  }

  void pin() {
    region_.pinned_reason = cuda_->deviceCount() > 0 ? cuda_->pin(region_.address, usable_length_)
                                                     : "no CUDA device: " + cuda_->unavailableReason();
    if (region_.pinned_reason.empty()) grant(HICACHE_MEMORY_PINNED);
  }

  // Returns why it cannot; empty: done, or it was not pinned.
  std::string unpin() {
    std::string reason = is(HICACHE_MEMORY_PINNED) ? cuda_->unpin(region_.address) : "";
    if (reason.empty()) region_.granted &= ~HICACHE_MEMORY_PINNED;
    return reason;
  }

 private:
  bool is(int32_t flag) const { return (region_.granted & flag) != 0; }
  void grant(int32_t flag) { region_.granted |= flag; }

  void refuseHugePages(const std::string& reason) { region_.huge_pages_reason += "; " + reason; }

  // Filled at once: a page that a control group denies is an error here and a SIGBUS later.
  bool mapReservedHuge() {
    const size_t length = roundUp(region_.length, HostMemory::kHugePageSize);
    int64_t status = calls_->map(length, kReadWrite, MAP_HUGETLB | MAP_HUGE_2MB);
    if (status >= 0) {
      const uint64_t address = static_cast<uint64_t>(status);
      status = calls_->advise(address, length, MADV_POPULATE_WRITE);
      if (status >= 0) {
        own(address, length);
        region_.address = address;
        usable_length_ = length;
        grant(HICACHE_MEMORY_HUGE_PAGES);
        return true;
      }
      calls_->unmap(address, length);
    }
    region_.huge_pages_reason = "no reserved ones (vm.nr_hugepages): " + textOf(status);
    return false;
  }

  // Address space with no access at all, opened in its middle.
  void mapBetweenGuards(size_t alignment) {
    usable_length_ = roundUp(region_.length, alignment);
    const size_t space = usable_length_ + alignment + HostMemory::kPageSize;
    const int64_t mapped = calls_->map(space, PROT_NONE, MAP_NORESERVE);
    if (mapped < 0) throw noMemory(region_.length, mapped);
    own(static_cast<uint64_t>(mapped), space);
    region_.address = roundUp(mapped_ + HostMemory::kPageSize, alignment);
    const int opened = calls_->protect(region_.address, usable_length_, kReadWrite);
    if (opened < 0) throw noMemory(region_.length, opened);
  }

  void own(uint64_t mapped, size_t length) {
    mapped_ = mapped;
    mapped_length_ = length;
  }

  MemoryCalls* const calls_;
  CudaApi* const cuda_;
  HostRegion region_;
  uint64_t mapped_ = 0;  // with guards
  size_t mapped_length_ = 0;
  size_t usable_length_ = 0;  // whole pages
};

HostMemory::HostMemory(std::shared_ptr<MemoryCalls> calls, std::shared_ptr<CudaApi> cuda)
    : calls_(std::move(calls)), cuda_(std::move(cuda)) {}

HostMemory::~HostMemory() = default;

HostRegion HostMemory::allocate(int64_t length, int32_t flags) {
  if (length <= 0 || length > kLengthMax) {
    throw Error(HICACHE_INVALID_ARGUMENT, "allocating host memory: the length is " + std::to_string(length) +
                                              " bytes; it must be 1.." + std::to_string(kLengthMax));
  }
  if ((flags & ~kAllFlags) != 0) {
    throw Error(HICACHE_INVALID_ARGUMENT,
                "allocating host memory: flags " + std::to_string(flags) + " hold a bit that is no hicache_memory_flag");
  }
  auto memory = std::make_unique<MappedMemory>(calls_.get(), cuda_.get(), static_cast<size_t>(length));
  if ((flags & HICACHE_MEMORY_HUGE_PAGES) != 0) {
    memory->mapHuge();
  } else {
    memory->mapPlain();
  }
  if ((flags & HICACHE_MEMORY_PINNED) != 0) memory->pin();
  HostRegion region = memory->region();
  std::lock_guard<std::mutex> lock(mutex_);
  regions_.emplace(region.address, std::move(memory));
  return region;
}

HostRegion HostMemory::find(uint64_t address) const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = regions_.find(address);
  return found == regions_.end() ? HostRegion() : found->second->region();
}

void HostMemory::free(uint64_t address) {
  std::unique_lock<std::mutex> lock(mutex_);
  auto gone = regions_.extract(address);
  lock.unlock();  // letting go of much memory takes a while
  if (gone.empty()) {
    throw Error(HICACHE_INVALID_ARGUMENT, "freeing host memory at " + hexadecimal(address) +
                                              ": nothing was allocated at this address, or it was freed before");
  }
  const std::string reason = gone.mapped()->unpin();
  if (!reason.empty()) {
    lock.lock();
    regions_.insert(std::move(gone));
    throw Error(HICACHE_INTERNAL, "freeing host memory at " + hexadecimal(address) + ": CUDA does not let go of it: " + reason +
                                      "; the memory stays allocated");
  }
}

HostMemory& processHostMemory() {
  // Never destroyed: its memory may be in use as long as a thread runs.
  static HostMemory* const memory = new HostMemory(realMemoryCalls(), realCudaApi());
  return *memory;
}

}  // namespace hicache
