// SPDX-License-Identifier: Apache-2.0
//
// From the C boundary's arrays to a batch: what is wrong with the whole call throws, what is wrong with one entry settles it.
#pragma once

#include "store.h"

namespace hicache {

// Throws INVALID_ARGUMENT when the call as a whole makes no sense.
void requireSound(const BatchRequest& request);

// Fills the pages, each with the place of its memory; settles bad entries as FAILED, and entries of a set that a later one
// replaces as SKIPPED.
void fillPages(const BatchRequest& request, CudaApi& cuda, Batch* batch);

}  // namespace hicache
