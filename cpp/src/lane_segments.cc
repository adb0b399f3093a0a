// SPDX-License-Identifier: Apache-2.0
#include "lane_segments.h"

namespace hicache {

int LaneSegments::open(size_t directory, uint32_t segment, bool direct) {
  FileHandle& file = files_[{directory, segment, direct}];
  if (!file) {
    SegmentDirectory& opened = layout_->directory(directory);
    file = opened.files().open(segment, direct);
    lengths_[static_cast<uint64_t>(file.get())] = static_cast<uint64_t>(opened.index().geometry().segment_bytes);
  }
  return file.get();
}

void LaneSegments::cover(Agent& agent, const std::vector<Descriptor>& storage) {
  for (const Descriptor& each : storage) {
    if (registrations_.contains(each.device_id)) continue;
    registrations_[each.device_id] = Registration(agent, MemoryType::kFile, {{0, lengths_.at(each.device_id), each.device_id}});
  }
}

}  // namespace hicache
