// SPDX-License-Identifier: Apache-2.0
//
// The base directories of a store: what each can do, temp files, publishing by rename, opening and removing pages.
// Nothing is ever reached through a symbolic link below a base directory.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "file_calls.h"

namespace hicache {

// Memory address, offset and length of direct I/O must be multiples of this.
inline constexpr size_t kDirectIoAlignment = 4096;
// Our own folder in a base directory; no page name starts with a dot.
inline constexpr const char* kOwnFolder = ".hicache";

struct StorageDirectory {
  std::string path;         // real path
  std::string file_system;  // ext4, xfs, tmpfs, ...
  bool direct_io = false;
  std::string direct_io_reason;  // why not; empty when it is used
  bool attributes = false;       // user extended attributes work
  int64_t stale_files_swept = 0;
  FileHandle base;
  FileHandle temp;        // our own temp folder in kOwnFolder
  FileHandle lock;        // held while we live: who can take it may sweep the temp folder
  std::string temp_name;  // of the temp folder
};

// Where a page's file stands: directory index, bucket ("" in v0's flat layout) and file name.
struct FilePlace {
  size_t directory = 0;
  std::string bucket;
  std::string name;

  std::string relativePath() const { return bucket.empty() ? name : bucket + "/" + name; }
};

// A file under a temporary name. Its owner publishes or discards it; the folder is swept when the store closes.
struct TempFile {
  FileHandle file;
  size_t directory = 0;
  std::string name;  // of fixed length, in the temp folder
};

// Threads: safe from any number of threads.
class FileManager {
 public:
  // Makes missing directories, sweeps temp files that dead processes left, probes direct I/O and attributes.
  // Throws IO naming the directory and what to do.
  FileManager(std::shared_ptr<FileCalls> calls, const std::vector<std::string>& paths, bool want_direct_io);
  ~FileManager();
  FileManager(const FileManager&) = delete;
  FileManager& operator=(const FileManager&) = delete;

  FileCalls& calls() const { return *calls_; }
  const std::vector<StorageDirectory>& directories() const { return directories_; }
  std::string pathOf(const FilePlace& place) const;
  // The path of our temp folder in a directory.
  std::string tempFolder(size_t directory) const;

  // Throws IO or NO_SPACE.
  TempFile createTemp(size_t directory, bool direct);
  void discard(TempFile* temp) noexcept;
  // Gives the file its final name, replacing what was there, and closes it. The page exists from here on.
  void publish(TempFile* temp, const FilePlace& place);

  // An empty handle where there is no such file. Throws IO for anything but a regular file.
  FileHandle openPage(const FilePlace& place, bool direct, struct stat* status);
  // True when a file was there.
  bool remove(const FilePlace& place);

  // "<n> of <m> bytes free" on the file system of a directory, for messages.
  std::string freeSpace(size_t directory) const;

 private:
  void closeDirectories();
  void openDirectory(StorageDirectory* directory);
  void makeTempFolder(StorageDirectory* directory, int own_folder);
  void sweepStale(StorageDirectory* directory, int own_folder);
  // True when the folder is gone; adds the files it held to *removed.
  bool removeTempFolder(int own_folder, const std::string& name, int64_t* removed);
  void probe(StorageDirectory* directory, bool want_direct_io);
  std::string probeDirectIo(const StorageDirectory& directory);

  std::shared_ptr<FileCalls> calls_;
  std::vector<StorageDirectory> directories_;
  std::atomic<uint64_t> next_temp_{0};
};

}  // namespace hicache
