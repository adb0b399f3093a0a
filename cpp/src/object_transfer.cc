// SPDX-License-Identifier: Apache-2.0
#include "object_transfer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "checksum.h"
#include "file_system.h"

namespace hicache {
namespace {

using std::chrono::milliseconds;

// A read of less leaves no room for the server's error document.
constexpr size_t kReadBytesMin = 512;
// A read goes so far beyond a raw object's end, to see that it is the end.
constexpr size_t kBeyond = 16;
constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{2000};

// Twice as long after each failure, and half of it by chance, so that callers do not come back all at once.
milliseconds pauseAfter(int64_t tries) {
  const milliseconds full = std::min(kLongestPause, kFirstPause * (int64_t{1} << std::min<int64_t>(tries - 1, 10)));
  return full / 2 + milliseconds(static_cast<int64_t>(randomNumber() % static_cast<uint64_t>(full.count() / 2 + 1)));
}

}  // namespace

ObjectTransfer::ObjectTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, Chunk chunk)
    : Transfer(std::move(parts), std::move(chunk)), layout_(*parts_->objects), buffers_(buffers) {}

void ObjectTransfer::end(PageResult result) {
  settle(0, std::move(result));
  ended_ = true;
}

void ObjectTransfer::begin() {
  ended_ = isSettled(0) || batch()->abandoned();
  if (ended_) return;
  try {
    requireHostMemory(0);
    name_ = layout_.nameOf(page(0).name);
    if (batch()->operation() == Operation::kGet) step_ = Step::kRead;
    if (batch()->operation() == Operation::kSet) {
      step_ = batch()->keepsExisting() || (batch()->skipsExisting() && layout_.sealed()) ? Step::kLook : Step::kWrite;
      if (page(0).length == 0 && !layout_.sealed()) {
        throw Error(HICACHE_UNSUPPORTED,
                    "set: a raw object cannot be told from none when it is empty; use object_format = sealed");
      }
    }
  } catch (...) {
    end(PageResult::failed(currentError()));
  }
}

void ObjectTransfer::prepare() {
  const auto length = static_cast<size_t>(std::max<int64_t>(page(0).length, 0));
  const size_t object = layout_.headerBytes() + length;
  if (step_ == Step::kWrite) {
    if (prepared()) return;
    buffer_ = buffers_->take(object);
    uint8_t* data = bytes() + layout_.headerBytes();
    gather(page(0).blocks, data);
    if (layout_.sealed()) {
      layout_.headerOf(page(0).name, name_, {length, checksum(data, length), 0, page(0).shape}).encode(bytes());
    }
    return;
  }
  const bool look = step_ == Step::kLook;
  read_from_ = look && !layout_.sealed() && length > 0 && batch()->operation() == Operation::kExists ? length - 1 : 0;
  read_bytes_ = std::max(look ? 0 : object + kBeyond, kReadBytesMin);
  if (!prepared()) buffer_ = buffers_->take(read_bytes_);
  // A good page of before must not be taken for this one, nor an error of before for this one's.
  std::memset(bytes(), canary_, kReadBytesMin);
  if (!look) std::memset(bytes() + object - std::min<size_t>(object, 1), canary_, read_bytes_ - object + 1);
}

bool ObjectTransfer::post(Agent& agent, const LaneMemory&) {
  if (batch()->abandoned()) {
    ended_ = true;
    return true;
  }
  if (!layout_.breaker().admits()) {
    end(PageResult::failed(Error(HICACHE_BACKEND_UNAVAILABLE,
                                 name() + ": " + layout_.endpoint().server + " has failed too often and is left alone for " +
                                     std::to_string(layout_.breaker().remaining().count()) + " ms more (breaker_failures)")));
    return true;
  }
  times_.enter(HICACHE_PHASE_PREPARE);
  ++tries_;
  try {
    prepare();
    times_.enter(HICACHE_PHASE_POST);
    makeRequest(agent);
    const TransferRequest::State state = request_->post();
    times_.enter(HICACHE_PHASE_TRANSFER);
    if (state != TransferRequest::State::kInFlight) conclude(state, request_->lastStatus());
  } catch (...) {
    request_.reset();
    attemptFailed(currentError());
  }
  if (!inFlight()) times_.pause();
  return true;
}

void ObjectTransfer::makeRequest(Agent& agent) {
  const bool write = step_ == Step::kWrite;
  const uint64_t size = write ? layout_.headerBytes() + static_cast<uint64_t>(page(0).length) : read_bytes_;
  agent_ = &agent;
  request_ =
      std::make_unique<TransferRequest>(agent, write ? TransferOperation::kWrite : TransferOperation::kRead,
                                        std::vector<Descriptor>{{buffer_.address(), size, 0}},
                                        std::vector<Descriptor>{{write ? 0 : read_from_, size, nextObjectNumber(), name_}},
                                        TransferRequest::Registered(), MemoryType::kObject);
}

bool ObjectTransfer::poll() {
  const TransferRequest::State state = request_->poll();
  if (state == TransferRequest::State::kInFlight) return true;
  conclude(state, request_->lastStatus());
  if (!inFlight()) times_.pause();
  // A request has one object: with its failure nothing of it is left in the agent.
  return true;
}

void ObjectTransfer::conclude(TransferRequest::State state, NixlStatus status) {
  times_.enter(HICACHE_PHASE_FINISH);
  request_->release();
  request_.reset();
  try {
    if (state == TransferRequest::State::kDone) {
      layout_.breaker().succeeded();
      if (batch()->abandoned()) {
        ended_ = true;
        return;
      }
      complete();
    } else {
      attemptFailed(nixlError(HICACHE_TRANSFER_FAILED, (step_ == Step::kWrite ? "writing " : "reading ") + name(), status));
    }
  } catch (...) {
    end(PageResult::failed(currentError()));
  }
}

