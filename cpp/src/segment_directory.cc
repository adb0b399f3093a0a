// SPDX-License-Identifier: Apache-2.0
#include "segment_directory.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <set>
#include <thread>

#include "access_time.h"
#include "file_system.h"
#include "page_group.h"

namespace hicache {
namespace {

constexpr const char* kStateName = "state";  // the number of the machine's start, or kDurable
constexpr const char* kDurable = "durable";
constexpr int64_t kSegmentBytesMax = int64_t{512} << 20;
constexpr int64_t kSegmentBytesMin = 1 << 20;
constexpr int64_t kSegmentsOfCapacity = 16;
constexpr int64_t kSegmentsOfDisk = 64;
constexpr size_t kRemovalsAtOnce = 1000;  // in one transaction: others wait for its end
constexpr std::chrono::seconds kStatePatience{5};

// A process that dies while it writes the state leaves the end of the longer one before it.
bool isDurable(const std::string& state) { return state.starts_with(kDurable); }

uint32_t nowSeconds() { return static_cast<uint32_t>(nowNanos() / kNanosPerSecond); }

}  // namespace

SegmentDirectory::SegmentDirectory(std::shared_ptr<FileManager> files, size_t directory, const Settings& settings)
    : manager_(std::move(files)),
      directory_(directory),
      settings_(settings),
      files_(manager_, directory),
      free_space_(manager_->calls(), manager_->directories()[directory].base.get(), settings.limits.min_free_bytes) {
  const StorageDirectory& base = manager_->directories()[directory];
  if (isShared(base.file_system)) {
    throw Error(HICACHE_UNSUPPORTED, "layout = segments: '" + base.path + "' is on " + base.file_system +
                                         ", which hosts share; use a local disk, or layout = files");
  }
  const bool becomes_durable = forgetWhatTheMachineLost();
  database_ = IndexDatabase::open(files_.folder(), SegmentFiles::kIndex, files_.path(), settings_.durability);
  if (becomes_durable) {
    database_->sync();
    writeState(kDurable);
    letOthersIn();
  }
  index_ = std::make_unique<SegmentIndex>(database_, segmentBytes());
  files_.setGeometry(index_->geometry());
  SlotAllocator::Rules rules;
  rules.owner = manager_->ownerNumber(directory_);
  rules.is_alive = [this](uint64_t owner) { return manager_->isAlive(directory_, owner); };
  rules.may_grow = [this](int64_t all_bytes, int64_t bytes) { return mayGrow(all_bytes, bytes); };
  slots_ = std::make_unique<SlotAllocator>(*index_, files_, std::move(rules));
  removeForgottenFiles();
}

// Of a process that died between forgetting a segment and removing its files.
void SegmentDirectory::removeForgottenFiles() {
  const std::vector<uint32_t> found = files_.list();
  const IndexRead read(*database_);
  std::set<uint32_t> known;
  for (const Slab& slab : index_->slabs(read)) known.insert(slab.number / SegmentGeometry::kSlabsPerSegment);
  // What is not counted yet is being made by somebody.
  for (uint32_t segment : found) {
    if (segment < index_->segmentCount(read) && !known.contains(segment)) files_.remove(segment);
  }
}

void SegmentDirectory::writeState(const std::string& state) {
  FileCalls& calls = manager_->calls();
  const int64_t written = calls.writeAt(state_.get(), state.data(), state.size(), 0);
  int done = written < 0 ? static_cast<int>(written) : calls.truncate(state_.get(), static_cast<int64_t>(state.size()));
  if (done >= 0 && state == kDurable) done = calls.syncData(state_.get());
  if (done < 0) throw errnoError("writing '" + files_.path() + "/" + kStateName + "'", -done);
}

// Without durability the kernel may have written the index in parts only when the machine stopped. Each machine start has its
// own number: an index of another start is not opened. True when this store is to make the directory durable, and keeps others
// out until then.
bool SegmentDirectory::forgetWhatTheMachineLost() {
  FileCalls& calls = manager_->calls();
  const std::string what = "opening '" + files_.path() + "/" + kStateName + "'";
  const int fd = calls.openBeneath(files_.folder(), kStateName, O_RDWR | O_CREAT, 0600);
  if (fd < 0) throw errnoError(what, -fd);
  state_ = FileHandle(&calls, fd);
  const bool durable = settings_.durability != Durability::kNone;
  const auto until = std::chrono::steady_clock::now() + kStatePatience;
  for (;;) {
    const bool alone = calls.tryLockByte(fd, 0, ByteLock::kExclusive) >= 0;
    if (!alone && calls.tryLockByte(fd, 0, ByteLock::kShared) < 0) {
      if (std::chrono::steady_clock::now() > until) throw Error(HICACHE_IO, what + ": another store keeps it locked");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    std::string state(64, '\0');
    const int64_t size = calls.readAt(fd, state.data(), state.size(), 0);
    if (size < 0) throw errnoError(what, static_cast<int>(-size));
    state.resize(static_cast<size_t>(size));
    if (alone && !isDurable(state) && state != bootId()) files_.removeAll();
    // Whoever joins without durability ends it for all.
    if (!durable && state != bootId()) writeState(bootId());
    if (durable && alone && !isDurable(state)) return true;
    letOthersIn();
    return false;
  }
}

void SegmentDirectory::letOthersIn() {
  int locked = manager_->calls().tryLockByte(state_.get(), 0, ByteLock::kShared);
  if (locked < 0) throw errnoError("locking '" + files_.path() + "/" + kStateName + "'", -locked);
}

// Small enough that slots of several sizes find place.
int64_t SegmentDirectory::segmentBytes() const {
  if (settings_.segment_bytes > 0) return settings_.segment_bytes;
  int64_t bytes = kSegmentBytesMax;
  const int64_t capacity = settings_.limits.capacity_bytes / static_cast<int64_t>(settings_.directories);
  if (capacity > 0) bytes = std::min(bytes, capacity / kSegmentsOfCapacity);
  if (std::optional<FreeSpace::Sample> sample = free_space_.sample()) bytes = std::min(bytes, sample->total / kSegmentsOfDisk);
  return std::max(kSegmentBytesMin, static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(bytes))));
}

