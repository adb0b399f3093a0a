// SPDX-License-Identifier: Apache-2.0
//
// The settings blob of the C boundary (name NUL value NUL ...), read and written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "index_database.h"
#include "key_codec.h"
#include "nixl_api.h"
#include "store_limits.h"

namespace hicache {

// Pairs in the order given; a name may repeat.
class Settings {
 public:
  Settings() = default;
  // Throws INVALID_ARGUMENT when the blob is not made of pairs.
  Settings(const int8_t* blob, int64_t length);

  void add(std::string name, std::string value) { pairs_.emplace_back(std::move(name), std::move(value)); }
  const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }
  std::string encode() const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

// What a lane moves at once unless told otherwise (measured: docs/decisions.md). Direct I/O wants many bytes in the device's
// queue. A buffered request is a copy by this very core: there it should still be in the core's own cache when its checksum is
// computed.
inline constexpr int64_t kChunkBytesDirect = 8 << 20;
inline constexpr int64_t kChunksInFlightDirect = 4;
inline constexpr int64_t kChunkBytesBuffered = 8 << 20;
inline constexpr int64_t kChunksInFlightBuffered = 1;
inline constexpr int64_t kRequestBytesBuffered = 512 << 10;
// Objects are far away: many on their way at once, each by a request of its own.
inline constexpr int64_t kObjectsInFlight = 16;

// Which backend to make, and for what.
struct BackendRequest {
  std::string backend = "auto";           // auto | 3FS | POSIX | GDS_MT | GDS | OBJ
  PluginParams params;                    // plugin.NAME
  MemoryType memory = MemoryType::kDram;  // what it must move
  std::string probe_directory;            // where file backends test themselves; empty: no transfer is tested
  std::optional<MemoryType> storage;      // where the pages go, kFile or kObject: a backend for the other will not do
  std::string object_prefix;              // under which backends for objects test themselves
  bool object_test = false;               // whether they do
  int64_t descriptors_in_flight = 0;      // how many a lane keeps posted at most
};

enum class Layout { kFiles, kSegments, kObjects };

// "files", "segments", "objects".
const char* nameOf(Layout layout);

struct ObjectSettings {
  std::string prefix;
  bool sealed = true;
  bool allow_http = false;
  int64_t retry_attempts = 3;
  int64_t breaker_failures = 5;
  int64_t breaker_pause_millis = 5000;
};

// What becomes of pages on devices.
enum class GpuStaging {
  kAuto,    // they pass through host memory where the backend cannot move them
  kAlways,  // also where it can
  kNever,   // the backend must move them
};

// hicache_store_open's settings, checked.
struct StoreConfig {
  std::vector<std::string> storage_directories;
  BackendRequest backend;
  Naming naming;
  Layout layout = Layout::kFiles;
  bool chooses_layout = false;  // auto: of the directories, where they are opened
  ObjectSettings objects;       // of that layout
  int64_t segment_bytes = 0;    // 0: by the capacity
  Durability durability = Durability::kNone;
  bool direct_io = true;
  GpuStaging gpu_staging = GpuStaging::kAuto;
  bool verify_checksum = true;
  bool remove_corrupt = true;
  Limits limits;
  int64_t lanes = 0;
  int64_t chunk_pages = 32;
  int64_t chunk_bytes = 0;       // 0: by the directories
  int64_t request_bytes = 0;     // 0: by the directories
  int64_t chunks_in_flight = 0;  // 0: by the directories
  int64_t close_timeout_millis = 5000;
  int64_t chunk_blocks = 1024;  // most blocks of a chunk; a page of more is staged. Not set by callers

  // Throws INVALID_ARGUMENT naming the setting, its value, and what is allowed.
  static StoreConfig parse(const Settings& settings);
};

// hicache_agent_select_backend's settings, checked.
BackendRequest parseBackendRequest(const Settings& settings);

}  // namespace hicache
