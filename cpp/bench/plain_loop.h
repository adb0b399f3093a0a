// SPDX-License-Identifier: Apache-2.0
//
// What a program without a store would do: as many threads as the store has lanes, each with a loop of pread or pwrite over a
// file of its own.
#pragma once

#include <atomic>

#include "raw_shape.h"

namespace hicache::bench {

// Runs it in a folder of its own below the directory, removed at the end. Its files are written once before anything is timed,
// so that no block has to be found. Throws StoreError.
RawResult runPlainLoop(const RawShape& shape, const std::atomic<bool>& interrupted);

}  // namespace hicache::bench
