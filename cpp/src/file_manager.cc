// SPDX-License-Identifier: Apache-2.0
#include "file_manager.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "error.h"
#include "file_system.h"

namespace hicache {
namespace {

constexpr mode_t kFileMode = 0600;  // pages hold what users typed
constexpr mode_t kFolderMode = 0700;

std::string hex16(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016" PRIx64, value);
  return text;
}

const std::string kLockEnding = ".lock";
constexpr size_t kBuckets = Usage::kPlaces;

// Its place in a Usage.
size_t bucketNumber(const std::string& name) { return name.empty() ? Usage::kFlat : std::stoul(name, nullptr, 16); }

// Whether the process may hold a descriptor for each bucket and still has most of its descriptors for other things.
bool canKeepBuckets(size_t directories) {
  struct rlimit limit = {};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 8 >= directories * kBuckets;
}

}  // namespace

std::string bucketName(uint8_t bucket) {
  static const char kDigits[] = "0123456789abcdef";
  return {kDigits[bucket >> 4], kDigits[bucket & 15]};
}

std::string lockFileName(uint64_t owner) { return hex16(owner) + kLockEnding; }

FileManager::FileManager(std::shared_ptr<FileCalls> calls, const std::vector<std::string>& paths, bool want_direct_io)
    : calls_(std::move(calls)) {
  try {
    for (const std::string& path : paths) {
      std::error_code error;
      std::filesystem::create_directories(path, error);
      std::filesystem::path real = error ? std::filesystem::path() : std::filesystem::canonical(path, error);
      if (error) throw errnoError("making the storage directory '" + path + "'", error.value());
      for (const StorageDirectory& other : directories_) {
        if (other.path == real.string()) {
          throw Error(HICACHE_INVALID_ARGUMENT, "storage_dir: '" + path + "' names '" + other.path + "' a second time");
        }
      }
      StorageDirectory directory;
      directory.path = real.string();
      directories_.push_back(std::move(directory));
      openDirectory(&directories_.back());
      probe(&directories_.back(), want_direct_io);
    }
    if (canKeepBuckets(paths.size())) buckets_.resize(paths.size() * kBuckets);
  } catch (...) {
    closeDirectories();
    throw;
  }
}

FileManager::~FileManager() { closeDirectories(); }

void FileManager::closeDirectories() {
  buckets_.clear();
  usages_.clear();
  for (StorageDirectory& directory : directories_) {
    if (!directory.lock) continue;
    FileHandle own(calls_.get(), calls_->openBeneath(directory.base.get(), kOwnFolder, O_RDONLY | O_DIRECTORY, 0));
    // The lock file leads the next sweep to temp files that could not be removed.
    if (own && open_temps_.load() == 0) calls_->unlink(own.get(), (directory.owner + kLockEnding).c_str());
    directory.lock.reset();
  }
  directories_.clear();
}

std::string FileManager::pathOf(const FilePlace& place) const {
  return directories_[place.directory].path + "/" + place.relativePath();
}

std::string FileManager::ownFolder(size_t directory) const { return directories_[directory].path + "/" + kOwnFolder; }

void FileManager::openDirectory(StorageDirectory* directory) {
  const std::string what = "opening the storage directory '" + directory->path + "'";
  int fd = calls_->openPath(directory->path.c_str(), O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) throw errnoError(what, -fd);
  directory->base = FileHandle(calls_.get(), fd);

  int made = calls_->makeDirectory(fd, kOwnFolder, kFolderMode);
  if (made < 0 && made != -EEXIST) throw errnoError(what + ": making its folder " + kOwnFolder, -made);
  int own = calls_->openBeneath(fd, kOwnFolder, O_RDONLY | O_DIRECTORY, 0);
  if (own < 0) throw errnoError(what + ": opening its folder " + kOwnFolder, -own);
  FileHandle own_folder(calls_.get(), own);
  takeLock(directory, own);
  directory->stale_files_swept = sweepStale(*directory, own);
}

void FileManager::startCounting() {
  for (const StorageDirectory& directory : directories_) {
    int own = calls_->openBeneath(directory.base.get(), kOwnFolder, O_RDONLY | O_DIRECTORY, 0);
    if (own < 0) throw errnoError("opening '" + directory.path + "/" + kOwnFolder + "'", -own);
    usages_.push_back(std::make_unique<Usage>(*calls_, FileHandle(calls_.get(), own), directory.path, directory.owner));
  }
}

void FileManager::takeLock(StorageDirectory* directory, int own_folder) {
  // A lock file counts once it is locked and still there: a sweeper may have removed it in between.
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string owner = hex16(randomNumber());
    int fd = calls_->openBeneath(own_folder, (owner + kLockEnding).c_str(), O_RDWR | O_CREAT | O_EXCL, kFileMode);
    if (fd == -EEXIST) continue;
    if (fd < 0) throw errnoError("making a lock file in '" + directory->path + "/" + kOwnFolder + "'", -fd);
    FileHandle lock(calls_.get(), fd);
    struct stat status = {};
    if (calls_->tryLock(fd) < 0 || calls_->status(fd, &status) < 0 || status.st_nlink == 0) continue;
    directory->lock = std::move(lock);
    directory->owner = owner;
    return;
  }
  throw Error(HICACHE_IO,
              "cannot lock a file in '" + directory->path + "/" + kOwnFolder + "': does the file system support flock?");
}

