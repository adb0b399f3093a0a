// SPDX-License-Identifier: Apache-2.0
//
// How storage is to be used without a store so that it resembles a measurement: what fio and the plain loop are told.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "measurement.h"

namespace hicache::bench {

struct RawShape {
  std::string directory;
  bool write = false;
  bool direct = false;
  bool overwrite = false;   // a write goes to blocks that were written before, as it does in a segment that is in use
  std::string engine;       // by the store's queue
  int64_t block_bytes = 0;  // a page
  int64_t jobs = 1;         // the store's lanes, each with a file of its own
  int64_t depth = 1;        // pages in flight of each
  int64_t job_bytes = 0;
  int64_t job_memory_bytes = 0;  // the callers' memory, shared out
  bool cold = false;
};

// described: what hicache_store_describe says. operation: kSet or kGet.
RawShape rawShapeOf(const Measurement& measurement, Operation operation, const std::map<std::string, std::string>& described);

// A new folder below a directory that goes with all it holds. Throws std::filesystem::filesystem_error.
class ScratchFolder {
 public:
  ScratchFolder(const std::string& directory, const std::string& purpose);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

}  // namespace hicache::bench
