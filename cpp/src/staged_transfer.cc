// SPDX-License-Identifier: Apache-2.0
#include "staged_transfer.h"

#include <utility>

namespace hicache {
namespace {

bool isOnDevice(const Page& page) { return page.place.type == MemoryType::kVram; }

}  // namespace

bool StagedTransfer::isFor(const StoreParts& parts, const Chunk& chunk) {
  if (parts.config.gpu_staging == GpuStaging::kNever || chunk.batch->operation() == Operation::kExists) return false;
  for (size_t i = 0; i < chunk.end - chunk.begin; ++i) {
    if (isOnDevice(chunk.page(i)) && !chunk.batch->settledEarly(chunk.begin + i)) return true;
  }
  return false;
}

StagedTransfer::StagedTransfer(std::shared_ptr<const StoreParts> parts, LaneDevices* devices, Chunk chunk,
                               const MakeTransfer& make)
    : Transfer(std::move(parts), std::move(chunk)), devices_(devices) {
  pages_.reserve(pageCount());
  for (size_t i = 0; i < pageCount(); ++i) {
    pages_.push_back(page(i));
    if (!isSettled(i) && isOnDevice(page(i))) staged_.push_back({i, {0, page(i).length}});
  }
  for (Staged& staged : staged_) {
    pages_[staged.index].place = {};
    pages_[staged.index].blocks = Blocks(&staged.copy, 1);
  }
  Chunk in_host_memory = chunk_;
  in_host_memory.pages = pages_.data();
  host_ = make(std::move(in_host_memory));
}

StagedTransfer::~StagedTransfer() {
  if (copies_ && copies_->isLost()) {
    memory_.leak();
  } else {
    devices_->buffers().give(std::move(memory_));
  }
}

void StagedTransfer::begin() {
  if (batch()->abandoned()) return host_->begin();
  times_.enter(HICACHE_PHASE_PREPARE);
  assignMemory();
  if (batch()->operation() == Operation::kSet) {
    startCopies(CopyDirection::kToHost);
    step_ = Step::kCopyOut;
  } else {
    times_.pause();
    host_->begin();
  }
}

void StagedTransfer::assignMemory() {
  size_t bytes = 0;
  for (const Staged& staged : staged_) bytes += alignedLength(staged.copy.length);
  if (bytes == 0) return;
  memory_ = devices_->buffers().take(bytes);
  uint64_t next = memory_.address();
  for (Staged& staged : staged_) {
    staged.copy.address = next;
    next += alignedLength(staged.copy.length);
  }
}

void StagedTransfer::startCopies(CopyDirection direction) {
  copies_.emplace(*devices_, direction, batch()->fence());
  for (const Staged& staged : staged_) {
    if (direction == CopyDirection::kToHost || isFound(staged)) copyPage(staged, direction);
  }
  copies_->mark();
}

void StagedTransfer::copyPage(const Staged& staged, CopyDirection direction) {
  uint64_t copy = staged.copy.address;
  for (const Block& block : page(staged.index).blocks) {
    const auto bytes = static_cast<size_t>(block.length);
    const int device = page(staged.index).place.device;
    if (direction == CopyDirection::kToHost) {
      copies_->add(device, copy, block.address, bytes);
    } else {
      copies_->add(device, block.address, copy, bytes);
    }
    copy += bytes;
  }
}

bool StagedTransfer::isFound(const Staged& staged) const { return host_->resultOf(staged.index).outcome == HICACHE_HIT; }

bool StagedTransfer::waits() {
  if (step_ == Step::kCopyOut) {
    if (copies_->running()) return true;
    times_.pause();
    if (copies_->failure()) {
      for (const Staged& staged : staged_) host_->settle(staged.index, PageResult::failed(*copies_->failure()));
    }
    step_ = Step::kMove;
    host_->begin();
  }
  if (step_ == Step::kMove) {
    if (!host_->drained()) return host_->waits();
    step_ = Step::kDone;
    if (batch()->operation() == Operation::kSet || batch()->abandoned()) return false;
    times_.enter(HICACHE_PHASE_FINISH);
    startCopies(CopyDirection::kToDevice);
    step_ = Step::kCopyIn;
  }
  if (step_ == Step::kCopyIn) {
    if (copies_->running()) return true;
    times_.pause();
    step_ = Step::kDone;
  }
  return false;
}

void StagedTransfer::finish() {
  host_->finish();
  if (copies_ && copies_->failure()) {
    for (const Staged& staged : staged_) {
      if (isFound(staged)) host_->settle(staged.index, PageResult::failed(*copies_->failure()));
    }
  }
  for (size_t i = 0; i < pageCount(); ++i) settle(i, host_->resultOf(i));
  times_.add(host_->times());
}

}  // namespace hicache
