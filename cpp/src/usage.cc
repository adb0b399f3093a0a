// SPDX-License-Identifier: Apache-2.0
#include "usage.h"

#include <fcntl.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "error.h"
#include "file_manager.h"
#include "file_system.h"

namespace hicache {
namespace {

constexpr uint64_t kMagic = 0x65676173756b7068;  // "hpkusage"
constexpr uint32_t kVersion = 1;

// Bytes that are locked, behind the file's end: one for each place, then these.
constexpr int64_t kLocks = int64_t{1} << 32;
constexpr int64_t kAlive = kLocks + 1000;  // shared by all who have it open
constexpr int64_t kOpening = kLocks + 1001;
constexpr int64_t kLeading = kLocks + 1002;
constexpr int64_t kCounting = kLocks + 1003;

constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::microseconds kPause{200};

using Cell = int64_t;

int64_t read(const Cell& cell) { return std::atomic_ref<Cell>(const_cast<Cell&>(cell)).load(); }
void write(Cell& cell, int64_t value) { std::atomic_ref<Cell>(cell).store(value); }
void add(Cell& cell, int64_t value) { std::atomic_ref<Cell>(cell).fetch_add(value); }

template <typename Condition>
bool within(std::chrono::milliseconds patience, Condition condition) {
  auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

}  // namespace

// All of it lies in the file's bytes as it lies in memory; only this host and this start of the machine read it.
struct Usage::Layout {
  struct Slot {
    Cell owner;
    Cell reserved;
  };
  uint64_t magic;
  uint32_t version;
  uint32_t places;
  char boot[64];
  alignas(64) Cell counted_millis;
  Cell rounds_begun;
  Cell stuck_round;
  Cell wanted;
  alignas(64) Cell bytes[kPlaces];
  alignas(64) Slot slots[kSlots];
};

Usage::Usage(FileCalls& calls, FileHandle own_folder, std::string where, const std::string& owner)
    : calls_(calls), own_folder_(std::move(own_folder)), where_(std::move(where)) {
  static_assert(std::atomic_ref<Cell>::is_always_lock_free && sizeof(Layout) % 64 == 0);
  file_ = openFile();
  counter_ = openFile();
  lockForOpen();
  try {
    openMapped();
    claimSlot(std::strtoull(owner.c_str(), nullptr, 16));
    int unlocked = calls_.tryLockByte(file_.get(), kOpening, ByteLock::kNone);
    if (unlocked < 0) throw errnoError("unlocking " + name(), -unlocked);
  } catch (...) {
    if (layout_ != nullptr) leave();
    throw;  // the locks end with the files
  }
}

Usage::~Usage() { leave(); }

void Usage::leave() {
  if (owner_ != 0 && read(layout_->slots[slot_].reserved) == 0) write(layout_->slots[slot_].owner, 0);
  calls_.unmap(layout_, sizeof(Layout));
}

std::string Usage::name() const { return "'" + where_ + "/" + kOwnFolder + "/" + kName + "'"; }

FileHandle Usage::openFile() {
  int fd = calls_.openBeneath(own_folder_.get(), kName, O_RDWR | O_CREAT, 0600);
  if (fd < 0) throw errnoError("opening " + name(), -fd);
  return FileHandle(&calls_, fd);
}

void Usage::lockForOpen() {
  int locked = 0;
  within(kPatience, [&] {
    locked = calls_.tryLockByte(file_.get(), kOpening, ByteLock::kExclusive);
    return locked != -EAGAIN;
  });
  if (locked < 0) throw errnoError("locking " + name() + "; a capacity needs locks of bytes of a file", -locked);
}

void Usage::openMapped() {
  const std::string what = "opening " + name();
  int alone = calls_.tryLockByte(file_.get(), kAlive, ByteLock::kExclusive);
  if (alone < 0 && alone != -EAGAIN) throw errnoError(what + ": locking it", -alone);
  found_alone_ = alone == 0;
  bool sound = isSound();
  if (!sound && !found_alone_) {
    throw Error(HICACHE_UNSUPPORTED, what + ": it is damaged, or written by another version of this library, and in use; " +
                                         "close the stores on this directory first");
  }
  if (!sound) makeAnew();
  int here = calls_.tryLockByte(file_.get(), kAlive, ByteLock::kShared);
  if (here < 0) throw errnoError(what + ": locking it", -here);
  void* address = nullptr;
  int mapped = calls_.map(file_.get(), sizeof(Layout), &address);
  if (mapped < 0) throw errnoError(what + ": mapping it", -mapped);
  layout_ = static_cast<Layout*>(address);
}

bool Usage::isSound() const {
  struct stat status = {};
  int known = calls_.status(file_.get(), &status);
  if (known < 0) throw errnoError("reading " + name(), -known);
  if (status.st_size != static_cast<int64_t>(sizeof(Layout))) return false;
  auto found = std::make_unique<Layout>();
  int64_t got = calls_.readAt(file_.get(), found.get(), sizeof(Layout), 0);
  if (got < 0) throw errnoError("reading " + name(), static_cast<int>(-got));
  if (got != static_cast<int64_t>(sizeof(Layout))) return false;
  bool sound = found->magic == kMagic && found->version == kVersion && found->places == kPlaces &&
               std::strncmp(found->boot, bootId().c_str(), sizeof(found->boot)) == 0;
  for (const Layout::Slot& slot : found->slots) sound = sound && slot.reserved >= 0;
  return sound;
}

void Usage::makeAnew() {
  const std::string what = "making " + name();
  auto made = std::make_unique<Layout>();
  std::memset(static_cast<void*>(made.get()), 0, sizeof(Layout));
  made->version = kVersion;
  made->places = kPlaces;
  std::strncpy(made->boot, bootId().c_str(), sizeof(made->boot) - 1);
  // Every byte is written, so that no later access through the mapping finds the disk full; the magic number comes last.
  int cut = calls_.truncate(file_.get(), 0);
  if (cut < 0) throw errnoError(what, -cut);
  const char* bytes = reinterpret_cast<const char*>(made.get());
  for (size_t done = 0; done < sizeof(Layout);) {
    int64_t written = calls_.writeAt(file_.get(), bytes + done, sizeof(Layout) - done, static_cast<int64_t>(done));
    if (written <= 0) throw errnoError(what, written < 0 ? static_cast<int>(-written) : ENOSPC);
    done += static_cast<size_t>(written);
  }
  int64_t marked = calls_.writeAt(file_.get(), &kMagic, sizeof(kMagic), 0);
  if (marked != sizeof(kMagic)) throw errnoError(what, marked < 0 ? static_cast<int>(-marked) : ENOSPC);
}

void Usage::claimSlot(uint64_t owner) {
  freeSlotsLocked();
  for (size_t i = 0; i < kSlots; ++i) {
    Cell free = 0;
    if (!std::atomic_ref<Cell>(layout_->slots[i].owner).compare_exchange_strong(free, static_cast<Cell>(owner))) continue;
    slot_ = i;
    owner_ = owner;
    return;
  }
  throw Error(HICACHE_UNSUPPORTED,
              "opening a store with a capacity on '" + where_ + "': " + std::to_string(kSlots) + " of them are open already");
}

void Usage::freeSlots() {
  // Nobody claims a slot meanwhile.
  if (calls_.tryLockByte(counter_.get(), kOpening, ByteLock::kExclusive) < 0) return;
  freeSlotsLocked();
  calls_.tryLockByte(counter_.get(), kOpening, ByteLock::kNone);
}

void Usage::freeSlotsLocked() {
  for (Layout::Slot& slot : layout_->slots) {
    int64_t owner = read(slot.owner);
    if (owner == 0 || static_cast<uint64_t>(owner) == owner_) continue;
    struct stat status = {};
    const std::string lock = lockFileName(static_cast<uint64_t>(owner));
    if (calls_.statusAt(own_folder_.get(), lock.c_str(), &status) != -ENOENT) continue;
    write(slot.reserved, 0);
    write(slot.owner, 0);
  }
}

int64_t Usage::total() const {
  int64_t sum = reserved();
  for (const Cell& bytes : layout_->bytes) sum += read(bytes);
  return sum;
}

int64_t Usage::reserved() const {
  int64_t sum = 0;
  for (const Layout::Slot& slot : layout_->slots) sum += read(slot.reserved);
  return sum;
}

void Usage::reserve(int64_t bytes) { add(layout_->slots[slot_].reserved, bytes); }

Usage::Hold Usage::hold(size_t place) {
  Holders& holders = holders_[place];
  std::lock_guard<std::mutex> lock(holders.mutex);
  if (holders.count == 0) {
    int locked = 0;
    within(kPatience, [&] {
      locked = calls_.tryLockByte(file_.get(), kLocks + static_cast<int64_t>(place), ByteLock::kShared);
      return locked != -EAGAIN;
    });
    if (locked == -EAGAIN) {
      throw Error(HICACHE_IO, "'" + where_ + "': a process counts its pages and does not go on", 0, EAGAIN);
    }
    if (locked < 0) throw errnoError("locking a place of " + name(), -locked);
  }
  ++holders.count;
  return Hold(this, place);
}

void Usage::letGo(size_t place) {
  Holders& holders = holders_[place];
  std::lock_guard<std::mutex> lock(holders.mutex);
  if (--holders.count == 0) calls_.tryLockByte(file_.get(), kLocks + static_cast<int64_t>(place), ByteLock::kNone);
}

Usage::Hold::~Hold() {
  if (usage_ != nullptr) usage_->letGo(place_);
}

void Usage::Hold::add(int64_t bytes) const {
  if (usage_ != nullptr) hicache::add(usage_->layout_->bytes[place_], bytes);
}

bool Usage::ready() const { return countedMillis() != 0; }
int64_t Usage::countedMillis() const { return read(layout_->counted_millis); }
void Usage::setCounted(int64_t now_millis) { write(layout_->counted_millis, now_millis); }

bool Usage::tryLead() { return calls_.tryLockByte(counter_.get(), kLeading, ByteLock::kExclusive) >= 0; }
void Usage::endLead() { calls_.tryLockByte(counter_.get(), kLeading, ByteLock::kNone); }
bool Usage::tryCount() { return calls_.tryLockByte(counter_.get(), kCounting, ByteLock::kExclusive) >= 0; }
void Usage::endCount() { calls_.tryLockByte(counter_.get(), kCounting, ByteLock::kNone); }

bool Usage::lockPlace(size_t place) {
  return within(std::chrono::milliseconds(200), [&] {
    return calls_.tryLockByte(counter_.get(), kLocks + static_cast<int64_t>(place), ByteLock::kExclusive) >= 0;
  });
}

void Usage::unlockPlace(size_t place) {
  calls_.tryLockByte(counter_.get(), kLocks + static_cast<int64_t>(place), ByteLock::kNone);
}

void Usage::setPlace(size_t place, int64_t bytes) { write(layout_->bytes[place], bytes); }

int64_t Usage::roundsBegun() const { return read(layout_->rounds_begun); }
int64_t Usage::beginRound() { return std::atomic_ref<Cell>(layout_->rounds_begun).fetch_add(1) + 1; }
int64_t Usage::lastStuckRound() const { return read(layout_->stuck_round); }
void Usage::setStuckRound(int64_t round) { write(layout_->stuck_round, round); }

void Usage::want(int64_t bytes) {
  std::atomic_ref<Cell> wanted(layout_->wanted);
  for (int64_t known = wanted.load(); known < bytes && !wanted.compare_exchange_weak(known, bytes);) {
  }
}

int64_t Usage::takeWanted() { return std::atomic_ref<Cell>(layout_->wanted).exchange(0); }

}  // namespace hicache
