// SPDX-License-Identifier: Apache-2.0
#include "page_transfer.h"

#include <aio.h>

#include <algorithm>
#include <utility>

#include "checksum.h"

namespace hicache {
namespace {

constexpr uint64_t kDescriptorBytesMax = uint64_t{1} << 30;

bool isAligned(const Block& block) {
  return block.address % kDirectIoAlignment == 0 && static_cast<uint64_t>(block.length) % kDirectIoAlignment == 0;
}

bool continues(const Descriptor& before, const Descriptor& next) {
  return before.device_id == next.device_id && before.address + before.length == next.address;
}

// In the last byte of a page that is read: where it is still there afterwards, the read may have ended early.
constexpr uint8_t kEndMark = 0xA5;

uint8_t& lastByteOf(const Block& block) { return reinterpret_cast<uint8_t*>(block.address)[block.length - 1]; }

}  // namespace

PageTransfer::PageTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, Chunk chunk,
                           TransferOperation operation)
    : Transfer(std::move(parts), std::move(chunk)), buffers_(buffers), operation_(operation) {}

int32_t PageTransfer::bufferedFlag(const Entry& entry) const {
  return parts_->files->directories()[entry.place.directory].direct_io && !entry.direct ? HICACHE_FLAG_BUFFERED : 0;
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

int64_t PageTransfer::readPlainly(const Entry& entry, int fd, uint64_t offset, const std::string& where) const {
  int64_t all = 0;
  for (const Block& block : memoryOf(entry)) {
    char* data = reinterpret_cast<char*>(block.address);
    for (int64_t done = 0; done < block.length;) {
      const auto left = static_cast<size_t>(block.length - done);
      const int64_t read = parts_->files->calls().readAt(fd, data + done, left, static_cast<int64_t>(offset) + all);
      if (read < 0) throw errnoError("reading " + where, static_cast<int>(-read));
      if (read == 0) return all;
      done += read;
      all += read;
    }
  }
  return all;
}

void PageTransfer::begin() {
  times_.enter(HICACHE_PHASE_PREPARE);
  entries_.reserve(pageCount());
  openAll();
  try {
    assignMemory();
  } catch (...) {
    const Error error = currentError();
    for (const Entry& entry : entries_) settle(entry.index, PageResult::failed(error));
    entries_.clear();
  }
  planAttempts();
  times_.pause();
}

void PageTransfer::openAll() {
  for (size_t i = 0; i < pageCount() && !batch()->abandoned(); ++i) {
    if (isSettled(i)) continue;
    try {
      requireHostMemory(i);
      Entry entry;
      entry.index = i;
      entry.length = page(i).length;
      if (open(i, &entry)) entries_.push_back(std::move(entry));
    } catch (...) {
      settle(i, PageResult::failed(currentError()));
    }
  }
}

void PageTransfer::planAttempts() {
  const int64_t bytes_max = parts_->config.request_bytes;
  int64_t bytes = 0;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const int64_t length = entries_[i].length;
    if (length > bytes_max && !entries_[i].staged && page(entries_[i].index).blocks.size() == 1) {
      for (int64_t from = 0; from < length; from += bytes_max)
        attempts_.push_back({i, i + 1, from, std::min(bytes_max, length - from)});
      continue;
    }
    bytes += length;
    if (!attempts_.empty() && !attempts_.back().isPart() && bytes <= bytes_max) {
      attempts_.back().end = i + 1;
    } else {
      attempts_.push_back({i, i + 1});
      bytes = length;
    }
  }
}

void PageTransfer::prepare(const Attempt& attempt) {
  if (operation_ != TransferOperation::kWrite) return markEnds(attempt);
  for (size_t i = attempt.begin; i < attempt.end; ++i) {
    if (entries_[i].staged) gather(page(entries_[i].index).blocks, reinterpret_cast<void*>(entries_[i].staging.address));
  }
  takeChecksums(attempt);
}

bool PageTransfer::hidesShortReads(const Entry& entry) const {
  return parts_->backend.hides_short_reads && entry.staged && !wantsChecksum(entry);
}

void PageTransfer::markEnds(const Attempt& attempt) {
  for (size_t i = attempt.begin; i < attempt.end; ++i) {
    if (hidesShortReads(entries_[i])) lastByteOf(entries_[i].staging) = kEndMark;
  }
}

bool PageTransfer::mayBeShort(const Entry& entry) const {
  return hidesShortReads(entry) && lastByteOf(entry.staging) == kEndMark;
}

void PageTransfer::takeChecksums(const Attempt& attempt) {
  if (!attempt.isPart()) {
    for (size_t i = attempt.begin; i < attempt.end; ++i) {
      if (wantsChecksum(entries_[i])) entries_[i].checksum = checksum(memoryOf(entries_[i]));
    }
    return;
  }
  Entry& entry = entries_[attempt.begin];
  if (!wantsChecksum(entry)) return;
  if (attempt.from == 0) parts_checksum_.reset();
  const uint64_t address = memoryOf(entry)[0].address + static_cast<uint64_t>(attempt.from);
  parts_checksum_.update(reinterpret_cast<const void*>(address), static_cast<size_t>(attempt.bytes));
  if (attempt.from + attempt.bytes == entry.length) entry.checksum = parts_checksum_.digest();
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
    if (entry.staged) staged_bytes += alignedLength(entry.length);
  }
  if (staged_bytes == 0) return;
  staging_ = buffers_->take(staged_bytes);
  uint64_t next = staging_.address();
  for (Entry& entry : entries_) {
    if (!entry.staged) continue;
    entry.staging = {next, entry.length};
    next += alignedLength(entry.length);
  }
}