bool SegmentDirectory::mayGrow(int64_t all_bytes, int64_t bytes) {
  const int64_t usual = index_->geometry().segment_bytes;
  const Limits& limits = settings_.limits;
  // A quarter more than the pages may take, since slabs are of one size each and not all full.
  const int64_t capacity = limits.capacity_bytes / static_cast<int64_t>(settings_.directories);
  if (limits.capacity_bytes > 0 && all_bytes > usual && all_bytes + bytes > capacity + std::max(capacity / 4, usual))
    return false;
  if (limits.of_file_system) {
    std::optional<FreeSpace::Sample> sample = free_space_.sample();
    if (sample && sample->usedShare() >= limits.of_file_system->high) return false;
  }
  return free_space_.shortage(bytes) <= 0;
}

bool SegmentDirectory::isExpired(const StoredPage& page, int64_t now_millis) const {
  return settings_.limits.ttl_seconds > 0 && page.written_millis + settings_.limits.ttl_seconds * 1000 < now_millis;
}

std::optional<StoredPage> SegmentDirectory::find(std::string_view page_key) const {
  return find(IndexRead(*database_), page_key);
}

std::optional<StoredPage> SegmentDirectory::find(const IndexRead& read, std::string_view page_key) const {
  std::optional<StoredPage> page = index_->find(read, page_key);
  if (page && settings_.limits.ttl_seconds > 0 && isExpired(*page, nowNanos() / kNanosPerMilli)) return std::nullopt;
  return page;
}

void SegmentDirectory::sync(const std::vector<Publication>& pages) const {
  std::set<uint32_t> segments;
  for (const Publication& each : pages) segments.insert(each.page.slot.segment);
  for (uint32_t segment : segments) {
    const FileHandle file = files_.open(segment, false);
    int synced = manager_->calls().syncData(file.get());
    if (synced < 0) throw errnoError("writing '" + files_.pathOf(segment) + "' to the disk", -synced);
  }
}

