// SPDX-License-Identifier: Apache-2.0
//
// A directory for one test, removed with all it holds at the end of its scope, and plain ways to look at files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hicache {

enum class Medium {
  kDisk,   // TEST_TMPDIR, or /tmp
  kMemory  // /dev/shm; TEST_TMPDIR or /tmp where there is none
};

class ScratchDirectory {
 public:
  explicit ScratchDirectory(Medium medium);
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

std::string readFile(const std::string& path);
// Makes or replaces a file.
void writeFile(const std::string& path, std::string_view bytes);
// Writes one byte of an existing file.
void writeByte(const std::string& path, int64_t offset, uint8_t byte);
bool fileExists(const std::string& path);
int64_t fileSize(const std::string& path);

// Every file below a directory with its path relative to it, sorted; nothing where there is no such directory.
std::vector<std::string> filesBelow(const std::string& directory);
// Temp files of any store below a base directory.
std::vector<std::string> tempFilesBelow(const std::string& base_directory);
// What closed stores should have removed from a base directory: all in their own folder, and temp files.
std::vector<std::string> leftInOwnFolder(const std::string& base_directory);

}  // namespace hicache
