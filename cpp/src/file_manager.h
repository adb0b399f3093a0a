// SPDX-License-Identifier: Apache-2.0
//
// The base directories of a store: what each can do, temp files, publishing by rename, opening and removing pages.
// Nothing is ever reached through a symbolic link below a base directory.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "file_calls.h"
#include "page_names.h"
#include "usage.h"

namespace hicache {

// Memory address, offset and length of direct I/O must be multiples of this.
inline constexpr size_t kDirectIoAlignment = 4096;
// A length in whole units of that.
constexpr size_t alignedLength(int64_t length) {
  return (static_cast<size_t>(length) + kDirectIoAlignment - 1) / kDirectIoAlignment * kDirectIoAlignment;
}
// Our own folder in a base directory, for lock and probe files. No page name starts with a dot.
inline constexpr const char* kOwnFolder = ".hicache";
// Temp files stand beside the pages that they become: ".hicache-" + owner + "-" + number.
inline constexpr const char* kTempPrefix = ".hicache-";
inline constexpr const char* kProbePrefix = "probe-";

struct StorageDirectory {
  std::string path;         // real path
  std::string file_system;  // ext4, xfs, tmpfs, ...
  bool direct_io = false;
  std::string direct_io_reason;  // why not; empty when it is used
  bool attributes = false;       // user extended attributes work
  int64_t stale_files_swept = 0;
  std::string owner;  // our name here: in the names of our lock file and our temp files
  FileHandle base;
  FileHandle lock;  // held while we live: who can take it may sweep our temp files
};

// An open directory in which pages stand, shared by those who use it now.
using Bucket = std::shared_ptr<const FileHandle>;

// Two hexadecimal digits.
std::string bucketName(uint8_t bucket);

// The file in our own folder that an owner holds locked while he lives.
std::string lockFileName(uint64_t owner);

// Where a page's file stands: directory index, bucket ("" in v0's flat layout) and file name.
struct FilePlace {
  size_t directory = 0;
  std::string bucket;
  std::string name;

  std::string relativePath() const { return bucket.empty() ? name : bucket + "/" + name; }
};

// A file under a temporary name of fixed length, in the bucket of its page. Whoever made it publishes or discards it.
struct TempFile {
  FileHandle file;
  FilePlace place;
  Bucket bucket;
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
  // The path of our own folder in a directory.
  std::string ownFolder(size_t directory) const;

  // Counts from here on what pages come and go. Throws Error, see Usage. Once, before the first page.
  void startCounting();
  // Null where nothing is counted.
  Usage* usage(size_t directory) const { return usages_.empty() ? nullptr : usages_[directory].get(); }

  // Removes temp files that processes left which have died since. Never throws: what it cannot remove stays for the next time.
  void sweep(size_t directory) noexcept;

  // A temp file that can become the page at a place; makes the bucket. Throws IO or NO_SPACE.
  TempFile createTemp(const FilePlace& place, bool direct);
  // False when it could not be removed and still takes its space.
  bool discard(TempFile* temp) noexcept;
  // Gives the file its final name, replacing what was there, and closes it. The page exists from here on. keep: what is there
  // stays; then false, and the temp file is still the caller's.
  bool publish(TempFile* temp, const FilePlace& place, bool keep = false);

  // An empty handle where there is no such file. Throws IO for anything but a regular file.
  FileHandle openPage(const FilePlace& place, bool direct, struct stat* status);
  // The same without opening it: the bucket that it stands in, null where there is no such file.
  Bucket findPage(const FilePlace& place, struct stat* status);
  // True when a file was there. only_inode: nothing but that file, which somebody may have replaced since.
  bool remove(const FilePlace& place, std::optional<ino_t> only_inode = std::nullopt);

  // Our name in a directory, as a number: no other store has it, and none will.
  uint64_t ownerNumber(size_t directory) const;
  // False when the store of this number has ended.
  bool isAlive(size_t directory, uint64_t owner);

  // Whether a page of that length moves by direct I/O in a directory: whole blocks, where it works.
  bool takesDirectIo(size_t directory, int64_t length) const {
    return length > 0 && length % static_cast<int64_t>(kDirectIoAlignment) == 0 && directories_[directory].direct_io;
  }

  // "<n> of <m> bytes free" on the file system of a directory, for messages.
  std::string freeSpace(size_t directory) const;

 private:
  // The bucket of a place; null where it does not exist and is not to be made. Throws IO.
  Bucket bucketOf(const FilePlace& place, bool make);
  Bucket openBucket(const FilePlace& place, bool make);
  // Runs a call of a name in the bucket of a place. Somebody may have removed the bucket and made it again: then the kept
  // descriptor leads to nothing, and the call is run once more in the new one. -ENOENT where there is no bucket.
  template <typename Call>
  int inBucket(const FilePlace& place, bool make, Bucket* used, Call call);
  void requireRegular(const FilePlace& place, const struct stat& status) const;
  void closeDirectories();
  void openDirectory(StorageDirectory* directory);
  void takeLock(StorageDirectory* directory, int own_folder);
  int64_t sweepStale(const StorageDirectory& directory, int own_folder);
  bool removeTempFiles(const StorageDirectory& directory, const std::vector<std::string>& prefixes, int64_t* removed);
  bool removeMatching(int folder, const std::vector<std::string>& prefixes, int64_t* removed);
  std::string tempName(const StorageDirectory& directory);
  void countFreed(size_t directory, const Usage::Hold& hold, const Freed& freed);
  void probe(StorageDirectory* directory, bool want_direct_io);
  std::string probeDirectIo(const StorageDirectory& directory);

  std::shared_ptr<FileCalls> calls_;
  std::vector<StorageDirectory> directories_;
  // Opened once and kept where the process may hold that many descriptors: [directory * 257 + bucket].
  std::mutex buckets_mutex_;
  std::vector<Bucket> buckets_;
  std::vector<std::unique_ptr<Usage>> usages_;  // by directory, or none
  std::atomic<uint64_t> next_temp_{0};
  std::atomic<int64_t> open_temps_{0};  // made and neither published nor removed
};

}  // namespace hicache
