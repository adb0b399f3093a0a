// SPDX-License-Identifier: Apache-2.0
//
// One chunk of a set or a get of files, or of slots in files. Before its post, what the next request carries is staged and
// checksummed. A request carries several pages, or a part of a large one, so that what is copied is still in the processor's
// cache when it is checksummed. After a failed request its pages go one by one.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "aligned_buffer.h"
#include "checksum.h"
#include "transfer.h"
#include "transfer_request.h"

namespace hicache {

// Threads: the lane that owns it.
class PageTransfer : public Transfer {
 public:
  void begin() override;
  bool post(Agent& agent, const LaneMemory& memory) override;
  bool poll() override;
  void fail(const Error& error) override;
  void finish() override;

  bool inFlight() const override { return request_ != nullptr; }
  bool drained() const override { return request_ == nullptr && attempts_.empty(); }

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

  int32_t bufferedFlag(const Entry& entry) const;
  // Why a page could not be written: by the plain system call, or the NIXL failure when that works. where: for the message.
  Error diagnoseWrite(const Entry& entry, const std::string& where, const Error& nixl_failure) const;
  // Fills an entry's memory by plain system calls, from an offset of a file. Returns how many bytes there were, less than its
  // length where the file ends before. where: for the message. Throws IO.
  int64_t readPlainly(const Entry& entry, int fd, uint64_t offset, const std::string& where) const;
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
  // Whether the bytes at the end of a page that was read are those that were there before: the backend may have stopped short
  // of it. Only where it hides that, and for entries whose checksum is not taken.
  bool mayBeShort(const Entry& entry) const;
  // What became of a page that NIXL could not move: the cause by the plain system call, the NIXL failure when that works. May
  // throw Error.
  virtual PageResult diagnose(const Entry& entry, const Error& nixl_failure) = 0;

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

  bool mustStage(const Entry& entry) const;
  // Marks the end of each page to be read.
  void markEnds(const Attempt& attempt);
  bool hidesShortReads(const Entry& entry) const;
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
  AlignedBuffer staging_;
  std::deque<Attempt> attempts_;   // still to be posted; the front one is in flight
  ChecksumStream parts_checksum_;  // of the page that moves in parts
  bool rewind_pending_ = false;    // the entries of the next attempt were part of a failed one
  std::unique_ptr<TransferRequest> request_;
};

}  // namespace hicache
