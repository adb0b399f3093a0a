// SPDX-License-Identifier: Apache-2.0
#include "lane_segments.h"

namespace hicache {

namespace {

// A registration's length is the plugin's to know; pages are found by their offsets.
constexpr uint64_t kRegisteredBytes = uint64_t{1} << 40;

}  // namespace

LaneSegments::LaneSegments(const LayoutSegments* layout, size_t shard) : layout_(layout), shard_(shard) {
  for (size_t i = 0; layout != nullptr && i < layout->directoryCount(); ++i)
    use_times_.emplace_back(layout->directory(i).files());
}

int LaneSegments::open(size_t directory, uint32_t segment, bool direct) {
  FileHandle& file = files_[{directory, segment, direct}];
  if (!file) file = layout_->directory(directory).files().open(segment, direct);
  return file.get();
}

void LaneSegments::cover(Agent& agent, const std::vector<Descriptor>& storage) {
  for (const Descriptor& each : storage) {
    if (registrations_.contains(each.device_id)) continue;
    registrations_[each.device_id] = Registration(agent, MemoryType::kFile, {{0, kRegisteredBytes, each.device_id}});
  }
}

}  // namespace hicache
