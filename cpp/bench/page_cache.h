// SPDX-License-Identifier: Apache-2.0
//
// Makes files cold: their bytes are written to the device and dropped from the kernel's page cache.
#pragma once

#include <string>
#include <vector>

#include "measurement.h"

namespace hicache::bench {

// Tries every file that exists, and tells what is cached still, as mincore sees it: a tmpfs has no other place for its files,
// and some file systems keep what they like. Throws StoreError when a file cannot be opened, synced or mapped.
CacheDrop dropFromCache(const std::vector<std::string>& paths);

}  // namespace hicache::bench