void ObjectTransfer::complete() {
  switch (step_) {
    case Step::kLook:
      return completeLook();
    case Step::kRead:
      return completeRead();
    case Step::kWrite:
      return end(PageResult::of(HICACHE_STORED, page(0).length));
  }
}

bool ObjectTransfer::endsWhereItMust(size_t length) const {
  return std::all_of(bytes() + length, bytes() + read_bytes_, [this](uint8_t byte) { return byte == canary_; });
}

void ObjectTransfer::completeLook() {
  const bool exists = batch()->operation() == Operation::kExists;
  const int64_t length = page(0).length;
  if (!layout_.sealed()) {
    if (exists && length > 0 && !endsWhereItMust(1)) return lookMissed();
    return end(exists ? PageResult::of(HICACHE_HIT, std::max<int64_t>(length, 0), HICACHE_FLAG_UNVERIFIED)
                      : PageResult::of(HICACHE_SKIPPED, length));
  }
  ObjectHeader header;
  if (!ObjectHeader::decode(bytes(), read_bytes_, &header) || !layout_.isOf(name_, header)) return lookMissed();
  const auto stored = static_cast<int64_t>(header.seal.length);
  if (exists) return length < 0 || length == stored ? end(PageResult::of(HICACHE_HIT, stored)) : lookMissed();
  if (batch()->keepsExisting() || isSame(0, header.seal)) return end(PageResult::of(HICACHE_SKIPPED, length));
  lookMissed();
}

void ObjectTransfer::lookMissed() {
  if (batch()->operation() == Operation::kExists) return end(PageResult::of(HICACHE_MISS));
  step_ = Step::kWrite;
  tries_ = 0;
  buffers_->give(std::move(buffer_));
  buffer_ = AlignedBuffer();
}

void ObjectTransfer::completeRead() {
  const int64_t length = page(0).length;
  const size_t object = layout_.headerBytes() + static_cast<size_t>(length);
  const uint8_t* data = bytes() + layout_.headerBytes();
  const bool verify = layout_.sealed() && parts_->config.verify_checksum;
  if (layout_.sealed()) {
    ObjectHeader header;
    if (!ObjectHeader::decode(bytes(), read_bytes_, &header) || !layout_.isOf(name_, header)) {
      throw Error(HICACHE_CORRUPT, name() + " is damaged, or is no page of this store; set the page again");
    }
    requireFit(0, page(0).name.key, static_cast<int64_t>(header.seal.length), header.seal.shape.dtype);
    if (verify && checksum(data, static_cast<size_t>(length)) != header.seal.checksum) {
      throw Error(HICACHE_CORRUPT,
                  name() + " does not have the bytes that were set: their checksum differs; set the page again");
    }
  }
  if (!endsWhereItMust(object)) {
    if (layout_.sealed()) throw Error(HICACHE_CORRUPT, name() + " has more bytes than its page; set the page again");
    throw Error(HICACHE_INVALID_ARGUMENT, "get: " + name() + " has more bytes than its target");
  }
  if (!verify) {
    if (object > 0 && bytes()[object - 1] == canary_) {
      // Either the object ends before, or its last byte is just this one: another canary tells.
      if (canary_ != kCanary) throw Error(HICACHE_INVALID_ARGUMENT, "get: " + name() + " has fewer bytes than its target");
      canary_ = static_cast<uint8_t>(~kCanary);
      return;
    }
  }
  scatter(data, page(0).blocks);
  end(PageResult::of(HICACHE_HIT, length, verify ? 0 : HICACHE_FLAG_UNVERIFIED));
}

ObjectAnswer ObjectTransfer::ask() const {
  if (step_ == Step::kWrite || agent_ == nullptr || !prepared()) return {};
  if (parts_->backend.plugin != "AZURE_BLOB") return ObjectAnswer::of(bytes(), read_bytes_);
  // Azure's client keeps the answer to itself.
  bool present = false;
  const NixlStatus status = agent_->api().queryObject(agent_->handle(), name_, &present);
  if (status != kNixlSuccess) return {};
  return {present ? ObjectAnswer::Kind::kEmpty : ObjectAnswer::Kind::kAbsent, ""};
}

void ObjectTransfer::attemptFailed(const Error& error) {
  if (batch()->abandoned()) {
    layout_.countFailures(1);
    ended_ = true;
    return;
  }
  const ObjectAnswer answer = ask();
  if (answer.kind == ObjectAnswer::Kind::kAbsent || answer.kind == ObjectAnswer::Kind::kEmpty) {
    layout_.breaker().succeeded();
    if (step_ == Step::kLook) return lookMissed();
    if (answer.kind == ObjectAnswer::Kind::kAbsent) return end(PageResult::of(HICACHE_MISS));
    return end(PageResult::failed(Error(HICACHE_CORRUPT, name() + " ends before the page that it should hold; set it again")));
  }
  layout_.countFailures(1);
  const Error cause =
      answer.code.empty() ? error : Error(HICACHE_IO, "reading " + name() + ": the server answers " + answer.code);
  next_try_ = Clock::now() + pauseAfter(tries_);
  if (answer.kind == ObjectAnswer::Kind::kRefused || tries_ >= parts_->config.objects.retry_attempts ||
      next_try_ >= batch()->deadline()) {
    next_try_ = {};
    return end(PageResult::failed(cause));
  }
  layout_.countRetry();
}

void ObjectTransfer::fail(const Error& error) {
  layout_.countFailures(1);
  end(PageResult::failed(error));
}

void ObjectTransfer::finish() {
  buffers_->give(std::move(buffer_));
  buffer_ = AlignedBuffer();
}

}  // namespace hicache
