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
  LaneSegments(const LayoutSegments* layout, size_t shard) : layout_(layout), shard_(shard) {}

  size_t shard() const { return shard_; }
  // The descriptor of a segment. Throws IO.
  int open(size_t directory, uint32_t segment, bool direct);
  // Registers with the agent the files that these lie in. Throws TRANSFER_FAILED.
  void cover(Agent& agent, const std::vector<Descriptor>& storage);
  // To be called before the agent goes.
  void forget() { registrations_.clear(); }

 private:
  const LayoutSegments* const layout_;
  const size_t shard_;
  std::map<std::tuple<size_t, uint32_t, bool>, FileHandle> files_;
  std::map<uint64_t, uint64_t> lengths_;            // by descriptor
  std::map<uint64_t, Registration> registrations_;  // by descriptor
};

}  // namespace hicache
