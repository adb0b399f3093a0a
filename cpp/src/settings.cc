// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#include <algorithm>
#include <optional>

#include "backend_selection.h"
#include "error.h"
#include "setting_values.h"

namespace hicache {
namespace {

// Takes the settings that a store and an agent share; false when the name is none of them.
bool takeBackendSetting(const std::string& name, const std::string& value, BackendRequest* request) {
  constexpr std::string_view kPluginPrefix = "plugin.";
  if (name == "backend") {
    if (value.empty()) refuseSetting(name, value, "auto, 3FS, POSIX, GDS_MT, GDS, OBJ or AZURE_BLOB");
    request->backend = value;
  } else if (name.size() > kPluginPrefix.size() && name.compare(0, kPluginPrefix.size(), kPluginPrefix) == 0) {
    request->params[name.substr(kPluginPrefix.size())] = value;
  } else {
    return false;
  }
  return true;
}

[[noreturn]] void refuseUnknown(const std::string& name) {
  throw Error(HICACHE_INVALID_ARGUMENT, "unknown setting '" + name + "'; hicache_nixl.h lists the known ones");
}

bool takeObjectSetting(const std::string& name, const std::string& value, ObjectSettings* objects) {
  if (name == "object_prefix") {
    objects->prefix = value;
  } else if (name == "object_format") {
    if (value != "sealed" && value != "raw") refuseSetting(name, value, "sealed or raw");
    objects->sealed = value == "sealed";
  } else if (name == "allow_http") {
    objects->allow_http = toBool(name, value);
  } else if (name == "retry_attempts") {
    objects->retry_attempts = toInteger(name, value, 1, 10);
  } else if (name == "breaker_failures") {
    objects->breaker_failures = toInteger(name, value, 0, 1000);
  } else if (name == "breaker_pause") {
    objects->breaker_pause_millis = toInteger(name, value, 1, 60000);
  } else {
    return false;
  }
  return true;
}

constexpr int64_t kSegmentBytesUnit = 1 << 20;
constexpr int64_t kSegmentBytesMax = int64_t{1} << 40;
constexpr int64_t kRequestBytesUnit = 4096;  // direct I/O wants its parts aligned

// More descriptors in flight than NIXL's POSIX plugin has slots for would hang it for ever.
void fitToSlots(StoreConfig* config) {
  constexpr int64_t kSlotsMax = 65536;
  auto chosen = config->backend.params.find("ios_pool_size");
  int64_t slots =
      chosen == config->backend.params.end() ? kSlotsMax : toInteger("plugin.ios_pool_size", chosen->second, 64, kSlotsMax);
  int64_t chunks = config->chunks_in_flight > 0 ? config->chunks_in_flight : kChunksInFlightDirect;
  config->backend.descriptors_in_flight = config->chunk_pages * chunks;
  if (config->backend.descriptors_in_flight > slots) {
    throw Error(HICACHE_INVALID_ARGUMENT,
                "chunk_pages * chunks_in_flight = " + std::to_string(config->backend.descriptors_in_flight) + ": at most " +
                    std::to_string(slots) + " (ios_pool_size) pages can be in flight");
  }
  config->chunk_blocks = std::min(config->chunk_blocks, slots / chunks);
}

}  // namespace

const char* nameOf(Layout layout) {
  return layout == Layout::kFiles ? "files" : layout == Layout::kSegments ? "segments" : "objects";
}

Settings::Settings(const int8_t* blob, int64_t length) {
  std::string_view rest(reinterpret_cast<const char*>(blob), length > 0 && blob != nullptr ? static_cast<size_t>(length) : 0);
  auto next = [&rest] {
    size_t end = rest.find('\0');
    if (end == std::string_view::npos) {
      throw Error(HICACHE_INVALID_ARGUMENT, "settings: not a sequence of name NUL value NUL pairs");
    }
    std::string part(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    return part;
  };
  while (!rest.empty()) {
    std::string name = next();
    add(std::move(name), next());
  }
}

std::string Settings::encode() const {
  std::string blob;
  for (const auto& [name, value] : pairs_) {
    blob.append(name).push_back('\0');
    blob.append(value).push_back('\0');
  }
  return blob;
}

StoreConfig StoreConfig::parse(const Settings& settings) {
  StoreConfig config;
  std::string naming = "sglang";
  std::optional<Layout> layout;
  LimitSettings limits;
  for (const auto& [name, value] : settings.pairs()) {
    if (name == "storage_dir") {
      if (value.empty()) refuseSetting(name, value, "the path of a directory");
      config.storage_directories.push_back(value);
    } else if (takeBackendSetting(name, value, &config.backend) || limits.take(name, value)) {
      continue;
    } else if (name == "layout") {
      if (value != "auto" && value != "files" && value != "segments" && value != "objects") {
        refuseSetting(name, value, "auto, files, segments or objects");
      }
      layout.reset();
      if (value != "auto")
        layout = value == "files" ? Layout::kFiles : value == "segments" ? Layout::kSegments : Layout::kObjects;
    } else if (takeObjectSetting(name, value, &config.objects)) {
      continue;
    } else if (name == "segment_bytes") {
      config.segment_bytes = toInteger(name, value, 0, kSegmentBytesMax);
      if (config.segment_bytes % kSegmentBytesUnit != 0) {
        refuseSetting(name, value, "0 (by the capacity) or a multiple of " + std::to_string(kSegmentBytesUnit));
      }
    } else if (name == "durability") {
      if (value != "none" && value != "data" && value != "full") refuseSetting(name, value, "none, data or full");
      config.durability = value == "none" ? Durability::kNone : value == "data" ? Durability::kData : Durability::kFull;
    } else if (name == "naming") {
      if (value != "sglang" && value != "sglang-v0" && value != "namespace") {
        refuseSetting(name, value, "sglang, sglang-v0 or namespace");
      }
      naming = value;
    } else if (name == "namespace_digest") {
      if (!isNamespaceDigest(value)) refuseSetting(name, value, "32 lowercase hexadecimal digits");
      config.naming.namespace_digest = value;
    } else if (name == "model") {
      config.naming.model = value;
    } else if (name == "tp_rank") {
      config.naming.tp_rank = toInteger(name, value, 0, INT32_MAX);
    } else if (name == "tp_size") {
      config.naming.tp_size = toInteger(name, value, 1, INT32_MAX);
    } else if (name == "mla") {
      config.naming.mla = toBool(name, value);
    } else if (name == "direct_io") {
      config.direct_io = toBool(name, value);
    } else if (name == "gpu_staging") {
      if (value != "auto" && value != "always" && value != "never") refuseSetting(name, value, "auto, always or never");
      config.gpu_staging = value == "auto" ? GpuStaging::kAuto : value == "always" ? GpuStaging::kAlways : GpuStaging::kNever;
    } else if (name == "checksum") {
      config.verify_checksum = toBool(name, value);
    } else if (name == "remove_corrupt") {
      config.remove_corrupt = toBool(name, value);
    } else if (name == "lanes") {
      config.lanes = toInteger(name, value, 0, 64);
    } else if (name == "chunk_pages") {
      config.chunk_pages = toInteger(name, value, 1, 4096);
    } else if (name == "chunk_bytes") {
      config.chunk_bytes = toInteger(name, value, 0, int64_t{1} << 40);
      if (config.chunk_bytes > 0 && config.chunk_bytes < 4096)
        refuseSetting(name, value, "0 (by the directories) or at least 4096");
    } else if (name == "request_bytes") {
      config.request_bytes = toInteger(name, value, 0, int64_t{1} << 40);
      if (config.request_bytes % kRequestBytesUnit != 0)
        refuseSetting(name, value, "0 (by the directories) or a multiple of " + std::to_string(kRequestBytesUnit));
    } else if (name == "chunks_in_flight") {
      config.chunks_in_flight = toInteger(name, value, 0, 64);
    } else if (name == "close_timeout") {
      config.close_timeout_millis = toInteger(name, value, 0, INT32_MAX);
    } else {
      refuseUnknown(name);
    }
  }
  const std::optional<NamedBackend> backend = backendNamed(config.backend.backend);
  const bool moves_objects = backend && backend->storage == MemoryType::kObject;
  config.layout = layout.value_or(moves_objects ? Layout::kObjects : Layout::kFiles);
  config.chooses_layout = !layout && !moves_objects;
  config.backend.storage = config.layout == Layout::kObjects ? MemoryType::kObject : MemoryType::kFile;
  if (config.layout != Layout::kObjects && config.storage_directories.empty()) {
    throw Error(HICACHE_INVALID_ARGUMENT, "storage_dir: none given; name at least one directory for the pages");
  }
  if (config.layout == Layout::kObjects && !config.storage_directories.empty()) {
    throw Error(HICACHE_INVALID_ARGUMENT,
                "storage_dir = '" + config.storage_directories[0] +
                    "': layout objects keeps pages in a bucket; leave it out, or choose another layout");
  }
  config.naming.bucketed = naming != "sglang-v0";
  if ((naming == "namespace") == config.naming.namespace_digest.empty()) {
    throw Error(HICACHE_INVALID_ARGUMENT, naming == "namespace"
                                              ? "namespace_digest: none given, and naming = namespace needs one"
                                              : "namespace_digest: given with naming = " + naming + ", belongs to namespace");
  }
  config.limits = limits.checked();
  fitToSlots(&config);
  return config;
}

BackendRequest parseBackendRequest(const Settings& settings) {
  BackendRequest request;
  for (const auto& [name, value] : settings.pairs()) {
    if (takeBackendSetting(name, value, &request)) {
      continue;
    } else if (name == "memory") {
      if (value != "dram" && value != "vram") refuseSetting(name, value, "dram or vram");
      request.memory = value == "vram" ? MemoryType::kVram : MemoryType::kDram;
    } else if (name == "probe_dir") {
      request.probe_directory = value;
    } else {
      refuseUnknown(name);
    }
  }
  return request;
}

}  // namespace hicache
