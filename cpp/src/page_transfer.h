// SPDX-License-Identifier: Apache-2.0
//
// One chunk of a set or a get on its way through a lane:
//   begin    place or find each page
//   post     stage and checksum what the next request carries, and hand it to NIXL
//   poll     move the request on; then publish or verify its pages
//   finish   settle the keys
// A request carries several pages, or a part of a large one, so that what is copied is still in the processor's cache when it
// is checksummed. After a failed request its pages go one by one.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aligned_buffer.h"
#include "batch.h"
#include "checksum.h"
#include "lane_segments.h"
#include "registered_memory.h"
#include "store_parts.h"
#include "transfer_request.h"

namespace hicache {

// Threads: the lane that owns it.
class PageTransfer {
 public:
  // segments: the lane's, for that layout.
  static std::unique_ptr<PageTransfer> of(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, LaneSegments* segments,
                                          Chunk chunk);
  virtual ~PageTransfer() = default;

  // Takes the room that it needs, before all else. False when there is none yet: the chunk is to be asked again later, with the
  // same wait, and the object is to be dropped. Pages for which there will be none are settled.
  virtual bool admit(RoomWait*) { return true; }
  void begin();
  // Posts what is next; the agent must be a good one, and no I/O of a suspect one may be left. False when NIXL refused: the
  // agent is suspect from then on.
  bool post(Agent& agent, const LaneMemory& memory);
  // Moves what is in flight on. False when it failed: the agent is suspect from then on.
  bool poll();
  // Gives up what is not posted yet, with this cause.
  void fail(const Error& error);
  // After drained, when no I/O of a suspect agent is left. The files are closed and temp files gone when the object ends.
  void finish();
  // What became of the chunk's keys, for Batch::endChunk; PENDING where the batch was abandoned first.
  std::vector<PageResult> takeResults() { return std::move(results_); }

  const PhaseTimes& times() const { return times_; }

  bool inFlight() const { return request_ != nullptr; }
  // Nothing in flight and nothing more to post.
  bool drained() const { return request_ == nullptr && attempts_.empty(); }
  const Chunk& chunk() const { return chunk_; }
  const std::shared_ptr<Batch>& batch() const { return chunk_.batch; }

 protected:
  // One page under way.
  struct Entry {
    size_t index = 0;  // in the chunk
    FilePlace place;
    int fd = -1;
    uint64_t offset = 0;  // in the file
    int64_t length = 0;
    Block staging;  // a contiguous, aligned copy of the page, where it is staged
    bool staged = false;
    bool direct = false;
    uint64_t checksum = 0;  // of the bytes to be written; of those read where wantsChecksum
  };

  PageTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, Chunk chunk, TransferOperation operation);

  const Page& page(size_t index) const { return chunk_.batch->pages()[chunk_.begin + index]; }
  void settle(size_t index, PageResult result) { results_[index] = std::move(result); }
  size_t pageCount() const { return results_.size(); }
  // True when nothing is to be done for a page any more.
  bool isSettled(size_t index) const {
    return chunk_.batch->settledEarly(chunk_.begin + index) || results_[index].outcome != HICACHE_PENDING;
  }
  int32_t bufferedFlag(const Entry& entry) const;
  // True when a stored page has the very bytes, dtype and shape of page index.
  bool isSame(size_t index, const PageSeal& stored) const;
  // Throws INVALID_ARGUMENT where what is stored cannot go into page index. name: of what is stored, for the message.
  void requireFit(size_t index, std::string_view name, int64_t stored_length, int32_t stored_dtype) const;
  // Why a page could not be written: by the plain system call, or the NIXL failure when that works. where: for the message.
  Error diagnoseWrite(const Entry& entry, const std::string& where, const Error& nixl_failure) const;
  // What NIXL reads or fills: the caller's blocks, or the staged copy.
  Blocks memoryOf(const Entry& entry) const { return entry.staged ? Blocks(&entry.staging, 1) : page(entry.index).blocks; }

  // Opens all pages that are not settled.
  virtual void openAll();
  // Opens the file of page index and fills the entry, or settles the key and returns false. May throw Error.
  virtual bool open(size_t index, Entry* entry) = 0;
  // Whether the checksum of what was read is needed.
  virtual bool wantsChecksum(const Entry&) const { return true; }
  // The entry's bytes have moved: publish or verify, and settle. May throw Error.
  virtual void complete(Entry& entry) = 0;
  // All that moved is complete: last step of the chunk. Settles what complete has not.
  virtual void completeAll() {}
  // Takes back what a failed attempt has left of the entry: space that its neighbours need.
  virtual void rewind(Entry&) {}
  // Registers the storage side for as long as the agent lives; false: each request registers its own. May throw Error.
  virtual bool coverStorage(Agent&, const std::vector<Descriptor>&) { return false; }
  // What became of a page that NIXL could not move: the cause by the plain system call, the NIXL failure when that works. May
  // throw Error.
  virtual PageResult diagnose(const Entry& entry, const Error& nixl_failure) = 0;

  const std::shared_ptr<const StoreParts> parts_;
  const Chunk chunk_;

 private:
  // What one request carries: whole entries, or bytes of one.
  struct Attempt {
    size_t begin = 0;  // entries
    size_t end = 0;
    int64_t from = 0;
    int64_t bytes = kAll;  // of the entry, from on
    static constexpr int64_t kAll = -1;

    bool isPart() const { return bytes != kAll; }
  };

  void requireHostMemory(Blocks blocks) const;
  bool mustStage(const Entry& entry) const;
  void assignMemory();
  void planAttempts();
  // Of what the attempt carries; a part's is kept until its page has all of them.
  void takeChecksums(const Attempt& attempt);
  void prepare(const Attempt& attempt);
  // The bytes of the attempt in front have moved.
  void completeAttempt();
  // A request for the next attempt; null when its pages have no bytes.
  std::unique_ptr<TransferRequest> makeRequest(Agent& agent, const LaneMemory& memory);
  bool postNext(Agent& agent, const LaneMemory& memory);
  bool moveOn();
  // True while I/O of a failed request still runs.
  bool failedButMoving() const;
  void failAttempt(const Error& error);

  BufferPool* const buffers_;
  const TransferOperation operation_;
  std::vector<Entry> entries_;
  std::vector<PageResult> results_;
  AlignedBuffer staging_;
  std::deque<Attempt> attempts_;   // still to be posted; the front one is in flight
  ChecksumStream parts_checksum_;  // of the page that moves in parts
  bool rewind_pending_ = false;    // the entries of the next attempt were part of a failed one
  std::unique_ptr<TransferRequest> request_;
  PhaseTimes times_;
};

}  // namespace hicache