bool PageTransfer::post(Agent& agent, const LaneMemory& memory) {
  times_.enter(HICACHE_PHASE_PREPARE);
  const bool good = postNext(agent, memory);
  if (!inFlight()) times_.pause();
  return good;
}

bool PageTransfer::postNext(Agent& agent, const LaneMemory& memory) {
  if (batch()->abandoned()) {
    attempts_.clear();
    return true;
  }
  if (std::exchange(rewind_pending_, false)) {
    for (const Attempt& attempt : attempts_) rewind(entries_[attempt.begin]);
  }
  try {
    prepare(attempts_.front());
    times_.enter(HICACHE_PHASE_POST);
    request_ = makeRequest(agent, memory);
  } catch (...) {
    failAttempt(currentError());
    return false;
  }
  if (request_ == nullptr) {
    completeAttempt();
    return true;
  }
  request_->post();
  times_.enter(HICACHE_PHASE_TRANSFER);
  return request_->state() == TransferRequest::State::kInFlight || moveOn();
}

bool PageTransfer::poll() {
  const bool good = moveOn();
  if (!inFlight()) times_.pause();
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
  completeAttempt();
  return clean;
}

std::unique_ptr<TransferRequest> PageTransfer::makeRequest(Agent& agent, const LaneMemory& memory) {
  const Attempt& attempt = attempts_.front();
  std::vector<Descriptor> local;
  std::vector<Descriptor> storage;
  local.reserve(attempt.end - attempt.begin);
  storage.reserve(attempt.end - attempt.begin);
  for (size_t i = attempt.begin; i < attempt.end; ++i) {
    const Entry& entry = entries_[i];
    uint64_t offset = entry.offset + static_cast<uint64_t>(attempt.from);
    Blocks blocks = memoryOf(entry);
    Block part;
    if (attempt.isPart()) {
      part = {blocks[0].address + static_cast<uint64_t>(attempt.from), attempt.bytes};
      blocks = Blocks(&part, 1);
    }
    for (const Block& block : blocks) {
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
  if (parts_->backend.needs_own_memory) {
    registered.around_local = {{staging_.address(), staging_.size(), 0}};
  } else {
    registered.local = memory.covers(local);
  }
  registered.storage = coverStorage(agent, storage);
  return std::make_unique<TransferRequest>(agent, operation_, std::move(local), std::move(storage), registered);
}

bool PageTransfer::failedButMoving() const {
  // Over POSIX AIO, NIXL reports a request's first failure while its other reads and writes run on in the C library's threads.
  // Only the C library knows when a file has none left; what it has not begun, it drops.
  if (parts_->backend.queue != "posix_aio") return false;
  const Attempt& attempt = attempts_.front();
  return std::any_of(entries_.begin() + static_cast<std::ptrdiff_t>(attempt.begin),
                     entries_.begin() + static_cast<std::ptrdiff_t>(attempt.end),
                     [](const Entry& entry) { return ::aio_cancel(entry.fd, nullptr) == AIO_NOTCANCELED; });
}

void PageTransfer::completeAttempt() {
  times_.enter(HICACHE_PHASE_FINISH);
  const Attempt attempt = attempts_.front();
  attempts_.pop_front();
  if (batch()->abandoned()) return;
  if (operation_ == TransferOperation::kRead) takeChecksums(attempt);
  if (attempt.isPart() && attempt.from + attempt.bytes < entries_[attempt.begin].length) return;
  for (size_t i = attempt.begin; i < attempt.end; ++i) {
    try {
      complete(entries_[i]);
    } catch (...) {
      settle(entries_[i].index, PageResult::failed(currentError()));
    }
  }
}

void PageTransfer::failAttempt(const Error& error) {
  const Attempt failed = attempts_.front();
  attempts_.pop_front();
  if (batch()->abandoned()) {
    attempts_.clear();
    return;
  }
  if (failed.end - failed.begin > 1) {
    // NIXL has one status for all: find the bad page, so that it does not spoil its neighbours.
    for (size_t i = failed.end; i > failed.begin; --i) attempts_.push_front({i - 1, i});
    rewind_pending_ = true;
    return;
  }
  while (!attempts_.empty() && attempts_.front().begin == failed.begin) attempts_.pop_front();  // the page's other parts
  Entry& entry = entries_[failed.begin];
  try {
    settle(entry.index, diagnose(entry, error));
  } catch (...) {
    settle(entry.index, PageResult::failed(currentError()));
  }
  rewind(entry);
}

void PageTransfer::fail(const Error& error) {
  for (; !attempts_.empty(); attempts_.pop_front()) {
    for (size_t i = attempts_.front().begin; i < attempts_.front().end; ++i)
      settle(entries_[i].index, PageResult::failed(error));
  }
}

void PageTransfer::finish() {
  times_.enter(HICACHE_PHASE_FINISH);
  completeAll();
  entries_.clear();
  buffers_->give(std::move(staging_));
  staging_ = AlignedBuffer();
  times_.pause();
}

}  // namespace hicache
