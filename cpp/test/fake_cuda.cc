// SPDX-License-Identifier: Apache-2.0
#include "fake_cuda.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace hicache {
namespace {

constexpr const char* kFailed = "cudaErrorUnknown: the fake fails this call";
constexpr const char* kInvalid = "cudaErrorInvalidValue: the fake knows nothing of that kind";

}  // namespace

FakeCuda::~FakeCuda() {
  for (const auto& [address, range] : ranges_) {
    if (!range.own) continue;
    ::munmap(reinterpret_cast<void*>(address), range.length);
    ::munmap(range.bytes, range.length);
  }
}

void FakeCuda::failCall(int64_t nth, int64_t count) {
  std::lock_guard<std::mutex> lock(mutex_);
  calls_until_failure_ = nth;
  failures_ = nth == 0 ? 0 : count;
  failed_ = false;
}

bool FakeCuda::hasFailed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return failed_;
}

void FakeCuda::delayCopies(int64_t queries) {
  std::lock_guard<std::mutex> lock(mutex_);
  delay_ = queries;
}

void FakeCuda::failWork(const std::string& reason) {
  std::lock_guard<std::mutex> lock(mutex_);
  work_failure_ = reason;
}

CudaStream FakeCuda::busyStream(int device) {
  std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t handle = next_handle_++;
  callers_[handle] = true;
  return {device, handle};
}

void FakeCuda::finishWork() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto& [handle, busy] : callers_) busy = false;
}

std::vector<uint8_t> FakeCuda::bytesAt(uint64_t address, size_t length) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const uint8_t* bytes = bytesOf(address, length);
  return {bytes, bytes + length};
}

void FakeCuda::fill(uint64_t address, const void* bytes, size_t length) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::memcpy(bytesOf(address, length), bytes, length);
}

size_t FakeCuda::held() const {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto own = std::count_if(ranges_.begin(), ranges_.end(), [](const auto& range) { return range.second.own; });
  return streams_.size() + events_.size() + static_cast<size_t>(own);
}

int64_t FakeCuda::copies() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return copies_;
}

MemoryPlace FakeCuda::placeOf(uint64_t address) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto next = ranges_.upper_bound(address);
  if (next == ranges_.begin()) return {};
  const auto& [begin, range] = *--next;
  if (address - begin >= range.length) return {};
  return {MemoryType::kVram, range.device};
}

std::string FakeCuda::fails() {
  if (failures_ == 0 || --calls_until_failure_ > 0) return "";
  --failures_;
  failed_ = true;
  return kFailed;
}

// Memory of the host is itself.
uint8_t* FakeCuda::bytesOf(uint64_t address, size_t length) const {
  auto next = ranges_.upper_bound(address);
  if (next != ranges_.begin()) {
    const auto& [begin, range] = *--next;
    if (address - begin < range.length) {
      if (length > range.length - (address - begin)) throw std::out_of_range("beyond the end of the fake's memory");
      return range.bytes + (address - begin);
    }
  }
  return reinterpret_cast<uint8_t*>(address);
}

std::string FakeCuda::pin(uint64_t address, size_t length) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!failure.empty()) return failure;
  if (std::string failed = fails(); !failed.empty()) return failed;
  return pinned.emplace(address, length).second ? "" : "the fake has pinned this before";
}

std::string FakeCuda::unpin(uint64_t address) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!failure.empty()) return failure;
  return pinned.erase(address) == 1 ? "" : "the fake has not pinned this";
}

std::string FakeCuda::allocate(int device, size_t length, uint64_t* address) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (std::string failed = fails(); !failed.empty()) return failed;
  if (device < 0 || device >= devices_) return kInvalid;
  const int fd = ::memfd_create("fake-device", MFD_CLOEXEC);
  if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(length)) != 0) return "cudaErrorMemoryAllocation: the fake has no memory";
  void* hidden = ::mmap(nullptr, length, PROT_NONE, MAP_SHARED, fd, 0);
  void* bytes = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (hidden == MAP_FAILED || bytes == MAP_FAILED) return "cudaErrorMemoryAllocation: the fake has no memory";
  *address = reinterpret_cast<uint64_t>(hidden);
  ranges_[*address] = {length, device, static_cast<uint8_t*>(bytes), true};
  return "";
}

