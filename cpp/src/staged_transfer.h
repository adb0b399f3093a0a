// SPDX-License-Identifier: Apache-2.0
//
// A chunk with pages on devices, over a backend or a layout that moves host memory: its pages pass through pinned memory of the
// lane. A set copies them out before the transfer of their copies begins; a get copies into the devices what that transfer has
// found and verified. Meanwhile the lane's other chunks move, so that copies and storage overlap.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "lane_devices.h"
#include "transfer.h"

namespace hicache {

// Threads: the lane that owns it.
class StagedTransfer final : public Transfer {
 public:
  using MakeTransfer = std::function<std::unique_ptr<Transfer>(Chunk)>;

  // True for a chunk that has a page on a device which is to pass through host memory.
  static bool isFor(const StoreParts& parts, const Chunk& chunk);

  // make: the transfer of a chunk whose pages are all in host memory.
  StagedTransfer(std::shared_ptr<const StoreParts> parts, LaneDevices* devices, Chunk chunk, const MakeTransfer& make);
  ~StagedTransfer() override;

  bool admit(RoomWait* wait) override { return host_->admit(wait); }
  void begin() override;
  bool waits() override;
  bool post(Agent& agent, const LaneMemory& memory) override { return host_->post(agent, memory); }
  bool poll() override { return host_->poll(); }
  void fail(const Error& error) override { host_->fail(error); }
  void finish() override;

  bool inFlight() const override { return host_->inFlight(); }
  bool drained() const override { return step_ == Step::kDone; }

 private:
  enum class Step { kCopyOut, kMove, kCopyIn, kDone };

  // One page on a device, and where its copy is.
  struct Staged {
    size_t index = 0;
    Block copy;
  };

  void assignMemory();
  void startCopies(CopyDirection direction);
  // Copies a page's blocks from or to its copy.
  void copyPage(const Staged& staged, CopyDirection direction);
  bool isFound(const Staged& staged) const;

  LaneDevices* const devices_;
  std::vector<Page> pages_;  // the chunk's, those on devices with their copies
  std::vector<Staged> staged_;
  AlignedBuffer memory_;
  Step step_ = Step::kMove;
  std::optional<DeviceCopies> copies_;
  std::unique_ptr<Transfer> host_;
};

}  // namespace hicache
