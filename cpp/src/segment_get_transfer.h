// SPDX-License-Identifier: Apache-2.0
//
// A chunk of a get out of segments. A slot that went to another page while it was read is told by the index, and by the
// checksum; then the page is read again from where it stands now.
#pragma once

#include <optional>
#include <vector>

#include "lane_segments.h"
#include "page_transfer.h"

namespace hicache {

class SegmentGetTransfer final : public PageTransfer {
 public:
  SegmentGetTransfer(std::shared_ptr<const StoreParts> parts, BufferPool* buffers, LaneSegments* segments, Chunk chunk);

 protected:
  void openAll() override;
  bool open(size_t index, Entry* entry) override;
  bool wantsChecksum(const Entry&) const override { return parts_->config.verify_checksum; }
  void complete(Entry& entry) override;
  PageResult diagnose(const Entry& entry, const Error& nixl_failure) override;
  bool coverStorage(Agent& agent, const std::vector<Descriptor>& storage) override;

 private:
  void requireFit(size_t index, const LayoutSegments::Found& found) const;
  // The descriptor of the page's segment; nothing when the segment is gone, and the page with it. Throws IO.
  std::optional<int> openSegment(const PageName& name, const LayoutSegments::Found& found, bool direct) const;
  // Reads what stands under the key now. False when the key is settled: the page is gone. Throws CORRUPT, IO.
  bool readAgain(const Entry& entry);
  // False when the segment is gone or ends before the page does.
  bool readPlainly(const Entry& entry, const LayoutSegments::Found& found) const;
  Error dropDamaged(const Entry& entry, const LayoutSegments::Found& found, const std::string& damage) const;

  LayoutSegments& layout_;
  LaneSegments* const segments_;
  std::optional<LayoutSegments::Look> look_;                 // while pages are opened
  std::vector<std::optional<LayoutSegments::Found>> found_;  // by index in the chunk
};

}  // namespace hicache
