// SPDX-License-Identifier: Apache-2.0
//
// What a lane does at once, without a transfer: exists, delete, clear.
#pragma once

#include "batch.h"
#include "store_parts.h"

namespace hicache {

// Runs the batch's operation on one key. Never throws: an Error becomes the key's result.
PageResult runKeyOperation(const StoreParts& parts, const Batch& batch, size_t index);

}  // namespace hicache
