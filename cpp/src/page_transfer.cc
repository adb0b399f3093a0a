// SPDX-License-Identifier: Apache-2.0
#include "page_transfer.h"

#include <aio.h>

#include <algorithm>
#include <utility>

#include "checksum.h"
#include "get_transfer.h"
#include "segment_get_transfer.h"
#include "segment_set_transfer.h"
#include "set_transfer.h"

namespace hicache {
namespace {

constexpr uint64_t kDescriptorBytesMax = uint64_t{1} << 30;

bool isAligned(const Block& block) {
  return block.address % kDirectIoAlignment == 0 && static_cast<uint64_t>(block.length) % kDirectIoAlignment == 0;
}

bool continues(const Descriptor& before, const Descriptor& next) {
  return before.device_id == next.device_id && before.address + before.length == next.address;
}

size_t roundUp(int64_t length) {
  return (static_cast<size_t>(length) + kDirectIoAlignment - 1) / kDirectIoAlignment * kDirectIoAlignment;
}

}  // namespace

std::unique_ptr<PageTransfer> PageTransfer::of(std::shared_ptr<const StoreParts> parts, BufferPool* buffers,
                                               LaneSegments* segments, Chunk chunk) {
  const bool is_set = chunk.batch->operation() == Operation::kSet;
  if (parts->segments != nullptr) {
    if (is_set) return std::make_unique<SegmentSetTransfer>(std::move(parts), buffers, segments, std::move(chunk));
    return std::make_unique<SegmentGetTransfer>(std::move(parts), buffers, segments, std::move(chunk));
  }
  if (is_set) return std::make_unique<SetTransfer>(std::move(parts), buffers, std::move(chunk));
  return std::make_unique<GetTransfer>(std::move(parts), buffers, std::move(chunk));
}

PageTransfer::PageTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, Chunk chunk,
                           TransferOperation operation)
    : parts_(std::move(parts)), chunk_(std::move(chunk)), buffers_(buffers), operation_(operation) {
  results_.resize(chunk_.end - chunk_.begin);
}

int32_t PageTransfer::bufferedFlag(const Entry& entry) const {
  return parts_->files->directories()[entry.place.directory].direct_io && !entry.direct ? HICACHE_FLAG_BUFFERED : 0;
}

bool PageTransfer::isSame(size_t index, const PageSeal& stored) const {
  const Page& wanted = page(index);
  return static_cast<int64_t>(stored.length) == wanted.length && stored.shape == wanted.shape &&
         stored.checksum == checksum(wanted.blocks);
}

void PageTransfer::requireFit(size_t index, const std::string& name, int64_t stored_length, int32_t stored_dtype) const {
  const Page& target = page(index);
  if (stored_length != target.length) {
    throw Error(HICACHE_INVALID_ARGUMENT, "get: the page '" + name + "' has " + std::to_string(stored_length) +
                                              " bytes, its target " + std::to_string(target.length));
  }
  if (stored_dtype == HICACHE_DTYPE_UNKNOWN || target.shape.dtype == HICACHE_DTYPE_UNKNOWN) return;
  if (stored_dtype == target.shape.dtype) return;
  throw Error(HICACHE_INVALID_ARGUMENT, "get: the page '" + name + "' was stored with dtype " + std::to_string(stored_dtype) +
                                            ", its target has " + std::to_string(target.shape.dtype) +
                                            " (libtorch ScalarType)");
}

uint64_t PageTransfer::stage(const Entry& entry) const {
  if (entry.staged) gather(page(entry.index).blocks, reinterpret_cast<void*>(entry.staging.address));
  return checksum(memoryOf(entry));
}

Error PageTransfer::diagnoseWrite(const Entry& entry, const std::string& where, const Error& nixl_failure) const {
  FileManager& files = *parts_->files;
  auto offset = static_cast<int64_t>(entry.offset);
  for (const Block& block : memoryOf(entry)) {
    const char* data = reinterpret_cast<const char*>(block.address);
    for (int64_t done = 0; done < block.length;) {
      int64_t written = files.calls().writeAt(entry.fd, data + done, static_cast<size_t>(block.length - done), offset + done);
      if (written < 0) {
        return errnoError("writing " + where + " (" + files.freeSpace(entry.place.directory) + ")", static_cast<int>(-written));
      }
      if (written == 0) break;
      done += written;
    }
    offset += block.length;
  }
  return Error(nixl_failure.code(), "writing " + where + ": " + nixl_failure.what(), nixl_failure.nixlStatus());
}

