// SPDX-License-Identifier: Apache-2.0
//
// How many bytes of pages a base directory holds, known to all processes of this host that count it: the file .hicache/usage,
// mapped by each of them. Every error is on the side of too much, until the next count:
//   a set reserves its bytes before its temp file grows, and gives them back after its page is counted;
//   a page is counted before it gets its name, and no longer counted after it has lost it;
//   what a killed process leaves counted or reserved stays so until its directory is swept and counted again.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "file_calls.h"

namespace hicache {

// Threads: safe from any number of threads.
class Usage {
 public:
  static constexpr const char* kName = "usage";
  static constexpr size_t kPlaces = 257;  // the 256 buckets, and the base directory itself for v0's flat layout
  static constexpr size_t kFlat = 256;
  static constexpr size_t kSlots = 512;
  static constexpr int64_t kUnit = 4096;

  // What a file of this length counts: whole units, on every file system.
  static int64_t chargeOf(int64_t length) { return (length + kUnit - 1) / kUnit * kUnit; }

  // Opens the file in our own folder (own_folder is given away), or makes it anew where it is damaged, of another version, or
  // from before the machine's last start. where: path of the base directory, for messages. owner: our name there.
  // Throws UNSUPPORTED when another version of this library uses it now, IO or NO_SPACE.
  Usage(FileCalls& calls, FileHandle own_folder, std::string where, const std::string& owner);
  // Leaves what is still reserved to the one who sweeps our temp files.
  ~Usage();
  Usage(const Usage&) = delete;
  Usage& operator=(const Usage&) = delete;

  // Bytes of pages, and of sets under way.
  int64_t total() const;
  int64_t reserved() const;
  // Reserves bytes, or gives them back when negative.
  void reserve(int64_t bytes);

  // While it is held no count of its place takes place.
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept : usage_(std::exchange(other.usage_, nullptr)), place_(other.place_) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(usage_, other.usage_);
      std::swap(place_, other.place_);
      return *this;
    }
    ~Hold();
    // Counts bytes, or no longer when negative.
    void add(int64_t bytes) const;

   private:
    friend class Usage;
    Hold(Usage* usage, size_t place) : usage_(usage), place_(place) {}
    Usage* usage_ = nullptr;
    size_t place_ = 0;
  };
  // Throws IO when a count of this place does not end.
  Hold hold(size_t place);

  // True once all places have been counted since the file was made.
  bool ready() const;
  int64_t countedMillis() const;  // since 1970; 0: never
  void setCounted(int64_t now_millis);
  // True when nobody else had it open: what happened since its last count is not known.
  bool foundAlone() const { return found_alone_; }

  // For the one thread of this process that counts and evicts. Each lock is for one process at a time.
  bool tryLead();
  void endLead();
  bool tryCount();
  void endCount();
  // Locks a place out of everybody's hands and sets its bytes; count gives them. False when the place is in use all the time.
  template <typename Count>
  bool countPlace(size_t place, Count count) {
    if (!lockPlace(place)) return false;
    PlaceLock locked{this, place};
    setPlace(place, count());
    return true;
  }

  // Frees the slots of owners whose lock file is gone: their temp files have been swept.
  void freeSlots();

  // Rounds of eviction are numbered. A waiting set sees here that a round has begun since, and has not found enough to evict.
  int64_t roundsBegun() const;
  int64_t beginRound();
  int64_t lastStuckRound() const;
  void setStuckRound(int64_t round);
  // The largest number of bytes that a waiting set wants; taken by the next round.
  void want(int64_t bytes);
  int64_t takeWanted();

 private:
  struct Layout;
  struct Holders {
    std::mutex mutex;
    int count = 0;
  };
  struct PlaceLock {
    Usage* usage;
    size_t place;
    ~PlaceLock() { usage->unlockPlace(place); }
  };

  FileHandle openFile();
  void lockForOpen();
  void openMapped();
  bool isSound() const;
  void makeAnew();
  void claimSlot(uint64_t owner);
  void freeSlotsLocked();
  void leave();
  std::string name() const;
  bool lockPlace(size_t place);
  void unlockPlace(size_t place);
  void setPlace(size_t place, int64_t bytes);
  void letGo(size_t place);

  FileCalls& calls_;
  const FileHandle own_folder_;
  const std::string where_;
  FileHandle file_;     // holds the locks of sets and removals, shared by the process's threads, and that we are here
  FileHandle counter_;  // the same file, opened again: holds the locks of the one who counts and evicts
  Layout* layout_ = nullptr;
  size_t slot_ = 0;
  uint64_t owner_ = 0;
  bool found_alone_ = false;
  std::array<Holders, kPlaces> holders_;
};

}  // namespace hicache