uint64_t FileManager::ownerNumber(size_t directory) const { return std::stoull(directories_[directory].owner, nullptr, 16); }

bool FileManager::isAlive(size_t directory, uint64_t owner) {
  const StorageDirectory& asked = directories_[directory];
  const std::string path = std::string(kOwnFolder) + "/" + lockFileName(owner);
  const FileHandle lock(calls_.get(), calls_->openBeneath(asked.base.get(), path.c_str(), O_RDWR, 0));
  if (!lock) return lock.get() != -ENOENT;
  return calls_->tryLock(lock.get()) < 0;
}

void FileManager::sweep(size_t directory) noexcept {
  try {
    const StorageDirectory& swept = directories_[directory];
    FileHandle own(calls_.get(), calls_->openBeneath(swept.base.get(), kOwnFolder, O_RDONLY | O_DIRECTORY, 0));
    if (own) sweepStale(swept, own.get());
  } catch (...) {
    // The next sweep finds the same files.
  }
}

int64_t FileManager::sweepStale(const StorageDirectory& directory, int own_folder) {
  std::vector<std::string> names;
  int listed = calls_->list(own_folder, &names);
  if (listed < 0) throw errnoError("listing '" + directory.path + "/" + kOwnFolder + "'", -listed);
  std::vector<std::string> locks;
  std::vector<FileHandle> held;
  std::vector<std::string> prefixes;
  for (const std::string& name : names) {
    // What a self-test left; one that runs now has its file open and does not need the name.
    if (name.starts_with(kProbePrefix)) calls_->unlink(own_folder, name.c_str());
    if (!name.ends_with(kLockEnding) || name == directory.owner + kLockEnding) continue;
    FileHandle lock(calls_.get(), calls_->openBeneath(own_folder, name.c_str(), O_RDWR, 0));
    if (!lock || calls_->tryLock(lock.get()) < 0) continue;  // its owner lives, or another process sweeps it
    prefixes.push_back(kTempPrefix + name.substr(0, name.size() - kLockEnding.size()) + "-");
    locks.push_back(name);
    held.push_back(std::move(lock));
  }
  int64_t removed = 0;
  if (locks.empty() || !removeTempFiles(directory, prefixes, &removed)) return removed;
  for (const std::string& lock : locks) calls_->unlink(own_folder, lock.c_str());
  return removed;
}

bool FileManager::removeTempFiles(const StorageDirectory& directory, const std::vector<std::string>& prefixes,
                                  int64_t* removed) {
  bool all = removeMatching(directory.base.get(), prefixes, removed);
  for (int i = 0; i < 256; ++i) {
    int fd = calls_->openBeneath(directory.base.get(), bucketName(static_cast<uint8_t>(i)).c_str(), O_RDONLY | O_DIRECTORY, 0);
    if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) continue;  // not made yet, or somebody else's
    FileHandle bucket(calls_.get(), fd);
    all = bucket && removeMatching(fd, prefixes, removed) && all;
  }
  return all;
}

bool FileManager::removeMatching(int folder, const std::vector<std::string>& prefixes, int64_t* removed) {
  std::vector<std::string> names;
  bool all = calls_->list(folder, &names) >= 0;
  for (const std::string& name : names) {
    if (std::none_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) { return name.starts_with(prefix); }))
      continue;
    bool gone = calls_->unlink(folder, name.c_str()) >= 0;
    *removed += gone ? 1 : 0;
    all = all && gone;
  }
  return all;
}

void FileManager::probe(StorageDirectory* directory, bool want_direct_io) {
  directory->file_system = fileSystemName(directory->base.get());
  size_t index = directories_.size() - 1;
  TempFile temp = createTemp({index, "", ""}, false);
  char byte = 1;
  directory->attributes = calls_->setAttribute(temp.file.get(), "user.hicache.probe", &byte, 1) >= 0 &&
                          calls_->getAttribute(temp.file.get(), "user.hicache.probe", &byte, 1) == 1;
  discard(&temp);
  if (!want_direct_io) {
    directory->direct_io_reason = "switched off by the configuration";
  } else if (directory->file_system == "tmpfs") {
    directory->direct_io_reason = "tmpfs keeps its pages in memory";
  } else {
    directory->direct_io_reason = probeDirectIo(*directory);
  }
  directory->direct_io = directory->direct_io_reason.empty();
}

