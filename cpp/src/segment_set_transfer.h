// SPDX-License-Identifier: Apache-2.0
//
// A chunk of a set into segments: a slot for each page, one entry in the index for all of them at the end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lane_segments.h"
#include "page_transfer.h"

namespace hicache {

class SegmentSetTransfer final : public PageTransfer {
 public:
  SegmentSetTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, LaneSegments* segments, Chunk chunk);
  ~SegmentSetTransfer() override;

 protected:
  void openAll() override;
  bool open(size_t index, Entry* entry) override;
  void complete(Entry& entry) override;
  void completeAll() override;
  PageResult diagnose(const Entry& entry, const Error& nixl_failure) override;
  bool coverStorage(Agent& agent, const std::vector<Descriptor>& storage) override;

 private:
  struct Written {
    size_t directory = 0;
    size_t key_begin = 0;  // of the page's key in page_keys_
    size_t key_length = 0;
    Slot slot;
    uint64_t checksum = 0;
    int32_t flags = 0;
    bool whole = false;
  };

  // Taken, and not given to a page yet.
  struct Slots {
    size_t directory = 0;
    int64_t length = 0;
    std::vector<Slot> ready;
  };

  Slot takeSlot(size_t index);
  // True when the set is to leave what is stored alone.
  bool isThere(size_t index) const;
  std::string_view pageKey(size_t index) const;
  void publish(size_t directory, const std::vector<size_t>& indices);

  LayoutSegments& layout_;
  LaneSegments* const segments_;
  std::vector<Written> written_;  // by index in the chunk
  std::string page_keys_;         // all of them, one after the other
  std::vector<Slots> slots_;
};

}  // namespace hicache
