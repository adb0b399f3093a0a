// SPDX-License-Identifier: Apache-2.0
//
// One lane's descriptors of segment files, each opened once and registered once with the lane's agent. They are the lane's own,
// since some calls that end I/O end all of a descriptor's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "layout_segments.h"
#include "registration.h"

namespace hicache {

// Threads: the lane's.
class LaneSegments {
 public:
  // shard: see SlotAllocator::take; another for each lane.
  LaneSegments(const LayoutSegments* layout, size_t shard);

  size_t shard() const { return shard_; }
  // The descriptor of a segment. Throws IO.
  int open(size_t directory, uint32_t segment, bool direct);
  // When the page in a slot was last used.
  std::atomic<uint32_t>& lastUse(size_t directory, const Slot& slot) { return use_times_[directory].of(slot); }
  // Registers with the agent the files that these lie in. Throws TRANSFER_FAILED.
  void cover(Agent& agent, const std::vector<Descriptor>& storage);
  // To be called before the agent goes.
  void forget() { registrations_.clear(); }

 private:
  const LayoutSegments* const layout_;
  const size_t shard_;
  std::map<std::tuple<size_t, uint32_t, bool>, FileHandle> files_;
  std::vector<SegmentFiles::UseTimes> use_times_;   // by directory
  std::map<uint64_t, Registration> registrations_;  // by descriptor
};

}  // namespace hicache