std::string FakeCuda::release(int device, uint64_t address) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = ranges_.find(address);
  if (found == ranges_.end() || !found->second.own || found->second.device != device) return kInvalid;
  ::munmap(reinterpret_cast<void*>(address), found->second.length);
  ::munmap(found->second.bytes, found->second.length);
  ranges_.erase(found);
  return "";
}

std::string FakeCuda::createStream(int device, CudaStream* stream) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (std::string failed = fails(); !failed.empty()) return failed;
  if (device < 0 || device >= devices_) return kInvalid;
  *stream = {device, next_handle_++};
  streams_[stream->handle].device = device;
  return "";
}

std::string FakeCuda::destroyStream(const CudaStream& stream) {
  std::lock_guard<std::mutex> lock(mutex_);
  return streams_.erase(stream.handle) == 1 ? "" : kInvalid;
}

std::string FakeCuda::copy(const CudaStream& stream, uint64_t to, uint64_t from, size_t length) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (std::string failed = fails(); !failed.empty()) return failed;
  const auto found = streams_.find(stream.handle);
  if (found == streams_.end()) return kInvalid;
  found->second.copies.push_back({to, from, length});
  ++copies_;
  return "";
}

std::string FakeCuda::createEvent(int device, CudaEvent* event) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (std::string failed = fails(); !failed.empty()) return failed;
  if (device < 0 || device >= devices_) return kInvalid;
  *event = {device, next_handle_++};
  events_[event->handle] = {};
  return "";
}

std::string FakeCuda::destroyEvent(const CudaEvent& event) {
  std::lock_guard<std::mutex> lock(mutex_);
  return events_.erase(event.handle) == 1 ? "" : kInvalid;
}

std::string FakeCuda::record(const CudaEvent& event, const CudaStream& stream) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (std::string failed = fails(); !failed.empty()) return failed;
  const auto found = events_.find(event.handle);
  if (found == events_.end() || event.device != stream.device) return kInvalid;
  const auto queue = streams_.find(stream.handle);
  found->second = {stream.handle, queue == streams_.end() ? 0 : queue->second.done + queue->second.copies.size()};
  return "";
}

std::string FakeCuda::wait(const CudaStream& stream, const CudaEvent& event) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (std::string failed = fails(); !failed.empty()) return failed;
  const auto found = events_.find(event.handle);
  const auto queue = streams_.find(stream.handle);
  if (found == events_.end() || queue == streams_.end()) return kInvalid;
  queue->second.waits_for.push_back(found->second.stream);
  return "";
}

std::string FakeCuda::query(const CudaEvent& event, bool* done) {
  std::lock_guard<std::mutex> lock(mutex_);
  *done = true;
  if (std::string failed = fails(); !failed.empty()) return failed;
  const auto found = events_.find(event.handle);
  if (found == events_.end()) return kInvalid;
  Event& mark = found->second;
  *done = false;
  const auto queue = streams_.find(mark.stream);
  if (queue == streams_.end()) {
    *done = !isBusy(mark.stream);
    return "";
  }
  Stream& stream = queue->second;
  if (std::any_of(stream.waits_for.begin(), stream.waits_for.end(), [this](uint64_t other) { return isBusy(other); }))
    return "";
  if (delay_ < 0 || mark.queries++ < delay_) return "";
  *done = true;
  for (; stream.done < mark.copies; ++stream.done) {
    const Copy next = stream.copies.front();
    stream.copies.pop_front();
    if (work_failure_.empty()) std::memcpy(bytesOf(next.to, next.length), bytesOf(next.from, next.length), next.length);
  }
  return work_failure_;
}

bool FakeCuda::isBusy(uint64_t stream) const {
  const auto found = callers_.find(stream);
  return found != callers_.end() && found->second;
}

}  // namespace hicache