void PageTransfer::begin() {
  const PhaseTimes::Scope time(&times_, HICACHE_PHASE_PREPARE);
  for (size_t i = 0; i < results_.size() && !batch()->abandoned(); ++i) {
    if (isSettled(i)) continue;
    try {
      requireHostMemory(page(i).blocks);
      Entry entry;
      entry.index = i;
      entry.length = page(i).length;
      if (open(i, &entry)) entries_.push_back(std::move(entry));
    } catch (...) {
      settle(i, PageResult::failed(currentError()));
    }
  }
  try {
    assignMemory();
  } catch (...) {
    const Error error = currentError();
    for (const Entry& entry : entries_) settle(entry.index, PageResult::failed(error));
    entries_.clear();
  }
  for (Entry& entry : entries_) prepare(entry);
  if (!entries_.empty()) attempts_.emplace_back(0, entries_.size());
}

void PageTransfer::requireHostMemory(Blocks blocks) const {
  for (const Block& block : blocks) {
    MemoryPlace memory = parts_->cuda->placeOf(block.address);
    if (memory.type == MemoryType::kDram) continue;
    throw Error(HICACHE_UNSUPPORTED, std::string(nameOf(batch()->operation())) +
                                         ": the page is on cuda:" + std::to_string(memory.device) +
                                         ", and the store moves host memory only; copy it first (tensor.cpu())");
  }
}

bool PageTransfer::mustStage(const Entry& entry) const {
  Blocks blocks = page(entry.index).blocks;
  if (entry.length == 0) return false;
  if (parts_->backend.needs_own_memory || static_cast<int64_t>(blocks.size()) > parts_->config.chunk_blocks) return true;
  return entry.direct && !std::all_of(blocks.begin(), blocks.end(), isAligned);
}

void PageTransfer::assignMemory() {
  size_t staged_bytes = 0;
  for (Entry& entry : entries_) {
    entry.staged = mustStage(entry);
    if (entry.staged) staged_bytes += roundUp(entry.length);
  }
  if (staged_bytes == 0) return;
  staging_ = buffers_->take(staged_bytes);
  uint64_t next = staging_.address();
  for (Entry& entry : entries_) {
    if (!entry.staged) continue;
    entry.staging = {next, entry.length};
    next += roundUp(entry.length);
  }
}

bool PageTransfer::post(Agent& agent, const LaneMemory& memory) {
  const Clock::time_point begin = Clock::now();
  const bool good = postNext(agent, memory);
  times_.count(HICACHE_PHASE_POST, begin);
  posted_ = Clock::now();
  return good;
}

bool PageTransfer::postNext(Agent& agent, const LaneMemory& memory) {
  if (batch()->abandoned()) {
    attempts_.clear();
    return true;
  }
  if (std::exchange(rewind_pending_, false)) {
    for (const auto& attempt : attempts_) rewind(entries_[attempt.first]);
  }
  try {
    request_ = makeRequest(agent, memory);
  } catch (...) {
    failAttempt(currentError());
    return false;
  }
  if (request_ == nullptr) {
    endAttempt();
    return true;
  }
  TransferRequest::State state = request_->post();
  if (state == TransferRequest::State::kInFlight) return true;
  return moveOn();
}

bool PageTransfer::poll() {
  const bool good = moveOn();
  if (!inFlight()) times_.count(HICACHE_PHASE_TRANSFER, posted_);
  return good;
}