std::string FileManager::probeDirectIo(const StorageDirectory& directory) {
  alignas(kDirectIoAlignment) static thread_local char block[kDirectIoAlignment];
  int base = directory.base.get();
  const std::string name = std::string(kOwnFolder) + "/" + kProbePrefix + directory.owner;
  int fd = calls_->openBeneath(base, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_DIRECT, kFileMode);
  FileHandle file(calls_.get(), fd);
  calls_->unlink(base, name.c_str());  // at once, and also when the open failed: some make the file, then refuse the flag
  if (fd < 0) return "opening a file with O_DIRECT: " + std::generic_category().message(-fd);
  int64_t written = calls_->writeAt(fd, block, sizeof(block), 0);
  int64_t read = written < 0 ? written : calls_->readAt(fd, block, sizeof(block), 0);
  if (read == static_cast<int64_t>(sizeof(block))) return "";
  return "a block of " + std::to_string(sizeof(block)) +
         " bytes: " + (read < 0 ? std::generic_category().message(static_cast<int>(-read)) : "short read");
}

Bucket FileManager::bucketOf(const FilePlace& place, bool make) {
  if (buckets_.empty()) return openBucket(place, make);
  size_t index = place.directory * kBuckets + bucketNumber(place.bucket);
  {
    std::lock_guard<std::mutex> lock(buckets_mutex_);
    if (buckets_[index]) return buckets_[index];
  }
  Bucket opened = openBucket(place, make);
  std::lock_guard<std::mutex> lock(buckets_mutex_);
  if (opened) buckets_[index] = opened;
  return opened;
}

Bucket FileManager::openBucket(const FilePlace& place, bool make) {
  int base = directories_[place.directory].base.get();
  const char* name = place.bucket.empty() ? "." : place.bucket.c_str();
  int fd = calls_->openBeneath(base, name, O_PATH | O_DIRECTORY, 0);
  if (fd == -ENOENT && make) {
    int made = calls_->makeDirectory(base, name, kFolderMode);
    fd = made < 0 && made != -EEXIST ? made : calls_->openBeneath(base, name, O_PATH | O_DIRECTORY, 0);
  }
  if (fd == -ENOENT) return nullptr;
  if (fd < 0) throw errnoError("opening the bucket '" + directories_[place.directory].path + "/" + place.bucket + "'", -fd);
  return std::make_shared<const FileHandle>(calls_.get(), fd);
}

template <typename Call>
int FileManager::inBucket(const FilePlace& place, bool make, Bucket* used, Call call) {
  for (bool again = false;; again = true) {
    *used = bucketOf(place, make);
    if (*used == nullptr) return -ENOENT;
    int result = call((*used)->get());
    struct stat status = {};
    if (result != -ENOENT || again || buckets_.empty()) return result;
    if (calls_->status((*used)->get(), &status) < 0 || status.st_nlink > 0) return result;
    std::lock_guard<std::mutex> lock(buckets_mutex_);
    buckets_[place.directory * kBuckets + bucketNumber(place.bucket)] = nullptr;
  }
}

std::string FileManager::tempName(const StorageDirectory& directory) {
  return kTempPrefix + directory.owner + "-" + hex16(next_temp_.fetch_add(1, std::memory_order_relaxed));
}

TempFile FileManager::createTemp(const FilePlace& place, bool direct) {
  const StorageDirectory& directory = directories_[place.directory];
  TempFile temp;
  temp.place = place;
  temp.place.name = tempName(directory);
  int flags = O_RDWR | O_CREAT | O_EXCL | (direct ? O_DIRECT : 0);
  int fd = inBucket(place, true, &temp.bucket,
                    [&](int bucket) { return calls_->openBeneath(bucket, temp.place.name.c_str(), flags, kFileMode); });
  if (fd == -ENOENT) {
    throw Error(HICACHE_IO,
                "the storage directory '" + directory.path + "' was removed under the open store; open the store again", 0,
                ENOENT);
  }
  if (fd < 0) {
    throw errnoError(
        "making a temp file in the bucket '" + directory.path + "/" + place.bucket + "' (" + freeSpace(place.directory) + ")",
        -fd);
  }
  temp.file = FileHandle(calls_.get(), fd);
  open_temps_.fetch_add(1);
  return temp;
}

