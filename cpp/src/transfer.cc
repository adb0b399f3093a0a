// SPDX-License-Identifier: Apache-2.0
#include "transfer.h"

#include "checksum.h"
#include "get_transfer.h"
#include "object_transfer.h"
#include "segment_get_transfer.h"
#include "segment_set_transfer.h"
#include "set_transfer.h"
#include "staged_transfer.h"

namespace hicache {

bool Transfer::does(const StoreParts& parts, Operation operation) {
  return operation == Operation::kSet || operation == Operation::kGet ||
         (operation == Operation::kExists && parts.objects != nullptr);
}

namespace {

std::unique_ptr<Transfer> hostTransferOf(std::shared_ptr<const StoreParts> parts, const LaneParts& lane, Chunk chunk) {
  if (parts->objects != nullptr) return std::make_unique<ObjectTransfer>(std::move(parts), lane.buffers, std::move(chunk));
  const bool is_set = chunk.batch->operation() == Operation::kSet;
  if (parts->segments != nullptr) {
    if (is_set) return std::make_unique<SegmentSetTransfer>(std::move(parts), lane.buffers, lane.segments, std::move(chunk));
    return std::make_unique<SegmentGetTransfer>(std::move(parts), lane.buffers, lane.segments, std::move(chunk));
  }
  if (is_set) return std::make_unique<SetTransfer>(std::move(parts), lane.buffers, std::move(chunk));
  return std::make_unique<GetTransfer>(std::move(parts), lane.buffers, std::move(chunk));
}

}  // namespace

std::unique_ptr<Transfer> Transfer::of(std::shared_ptr<const StoreParts> parts, const LaneParts& lane, Chunk chunk) {
  if (!StagedTransfer::isFor(*parts, chunk)) return hostTransferOf(std::move(parts), lane, std::move(chunk));
  return std::make_unique<StagedTransfer>(parts, lane.devices, std::move(chunk), [parts, lane](Chunk staged) {
    return hostTransferOf(parts, lane, std::move(staged));
  });
}

Transfer::Transfer(std::shared_ptr<const StoreParts> parts, Chunk chunk) : parts_(std::move(parts)), chunk_(std::move(chunk)) {
  results_.resize(chunk_.end - chunk_.begin);
}

void Transfer::requireHostMemory(size_t index) const {
  const MemoryPlace& place = page(index).place;
  if (place.type == MemoryType::kDram) return;
  throw Error(HICACHE_UNSUPPORTED, std::string(nameOf(batch()->operation())) + ": the page is on " + nameOf(place) +
                                       ", and with gpu_staging = never the backend " + parts_->backend.name +
                                       " moves host memory only; set gpu_staging = auto, or copy it first (tensor.cpu())");
}

bool Transfer::isSame(size_t index, const PageSeal& stored) const {
  const Page& wanted = page(index);
  return static_cast<int64_t>(stored.length) == wanted.length && stored.shape == wanted.shape &&
         stored.checksum == checksum(wanted.blocks);
}

void Transfer::requireFit(size_t index, std::string_view name, int64_t stored_length, int32_t stored_dtype) const {
  const Page& target = page(index);
  if (stored_length != target.length) {
    throw Error(HICACHE_INVALID_ARGUMENT, "get: the page '" + std::string(name) + "' has " + std::to_string(stored_length) +
                                              " bytes, its target " + std::to_string(target.length));
  }
  if (stored_dtype == HICACHE_DTYPE_UNKNOWN || target.shape.dtype == HICACHE_DTYPE_UNKNOWN) return;
  if (stored_dtype == target.shape.dtype) return;
  throw Error(HICACHE_INVALID_ARGUMENT, "get: the page '" + std::string(name) + "' was stored with dtype " +
                                            std::to_string(stored_dtype) + ", its target has " +
                                            std::to_string(target.shape.dtype) + " (libtorch ScalarType)");
}

}  // namespace hicache
