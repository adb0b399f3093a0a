// SPDX-License-Identifier: Apache-2.0
//
// One chunk of a batch on its way through a lane:
//   admit    take the room that it needs
//   begin    place or find each page
//   post     hand the next request to NIXL
//   poll     move what is in flight on; then publish or verify its pages
//   finish   settle the keys
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "batch.h"
#include "registered_memory.h"
#include "store_parts.h"

namespace hicache {

class BufferPool;
class LaneDevices;
class LaneSegments;

// What a lane has for its transfers. segments: for that layout.
struct LaneParts {
  BufferPool* buffers = nullptr;
  LaneSegments* segments = nullptr;
  LaneDevices* devices = nullptr;
};

// Threads: the lane that owns it.
class Transfer {
 public:
  // True for the operations that a lane does by transfers; the others are runKeyOperations'.
  static bool does(const StoreParts& parts, Operation operation);
  static std::unique_ptr<Transfer> of(std::shared_ptr<const StoreParts> parts, const LaneParts& lane, Chunk chunk);
  virtual ~Transfer() = default;

  // Takes the room that it needs, before all else. False when there is none yet: the chunk is to be asked again later, with the
  // same wait, and the object is to be dropped. Pages for which there will be none are settled.
  virtual bool admit(RoomWait*) { return true; }
  virtual void begin() = 0;
  // True while it is too early to post what is next. Asked again and again: moves on what NIXL does not move.
  virtual bool waits() { return false; }
  // Posts what is next; the agent must be a good one, and no I/O of a suspect one may be left. False when NIXL refused: the
  // agent is suspect from then on.
  virtual bool post(Agent& agent, const LaneMemory& memory) = 0;
  // Moves what is in flight on. False when it failed: the agent is suspect from then on.
  virtual bool poll() = 0;
  // Gives up what is not posted yet, with this cause.
  virtual void fail(const Error& error) = 0;
  // After drained, when no I/O of a suspect agent is left. Files are closed and temp files gone when the object ends.
  virtual void finish() = 0;

  virtual bool inFlight() const = 0;
  // Nothing in flight and nothing more to post.
  virtual bool drained() const = 0;

  // What became of the chunk's keys, for Batch::endChunk; PENDING where the batch was abandoned first.
  std::vector<PageResult> takeResults() { return std::move(results_); }
  const PageResult& resultOf(size_t index) const { return results_[index]; }
  const PhaseTimes& times() const { return times_; }
  const Chunk& chunk() const { return chunk_; }
  const std::shared_ptr<Batch>& batch() const { return chunk_.batch; }

  // Before begin: nothing is to be done for this page. At the end: this became of it after all.
  void settle(size_t index, PageResult result) { results_[index] = std::move(result); }

 protected:
  Transfer(std::shared_ptr<const StoreParts> parts, Chunk chunk);

  const Page& page(size_t index) const { return chunk_.page(index); }
  size_t pageCount() const { return results_.size(); }
  // True when nothing is to be done for a page any more.
  bool isSettled(size_t index) const {
    return chunk_.batch->settledEarly(chunk_.begin + index) || results_[index].outcome != HICACHE_PENDING;
  }
  // Throws UNSUPPORTED for memory of a GPU.
  void requireHostMemory(size_t index) const;
  // True when a stored page has the very bytes, dtype and shape of page index.
  bool isSame(size_t index, const PageSeal& stored) const;
  // Throws INVALID_ARGUMENT where what is stored cannot go into page index. name: of what is stored, for the message.
  void requireFit(size_t index, std::string_view name, int64_t stored_length, int32_t stored_dtype) const;

  const std::shared_ptr<const StoreParts> parts_;
  const Chunk chunk_;
  PhaseTimes times_;

 private:
  std::vector<PageResult> results_;
};

}  // namespace hicache