bool FileManager::discard(TempFile* temp) noexcept {
  if (temp->place.name.empty()) return true;
  temp->file.reset();
  int removed = calls_->unlink(temp->bucket->get(), temp->place.name.c_str());
  bool gone = removed >= 0 || removed == -ENOENT;
  if (gone) open_temps_.fetch_sub(1);
  temp->place.name.clear();
  temp->bucket.reset();
  return gone;
}

bool FileManager::publish(TempFile* temp, const FilePlace& place, bool keep) {
  Usage* counted = usage(place.directory);
  Usage::Hold hold;
  int64_t charge = 0;
  if (counted != nullptr) {
    struct stat status = {};
    int known = calls_->status(temp->file.get(), &status);
    if (known < 0) throw errnoError("reading the size of '" + pathOf(temp->place) + "'", -known);
    charge = Usage::chargeOf(status.st_size);
    hold = counted->hold(bucketNumber(place.bucket));
    hold.add(charge);
  }
  Freed freed;
  const int bucket = temp->bucket->get();
  const int renamed =
      keep ? putInFreePlace(*calls_, bucket, temp->place.name, place.name)
           : putInPlace(*calls_, bucket, temp->place.name, temp->file.get(), place.name, counted != nullptr, &freed);
  if (renamed < 0) {
    hold.add(-charge);
    if (keep && renamed == -EEXIST) return false;
    throw errnoError("publishing '" + pathOf(place) + "'", -renamed);
  }
  countFreed(place.directory, hold, freed);
  temp->place.name.clear();
  temp->file.reset();
  temp->bucket.reset();
  open_temps_.fetch_sub(1);
  return true;
}

void FileManager::countFreed(size_t directory, const Usage::Hold& hold, const Freed& freed) {
  int64_t charge = Usage::chargeOf(freed.length);
  if (freed.under_temp) {
    // One more temp file for the next sweep. Until then its bytes stay reserved.
    open_temps_.fetch_add(1);
    if (Usage* counted = usage(directory)) counted->reserve(charge);
  }
  hold.add(-charge);
}

FileHandle FileManager::openPage(const FilePlace& place, bool direct, struct stat* status) {
  // O_NONBLOCK: a named pipe planted under a page's name must not stop us.
  int flags = O_RDONLY | O_NONBLOCK | (direct ? O_DIRECT : 0);
  Bucket bucket;
  int fd =
      inBucket(place, false, &bucket, [&](int folder) { return calls_->openBeneath(folder, place.name.c_str(), flags, 0); });
  if (fd == -ENOENT) return {};
  if (fd < 0) throw errnoError("opening the page '" + pathOf(place) + "'", -fd);
  FileHandle file(calls_.get(), fd);
  int known = calls_->status(fd, status);
  if (known < 0) throw errnoError("reading the size of '" + pathOf(place) + "'", -known);
  requireRegular(place, *status);
  return file;
}

Bucket FileManager::findPage(const FilePlace& place, struct stat* status) {
  Bucket bucket;
  int known = inBucket(place, false, &bucket, [&](int folder) { return calls_->statusAt(folder, place.name.c_str(), status); });
  if (known == -ENOENT) return nullptr;
  if (known < 0) throw errnoError("looking up the page '" + pathOf(place) + "'", -known);
  requireRegular(place, *status);
  return bucket;
}

void FileManager::requireRegular(const FilePlace& place, const struct stat& status) const {
  if (!S_ISREG(status.st_mode)) throw Error(HICACHE_IO, "'" + pathOf(place) + "' is no regular file: move it away");
}

bool FileManager::remove(const FilePlace& place, std::optional<ino_t> only_inode) {
  Usage* counted = usage(place.directory);
  Usage::Hold hold;
  if (counted != nullptr) hold = counted->hold(bucketNumber(place.bucket));
  Bucket bucket;
  Freed freed;
  int removed = inBucket(place, false, &bucket, [&](int folder) {
    if (counted == nullptr && !only_inode) return calls_->unlink(folder, place.name.c_str());
    return takeAway(*calls_, folder, place.name, tempName(directories_[place.directory]), only_inode, &freed);
  });
  if (removed == -ENOENT) return false;
  countFreed(place.directory, hold, freed);
  if (removed < 0) throw errnoError("removing '" + pathOf(place) + "'", -removed);
  return true;
}

std::string FileManager::freeSpace(size_t directory) const {
  struct statvfs space = {};
  if (::fstatvfs(directories_[directory].base.get(), &space) != 0) return "free space unknown";
  uint64_t unit = space.f_frsize;
  return std::to_string(space.f_bavail * unit) + " of " + std::to_string(space.f_blocks * unit) + " bytes and " +
         std::to_string(space.f_favail) + " files free";
}

}  // namespace hicache
