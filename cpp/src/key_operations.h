// SPDX-License-Identifier: Apache-2.0
//
// What a lane does at once, without a transfer: exists, delete, clear.
#pragma once

#include <vector>

#include "batch.h"
#include "store_parts.h"

namespace hicache {

// Runs the batch's operation on the chunk's keys that are not settled yet; those that it does not come to because the batch was
// abandoned stay PENDING. Never throws: an Error becomes the key's result.
std::vector<PageResult> runKeyOperations(const StoreParts& parts, const Chunk& chunk);

}  // namespace hicache
