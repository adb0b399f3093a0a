// SPDX-License-Identifier: Apache-2.0
//
// What the options amount to: the shapes to measure, one after the other.
#pragma once

#include <cstdint>
#include <vector>

#include "options.h"

namespace hicache::bench {

// One shape, and how many pages there are of it.
struct Cell {
  int64_t page_bytes = 0;
  int64_t batch = 0;  // pages of one call
  int64_t keys = 0;
  int64_t memory_pages = 0;  // of each caller, whole batches

  int64_t totalBytes() const { return page_bytes * keys; }
  int64_t memoryBytes() const { return page_bytes * memory_pages; }
  int64_t batchesOfAPass() const { return (keys + batch - 1) / batch; }
};

// Every block size with every batch size; no batch is larger than the number of pages. Throws UsageError when there is no page.
std::vector<Cell> planOf(const Options& options);

}  // namespace hicache::bench
