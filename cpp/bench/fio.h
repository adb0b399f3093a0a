// SPDX-License-Identifier: Apache-2.0
//
// fio in the same directory with the same shape: what the storage gives without a store.
#pragma once

#include <atomic>
#include <map>
#include <string>

#include "measurement.h"

namespace hicache::bench {

// The path of the program. Throws StoreError where it is not installed.
std::string findFio();

// How fio is to be run to resemble a measurement.
struct FioShape {
  std::string directory;
  bool write = false;
  bool direct = false;
  std::string engine;       // by the store's queue
  int64_t block_bytes = 0;  // a page
  int64_t jobs = 1;         // the store's lanes
  int64_t depth = 1;        // pages in flight of each
  int64_t job_bytes = 0;
  bool cold = false;
};

// described: what hicache_store_describe says. operation: kSet or kGet.
FioShape fioShapeOf(const Measurement& measurement, Operation operation, const std::map<std::string, std::string>& described);

// Runs it in a folder of its own below the directory, removed at the end. Throws StoreError when fio fails.
FioResult runFio(const std::string& program, const FioShape& shape, const std::atomic<bool>& interrupted);

}  // namespace hicache::bench
