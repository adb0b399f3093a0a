// SPDX-License-Identifier: Apache-2.0
#include "plan.h"

#include <algorithm>
#include <string>

namespace hicache::bench {
namespace {

constexpr int64_t kPagesMax = int64_t{1} << 18;  // where only their bytes are given

// Doubles from min, and ends with max.
std::vector<int64_t> sweep(int64_t min, int64_t max) {
  std::vector<int64_t> sizes;
  for (int64_t size = min; size < max; size *= 2) sizes.push_back(size);
  sizes.push_back(max);
  return sizes;
}

}  // namespace

std::vector<Cell> planOf(const Options& options) {
  std::vector<Cell> cells;
  for (int64_t page_bytes : sweep(options.block_size_min, options.block_size_max)) {
    const int64_t keys = options.keys > 0 ? options.keys : std::min(options.total_bytes / page_bytes, kPagesMax);
    if (keys == 0) {
      throw UsageError("--total_buffer_size: " + std::to_string(options.total_bytes) + " bytes hold no page of " +
                       std::to_string(page_bytes) + "; give more, or --keys");
    }
    for (int64_t batch : sweep(options.batch_size_min, options.batch_size_max)) {
      Cell cell = {page_bytes, std::min(batch, keys), keys};
      cell.memory_pages = std::max<int64_t>(1, options.memory_pages / cell.batch) * cell.batch;
      const bool known = !cells.empty() && cells.back().page_bytes == page_bytes && cells.back().batch == cell.batch;
      if (!known) cells.push_back(cell);
    }
  }
  return cells;
}

}  // namespace hicache::bench
