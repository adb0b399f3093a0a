// SPDX-License-Identifier: Apache-2.0
#include "environment.h"

#include <hicache_nixl.h>
#include <sys/utsname.h>

#include <filesystem>
#include <fstream>
#include <string_view>
#include <thread>

namespace hicache::bench {
namespace {

constexpr std::string_view kUnknown = "unknown";

std::string firstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line.empty() ? std::string(kUnknown) : line;
}

std::string cpuName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return std::string(kUnknown);
}

// NIXL has no call that tells. A Python wheel lies beside a folder NAME-VERSION.dist-info.
std::string nixlVersion(const std::string& library) {
  std::error_code ignored;  // then the version is unknown
  const std::filesystem::path folder = std::filesystem::canonical(library, ignored).parent_path().parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const size_t dash = name.find('-');
    const size_t end = name.rfind(".dist-info");
    if (name.starts_with("nixl") && dash != std::string::npos && end != std::string::npos) return name.substr(0, end);
  }
  return std::string(kUnknown);
}

// The mount that a path is on, as device, file system and options.
std::string mountOf(const std::string& path) {
  std::error_code ignored;
  const std::string real = std::filesystem::canonical(path, ignored).string();
  std::ifstream mounts("/proc/self/mounts");
  std::string best_point;
  std::string best(kUnknown);
  for (std::string device, point, type, options, rest;
       mounts >> device >> point >> type >> options && std::getline(mounts, rest);) {
    const bool holds = real == point || (real.starts_with(point) && (point == "/" || real[point.size()] == '/'));
    if (!holds || point.size() < best_point.size()) continue;
    best_point = point;
    best = device + " " + type + " " + options;
  }
  return best;
}

}  // namespace

Json environmentOf(const std::map<std::string, std::string>& described) {
  const auto of = [&](const std::string& name) {
    const auto found = described.find(name);
    return found == described.end() ? std::string(kUnknown) : found->second;
  };
  utsname system = {};
  ::uname(&system);
  Json environment;
  environment["hicache"] = hicache_version();
  environment["nixl"] = nixlVersion(of("nixl_path"));
  environment["cpu"] = cpuName();
  environment["cores"] = std::thread::hardware_concurrency();
  environment["governor"] = firstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  environment["kernel"] = std::string(system.release) + " " + system.machine;
  for (const char* name :
       {"backend", "nixl_plugin", "queue", "layout", "checksum", "lanes", "chunk_pages", "chunk_bytes", "chunks_in_flight",
        "object_endpoint", "object_bucket", "object_prefix", "object_format", "object_retries", "object_failures"}) {
    if (described.contains(name)) environment[name] = of(name);
  }
  Json directories = Json::array();
  for (int i = 0; described.contains("directory." + std::to_string(i) + ".path"); ++i) {
    const std::string prefix = "directory." + std::to_string(i) + ".";
    Json directory;
    directory["path"] = of(prefix + "path");
    directory["file_system"] = of(prefix + "file_system");
    directory["mount"] = mountOf(of(prefix + "path"));
    directory["direct_io"] = of(prefix + "direct_io") == "true";
    directory["direct_io_reason"] = of(prefix + "direct_io_reason");
    directories.push_back(directory);
  }
  environment["directories"] = directories;
  return environment;
}

}  // namespace hicache::bench