bool PageTransfer::moveOn() {
  TransferRequest::State state = request_->state() == TransferRequest::State::kInFlight ? request_->poll() : request_->state();
  if (state == TransferRequest::State::kInFlight) return true;
  if (state == TransferRequest::State::kFailed && failedButMoving()) return true;
  NixlStatus status = request_->lastStatus();
  bool clean = request_->release();
  request_.reset();
  if (state == TransferRequest::State::kFailed) {
    failAttempt(nixlError(HICACHE_TRANSFER_FAILED, std::string("the transfer through ") + parts_->backend.name, status));
    return false;
  }
  endAttempt();
  return clean;
}

std::unique_ptr<TransferRequest> PageTransfer::makeRequest(Agent& agent, const LaneMemory& memory) {
  auto [begin, end] = attempts_.front();
  std::vector<Descriptor> local;
  std::vector<Descriptor> storage;
  local.reserve(end - begin);
  storage.reserve(end - begin);
  for (size_t i = begin; i < end; ++i) {
    const Entry& entry = entries_[i];
    uint64_t offset = entry.offset;
    for (const Block& block : memoryOf(entry)) {
      // A block of no bytes needs no transfer; Linux moves no more than 2 GiB at once.
      for (uint64_t at = 0, length = static_cast<uint64_t>(block.length); at < length; at += kDescriptorBytesMax) {
        uint64_t bytes = std::min(length - at, kDescriptorBytesMax);
        const Descriptor from{block.address + at, bytes, 0};
        const Descriptor to{offset + at, bytes, static_cast<uint64_t>(entry.fd)};
        if (!local.empty() && continues(local.back(), from) && continues(storage.back(), to) &&
            local.back().length + bytes <= kDescriptorBytesMax) {
          local.back().length += bytes;
          storage.back().length += bytes;
        } else {
          local.push_back(from);
          storage.push_back(to);
        }
      }
      offset += static_cast<uint64_t>(block.length);
    }
  }
  if (local.empty()) return nullptr;
  TransferRequest::Registered registered;
  registered.local = memory.covers(local);
  registered.storage = coverStorage(agent, storage);
  return std::make_unique<TransferRequest>(agent, operation_, std::move(local), std::move(storage), registered);
}

bool PageTransfer::failedButMoving() const {
  // Over POSIX AIO, NIXL reports a request's first failure while its other reads and writes run on in the C library's threads.
  // Only the C library knows when a file has none left; what it has not begun, it drops.
  if (parts_->backend.queue != "posix_aio") return false;
  auto [begin, end] = attempts_.front();
  return std::any_of(entries_.begin() + static_cast<std::ptrdiff_t>(begin), entries_.begin() + static_cast<std::ptrdiff_t>(end),
                     [](const Entry& entry) { return ::aio_cancel(entry.fd, nullptr) == AIO_NOTCANCELED; });
}

void PageTransfer::endAttempt() {
  for (size_t i = attempts_.front().first; i < attempts_.front().second; ++i) entries_[i].moved = true;
  attempts_.pop_front();
}

void PageTransfer::failAttempt(const Error& error) {
  auto [begin, end] = attempts_.front();
  attempts_.pop_front();
  if (batch()->abandoned()) {
    attempts_.clear();
  } else if (end - begin > 1) {
    // NIXL has one status for all: find the bad page, so that it does not spoil its neighbours.
    for (size_t i = begin; i < end; ++i) attempts_.emplace_back(i, i + 1);
    rewind_pending_ = true;
  } else {
    settle(entries_[begin].index, PageResult::failed(diagnose(entries_[begin], error)));
    rewind(entries_[begin]);
  }
}

void PageTransfer::fail(const Error& error) {
  for (; !attempts_.empty(); attempts_.pop_front()) {
    for (size_t i = attempts_.front().first; i < attempts_.front().second; ++i)
      settle(entries_[i].index, PageResult::failed(error));
  }
}

void PageTransfer::finish() {
  const PhaseTimes::Scope time(&times_, HICACHE_PHASE_FINISH);
  for (Entry& entry : entries_) {
    if (!entry.moved || batch()->abandoned()) continue;
    try {
      complete(entry);
    } catch (...) {
      settle(entry.index, PageResult::failed(currentError()));
    }
  }
  completeAll();
  entries_.clear();
  buffers_->give(std::move(staging_));
  staging_ = AlignedBuffer();
}

}  // namespace hicache