void SegmentDirectory::publish(std::vector<Publication>& pages, int64_t bytes_max) {
  if (settings_.durability != Durability::kNone) sync(pages);
  const uint32_t now = nowSeconds();
  const int64_t written_millis = nowNanos() / kNanosPerMilli;
  SegmentFiles::UseTimes last_use(files_);
  for (Publication& each : pages) {
    each.page.written_millis = written_millis;
    last_use.of(each.page.slot).store(now, std::memory_order_relaxed);
  }
  IndexWrite write(*database_);
  SegmentIndex::Tally tally;
  int64_t bytes = index_->bytes(write);
  for (Publication& each : pages) {
    if (each.keep) {
      const std::optional<StoredPage> there = index_->find(write, each.page_key);
      each.kept = there && !isExpired(*there, each.page.written_millis);
      if (each.kept) continue;
    }
    // Until the commit both have their slots, the old page and the new one.
    if (bytes + tally.bytes + each.page.slot.bytes() > bytes_max) {
      each.error = Error(HICACHE_NO_SPACE, "no room within the capacity");
      continue;
    }
    const Slot freed = index_->publish(write, each.page_key, each.page, &tally);
    if (freed.blocks == 0) continue;
    const uint32_t leased_until = last_use.of(freed).load(std::memory_order_relaxed);
    if (leased_until > now) last_use.of(each.page.slot).store(leased_until, std::memory_order_relaxed);
  }
  index_->commit(write, tally);
}

bool SegmentDirectory::remove(std::string_view page_key, std::optional<uint64_t> only_generation) {
  if (!find(page_key)) return false;  // nothing to lock for
  IndexWrite write(*database_);
  SegmentIndex::Tally tally;
  const bool removed = index_->remove(write, page_key, only_generation, &tally);
  index_->commit(write, tally);
  return removed;
}

int64_t SegmentDirectory::clear(const std::string& prefix, const std::function<bool()>& stop) {
  int64_t removed = 0;
  std::vector<std::string> keys;
  do {
    keys.clear();
    IndexWrite write(*database_);
    index_->visitPages(write, prefix, [&](std::string_view key, const StoredPage&) {
      if (!key.starts_with(prefix)) return false;
      keys.emplace_back(key);
      return keys.size() < kRemovalsAtOnce;
    });
    SegmentIndex::Tally tally;
    for (const std::string& key : keys) index_->remove(write, key, std::nullopt, &tally);
    index_->commit(write, tally);
    removed += static_cast<int64_t>(keys.size());
  } while (keys.size() == kRemovalsAtOnce && !stop());
  return removed;
}

EvictionResult SegmentDirectory::evict(int64_t bytes_max) {
  database_->dropDeadReaders();
  std::vector<Candidate> all;
  std::vector<Candidate> expired;
  const uint32_t now = nowSeconds();
  const int64_t now_millis = nowNanos() / kNanosPerMilli;
  int64_t bytes = 0;
  SegmentFiles::UseTimes use_times(files_);
  {
    const IndexRead read(*database_);
    bytes = index_->bytes(read);
    if (bytes <= bytes_max && settings_.limits.ttl_seconds == 0) return {};
    if (settings_.limits.ttl_seconds > 0) {
      index_->visitPages(read, {}, [&](std::string_view, const StoredPage& page) {
        if (isExpired(page, now_millis))
          expired.push_back({use_times.of(page.slot).load(std::memory_order_relaxed), page.slot});
        return true;
      });
    }
    if (bytes > bytes_max) {
      index_->visitSlots(read, [&](const Slot& slot, std::string_view) {
        const uint32_t last_use = use_times.of(slot).load(std::memory_order_relaxed);
        if (last_use <= now) all.push_back({last_use, slot});
        return true;
      });
    }
  }
  EvictionResult evicted = removeCandidates(expired, -1, false);
  if (bytes - evicted.bytes <= bytes_max) return evicted;
  std::sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return a.last_use < b.last_use; });
  const EvictionResult more = removeCandidates(all, bytes_max, true);
  return {evicted.pages + more.pages, evicted.bytes + more.bytes, ""};
}

