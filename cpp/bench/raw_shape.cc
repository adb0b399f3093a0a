// SPDX-License-Identifier: Apache-2.0
#include "raw_shape.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace hicache::bench {
namespace {

constexpr int64_t kBytesMax = int64_t{4} << 30;  // enough to be steady

int64_t numberIn(const std::map<std::string, std::string>& described, const std::string& name, int64_t otherwise) {
  const auto found = described.find(name);
  return found == described.end() ? otherwise : std::max<int64_t>(1, std::atoll(found->second.c_str()));
}

}  // namespace

RawShape rawShapeOf(const Measurement& measurement, Operation operation, const std::map<std::string, std::string>& described) {
  const auto of = [&](const std::string& name) {
    const auto found = described.find(name);
    return found == described.end() ? std::string() : found->second;
  };
  const std::string queue = of("queue");
  RawShape shape;
  shape.directory = of("directory.0.path");
  shape.write = operation == Operation::kSet;
  shape.direct = of("directory.0.direct_io") == "true" && measurement.operations.at(operation).buffered == 0;
  shape.overwrite = of("layout") == "segments";
  shape.engine = queue == "uring" ? "io_uring" : queue == "posix_aio" ? "posixaio" : "libaio";
  shape.block_bytes = measurement.cell.page_bytes;
  // What the store keeps in flight: the callers' batches, as far as its lanes take them.
  const int64_t lanes = numberIn(described, "lanes", 1);
  const int64_t chunk_pages =
      std::clamp<int64_t>(numberIn(described, "chunk_bytes", 1) / shape.block_bytes, 1, numberIn(described, "chunk_pages", 1));
  const int64_t of_a_lane = chunk_pages * numberIn(described, "chunks_in_flight", 1);
  const int64_t asked = measurement.threads * measurement.cell.batch;
  shape.jobs = std::min(lanes, asked);
  shape.depth = std::clamp<int64_t>(asked / shape.jobs, 1, of_a_lane);
  const int64_t blocks = std::max(shape.jobs, std::min(measurement.cell.totalBytes(), kBytesMax) / shape.block_bytes);
  shape.job_bytes = blocks / shape.jobs * shape.block_bytes;
  shape.job_memory_bytes = measurement.threads * measurement.cell.memory_pages / shape.jobs * shape.block_bytes;
  shape.cold = measurement.cache_drop.has_value();
  return shape;
}

ScratchFolder::ScratchFolder(const std::string& directory, const std::string& purpose)
    : path_(directory + "/.hicache_nixl_bench-" + purpose + "-" + std::to_string(::getpid())) {
  std::filesystem::create_directories(path_);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;  // what is left is seen by its name
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace hicache::bench
