// SPDX-License-Identifier: Apache-2.0
//
// Whether all that an index of segments says of its pages, slots, slabs and bytes agrees, with each other and with the files.
#pragma once

#include <gtest/gtest.h>

#include "segment_directory.h"

namespace hicache {

// No store may write meanwhile.
testing::AssertionResult agrees(SegmentDirectory& directory);

}  // namespace hicache