EvictionResult SegmentDirectory::removeCandidates(const std::vector<Candidate>& candidates, int64_t bytes_max, bool groups) {
  EvictionResult evicted;
  for (size_t next = 0; next < candidates.size();) {
    IndexWrite write(*database_);
    SegmentIndex::Tally tally;
    const int64_t bytes = index_->bytes(write);
    const size_t end = std::min(candidates.size(), next + kRemovalsAtOnce);
    bool enough = false;
    for (; next < end; ++next) {
      enough = bytes + tally.bytes <= bytes_max;
      if (enough) break;
      const Candidate& oldest = candidates[next];
      const std::string page_key = index_->keyAt(write, oldest.slot);
      // Removed, used or pinned since it was looked at.
      if (page_key.empty() || lastUse(oldest.slot).load(std::memory_order_relaxed) != oldest.last_use) continue;
      for (const std::string& key : groups ? groupOf(write, page_key) : std::vector<std::string>{page_key})
        evicted.pages += index_->remove(write, key, std::nullopt, &tally) ? 1 : 0;
    }
    evicted.bytes -= tally.bytes;
    index_->commit(write, tally);
    if (enough) break;
  }
  return evicted;
}

// The keys of a logical page's parts, as long as none of them is pinned.
std::vector<std::string> SegmentDirectory::groupOf(const IndexTransaction& transaction, const std::string& page_key) {
  constexpr size_t kPageKeyDigits = 64;
  const std::string_view name = SegmentIndex::nameIn(page_key);
  const std::string group = groupKeyOf(name);
  const size_t common = startsWithPageKey(group) ? kPageKeyDigits : group.size();
  const std::string prefix = page_key.substr(0, page_key.size() - name.size()) + group.substr(0, common);
  std::vector<std::string> keys;
  bool pinned = false;
  index_->visitPages(transaction, prefix, [&](std::string_view key, const StoredPage& each) {
    if (!key.starts_with(prefix)) return false;
    if (groupKeyOf(SegmentIndex::nameIn(key)) != group) return true;
    keys.emplace_back(key);
    pinned = pinned || lastUse(each.slot).load(std::memory_order_relaxed) > nowSeconds();
    return true;
  });
  return pinned ? std::vector<std::string>() : keys;
}

EvictionResult SegmentDirectory::evictSlab() {
  std::map<uint32_t, std::vector<Candidate>> by_slab;
  const uint32_t now = nowSeconds();
  std::set<uint32_t> kept;
  SegmentFiles::UseTimes use_times(files_);
  {
    const IndexRead read(*database_);
    for (const Slab& slab : index_->slabs(read)) {
      if (slab.owner != 0 && manager_->isAlive(directory_, slab.owner)) kept.insert(slab.number);
    }
    index_->visitSlots(read, [&](const Slot& slot, std::string_view) {
      const uint32_t number = index_->slabOf(slot);
      const uint32_t last_use = use_times.of(slot).load(std::memory_order_relaxed);
      if (last_use > now) kept.insert(number);
      by_slab[number].push_back({last_use, slot});
      return true;
    });
  }
  const std::vector<Candidate>* oldest = nullptr;
  uint32_t oldest_use = UINT32_MAX;
  for (const auto& [number, pages] : by_slab) {
    if (kept.contains(number)) continue;
    uint32_t latest = 0;
    for (const Candidate& page : pages) latest = std::max(latest, page.last_use);
    if (latest >= oldest_use) continue;
    oldest = &pages;
    oldest_use = latest;
  }
  return oldest == nullptr ? EvictionResult() : removeCandidates(*oldest, -1, false);
}

int64_t SegmentDirectory::bytes() const {
  const IndexRead read(*database_);
  return index_->bytes(read);
}

int64_t SegmentDirectory::freeBytes() const {
  const IndexRead read(*database_);
  return index_->segmentBytes(read) - index_->bytes(read);
}

uint32_t SegmentDirectory::segmentCount() const {
  const IndexRead read(*database_);
  return index_->segmentCount(read);
}

}  // namespace hicache
