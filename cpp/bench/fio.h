// SPDX-License-Identifier: Apache-2.0
//
// fio in the same directory with the same shape: what the storage gives without a store.
#pragma once

#include <atomic>
#include <string>

#include "raw_shape.h"

namespace hicache::bench {

// The path of the program. Throws StoreError where it is not installed.
std::string findFio();

// Runs it in a folder of its own below the directory, removed at the end. Throws StoreError when fio fails.
RawResult runFio(const std::string& program, const RawShape& shape, const std::atomic<bool>& interrupted);

}  // namespace hicache::bench
