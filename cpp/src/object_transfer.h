// SPDX-License-Identifier: Apache-2.0
//
// One page on its way to or from an object, or a look whether it is there. Everything goes through memory of our own: NIXL
// reports a short object as a success, writes the server's error document where the page was to go, and never lets go of the
// memory of a request that hangs. A request that fails is made again, after a while.
#pragma once

#include <memory>
#include <string>

#include "aligned_buffer.h"
#include "layout_objects.h"
#include "object_answer.h"
#include "transfer.h"
#include "transfer_request.h"

namespace hicache {

// Threads: the lane that owns it.
class ObjectTransfer final : public Transfer {
 public:
  // chunk: of one page.
  ObjectTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, Chunk chunk);

  void begin() override;
  bool waits() override { return Clock::now() < next_try_; }
  bool post(Agent& agent, const LaneMemory& memory) override;
  bool poll() override;
  void fail(const Error& error) override;
  void finish() override;

  bool inFlight() const override { return request_ != nullptr; }
  bool drained() const override { return request_ == nullptr && ended_; }

 private:
  static constexpr uint8_t kCanary = 0xA5;

  enum class Step {
    kLook,   // read the header: exists; a set that may leave the page alone
    kRead,   // read the object: get
    kWrite,  // write the object: set
  };

  uint8_t* bytes() const { return reinterpret_cast<uint8_t*>(buffer_.address()); }
  std::string name() const { return layout_.describe(name_); }
  void end(PageResult result);
  // Fills the buffer for the next request: with the object, or so that what a read leaves alone can be told.
  void prepare();
  bool prepared() const { return buffer_.size() > 0; }
  void makeRequest(Agent& agent);
  void conclude(TransferRequest::State state, NixlStatus status);
  // The bytes have moved.
  void complete();
  void completeLook();
  void completeRead();
  // The object is not there, or no page of ours stands in it; a set goes on.
  void lookMissed();
  void attemptFailed(const Error& error);
  // What the server says of a failed read.
  ObjectAnswer ask() const;
  // True when the read has filled the buffer to the last byte that it must fill, and no further.
  bool endsWhereItMust(size_t length) const;

  LayoutObjects& layout_;
  BufferPool* const buffers_;
  Step step_ = Step::kLook;
  std::string name_;
  AlignedBuffer buffer_;
  size_t read_bytes_ = 0;  // of the request
  size_t read_from_ = 0;
  uint8_t canary_ = kCanary;  // what the memory that a read should leave alone holds
  int64_t tries_ = 0;
  bool ended_ = false;
  Clock::time_point next_try_ = {};
  std::unique_ptr<TransferRequest> request_;
  Agent* agent_ = nullptr;  // of the request
};

}  // namespace hicache
