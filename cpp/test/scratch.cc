// SPDX-License-Identifier: Apache-2.0
#include "scratch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "file_manager.h"
#include "segment_files.h"

namespace hicache {
namespace {

std::string placeFor(Medium medium) {
  if (medium == Medium::kMemory && ::access("/dev/shm", W_OK) == 0) return "/dev/shm";
  const char* chosen = std::getenv("TEST_TMPDIR");
  return chosen != nullptr ? chosen : "/tmp";
}

}  // namespace

ScratchDirectory::ScratchDirectory(Medium medium) {
  std::string name = placeFor(medium) + "/hicache-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
  path_ = std::filesystem::canonical(name).string();
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string readFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::system_error(errno, std::generic_category(), "reading " + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void writeFile(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
  if (!file) throw std::system_error(errno, std::generic_category(), "writing " + path);
}

void writeByte(const std::string& path, int64_t offset, uint8_t byte) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(offset).put(static_cast<char>(byte)).flush();
  if (!file) throw std::system_error(errno, std::generic_category(), "writing into " + path);
}

bool fileExists(const std::string& path) {
  struct stat status = {};
  return ::lstat(path.c_str(), &status) == 0;
}

int64_t fileSize(const std::string& path) { return static_cast<int64_t>(std::filesystem::file_size(path)); }

std::vector<std::string> filesBelow(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entries(directory, error);
  if (error) return names;
  for (const auto& entry : entries) {
    if (!entry.is_directory() || entry.is_symlink()) {
      names.push_back(entry.path().lexically_relative(directory).string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> tempFilesBelow(const std::string& base_directory) {
  std::vector<std::string> names;
  for (const std::string& file : filesBelow(base_directory)) {
    if (file.substr(file.rfind('/') + 1).starts_with(kTempPrefix)) names.push_back(file);
  }
  return names;
}

std::vector<std::string> leftInOwnFolder(const std::string& base_directory) {
  std::vector<std::string> names = tempFilesBelow(base_directory);
  std::error_code error;
  std::filesystem::recursive_directory_iterator entries(base_directory + "/" + kOwnFolder, error);
  if (error) return names;
  for (auto entry = begin(entries); entry != end(entries); ++entry) {
    // What is known of the bytes stays for the next store, and so do segments.
    if (entry->path().filename() == Usage::kName) continue;
    if (entry->path().filename() == SegmentFiles::kFolder) {
      entry.disable_recursion_pending();
      continue;
    }
    names.push_back(entry->path().lexically_relative(base_directory).string());
  }
  return names;
}

}  // namespace hicache
