// SPDX-License-Identifier: Apache-2.0
#include "evictor.h"

#include <pthread.h>

#include <algorithm>

#include "access_time.h"
#include "page_walk.h"

namespace hicache {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kLook{1000};             // how often the marks are looked at
constexpr milliseconds kLookWhileSetsWait{10};  // and how often sets that wait ask again
constexpr seconds kTick{30};                    // expired pages, dead processes' files; SGLang's interval
constexpr milliseconds kRestWhenStuck{500};
constexpr int64_t kCountMillis = 600000;
constexpr int64_t kFreshCountMillis = 10000;
constexpr int kAttemptsMax = 3;
constexpr milliseconds kEndPatience{2000};

int64_t nowMillis() { return nowNanos() / kNanosPerMilli; }

std::vector<size_t> devicesOf(const FileManager& files) {
  std::vector<dev_t> devices;
  std::vector<size_t> device_of;
  for (const StorageDirectory& directory : files.directories()) {
    struct stat status = {};
    int known = files.calls().status(directory.base.get(), &status);
    if (known < 0) throw errnoError("reading the status of '" + directory.path + "'", -known);
    size_t index = static_cast<size_t>(std::find(devices.begin(), devices.end(), status.st_dev) - devices.begin());
    if (index == devices.size()) devices.push_back(status.st_dev);
    device_of.push_back(index);
  }
  return device_of;
}

}  // namespace

class Evictor::Leadership {
 public:
  explicit Leadership(const Evictor& evictor) : evictor_(evictor) {
    while (held_ < evictor_.directoryCount() && evictor_.usage(held_).tryLead()) ++held_;
  }
  Leadership(const Leadership&) = delete;
  Leadership& operator=(const Leadership&) = delete;
  ~Leadership() {
    while (held_ > 0) evictor_.usage(--held_).endLead();
  }
  explicit operator bool() const { return held_ == evictor_.directoryCount(); }

 private:
  const Evictor& evictor_;
  size_t held_ = 0;
};

std::shared_ptr<Evictor> Evictor::start(std::shared_ptr<const StoreParts> parts, std::function<bool()> retry) {
  std::shared_ptr<Evictor> evictor(new Evictor(std::move(parts), std::move(retry)));
  evictor->thread_ = std::thread([evictor] {
    ::pthread_setname_np(::pthread_self(), "hicache-evict");
    evictor->run();
    evictor->ended_.store(true);
  });
  return evictor;
}

Evictor::Evictor(std::shared_ptr<const StoreParts> parts, std::function<bool()> retry)
    : parts_(std::move(parts)),
      room_(*parts_->room),
      limits_(room_.limits()),
      retry_(std::move(retry)),
      device_of_(devicesOf(*parts_->files)) {
  for (size_t i = 0; i < directoryCount(); ++i) unknown_.push_back(usage(i).foundAlone());
}

void Evictor::stop() {
  stopping_.store(true);
  room_.wake();
  if (!thread_.joinable()) return;
  auto until = SteadyClock::now() + kEndPatience;
  while (!ended_.load() && SteadyClock::now() < until) std::this_thread::sleep_for(std::chrono::microseconds(200));
  if (ended_.load()) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void Evictor::run() {
  bool set_waits = false;
  while (!stopping_.load()) {
    try {
      std::unique_lock<std::mutex> lock(work_, std::try_to_lock);
      if (lock) {
        keepCounted();
        keepRoom(set_waits);
      }
    } catch (...) {
      setProblem(currentError().what());
    }
    bool asked_again = retry_();
    set_waits = room_.sleep(asked_again || set_waits ? kLookWhileSetsWait : kLook);
  }
}

void Evictor::keepCounted() {
  for (size_t i = 0; i < directoryCount() && !stopping_.load(); ++i) {
    if (countIsDue(i)) count(i);
  }
}

bool Evictor::countIsDue(size_t directory) const {
  const Usage& counted = usage(directory);
  return !counted.ready() || unknown_[directory] || nowMillis() - counted.countedMillis() >= kCountMillis;
}

bool Evictor::count(size_t directory) {
  struct Turn {
    Usage& usage;
    const bool mine;
    ~Turn() {
      if (mine) usage.endCount();
    }
  } turn{usage(directory), usage(directory).tryCount()};
  if (!turn.mine) return false;
  const PageWalk walk(*parts_->layout);
  bool all = true;
  for (size_t place = 0; place < Usage::kPlaces && !stopping_.load(); ++place) {
    all = turn.usage.countPlace(place, [&] {
      int64_t bytes = 0;
      walk.visitPlace(directory, place, [&](const FilePlace&, const struct stat& status) {
        bytes += Usage::chargeOf(status.st_size);
        return true;
      });
      return bytes;
    }) && all;
  }
  if (!all || stopping_.load()) return false;
  turn.usage.setCounted(nowMillis());
  unknown_[directory] = false;
  setProblem("");
  return true;
}

void Evictor::keepRoom(bool set_waits) {
  auto now = SteadyClock::now();
  if (now - last_tick_ >= kTick) {
    for (size_t i = 0; i < directoryCount(); ++i) {
      parts_->files->sweep(i);
      usage(i).freeSlots();
    }
    if (limits_.evicts && limits_.ttl_seconds > 0) round(Pressure::kNone);
    last_tick_ = now;
  }
  if (!limits_.evicts || now < rest_until_) return;
  if (set_waits) {
    round(Pressure::kSetWaits);
  } else if (!goal(Pressure::kMark, 0).empty()) {
    round(Pressure::kMark);
  }
}

EvictionGoal Evictor::goal(Pressure pressure, int64_t wanted) const {
  EvictionGoal goal;
  goal.expired = limits_.ttl_seconds > 0 && pressure != Pressure::kMark;
  if (pressure == Pressure::kNone) return goal;
  if (limits_.capacity_bytes > 0 && room_.ready()) {
    int64_t used = room_.total();
    bool forced = pressure == Pressure::kForced;
    if (forced || used > limits_.highBytes() || used + wanted > limits_.capacity_bytes) {
      goal.charged_bytes = used - std::max<int64_t>(std::min(limits_.lowBytes(), limits_.capacity_bytes - wanted), 0);
    }
  }
  addDeviceGoals(pressure, wanted, &goal);
  return goal;
}

void Evictor::addDeviceGoals(Pressure pressure, int64_t wanted, EvictionGoal* goal) const {
  goal->of_device.assign(1 + *std::max_element(device_of_.begin(), device_of_.end()), 0);
  for (size_t i = 0; i < directoryCount(); ++i) {
    int64_t& bytes = goal->of_device[device_of_[i]];
    std::optional<FreeSpace::Sample> sample = room_.freeSpace(i).sample();
    if (limits_.of_file_system && sample) {
      const Watermarks& marks = *limits_.of_file_system;
      double share = sample->usedShare();
      bool above = share >= marks.high || (pressure == Pressure::kForced && share > marks.low);
      if (above) bytes = std::max(bytes, static_cast<int64_t>((share - marks.low) * static_cast<double>(sample->total)));
    }
    int64_t shortage = wanted > 0 ? room_.freeSpace(i).shortage(wanted) : 0;
    // And a little more, so that the next set need not wait for the next round.
    if (shortage > 0) bytes = std::max(bytes, shortage + room_.freeSpace(i).minFreeBytes() / 4);
  }
}

bool Evictor::fits(int64_t wanted) const {
  if (limits_.capacity_bytes > 0 && room_.total() + wanted > limits_.capacity_bytes) return false;
  for (size_t i = 0; i < directoryCount(); ++i) {
    if (wanted > 0 && room_.freeSpace(i).shortage(wanted) > 0) return false;
  }
  return true;
}

std::optional<EvictionResult> Evictor::round(Pressure pressure) {
  Leadership leadership(*this);
  if (!leadership) return std::nullopt;
  const auto begun = SteadyClock::now();
  int64_t wanted = 0;
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < directoryCount(); ++i) {
    if (pressure != Pressure::kNone) wanted = std::max(wanted, usage(i).takeWanted());
    numbers.push_back(usage(i).beginRound());
    parts_->files->sweep(i);
    usage(i).freeSlots();
  }
  EvictionResult all;
  EvictionRound round(*parts_->layout, device_of_, stopping_);
  for (int attempt = 0; attempt < kAttemptsMax && !stopping_.load(); ++attempt) {
    EvictionGoal goal = this->goal(pressure, wanted);
    if (goal.empty()) break;
    EvictionResult result = round.run(goal);
    all.pages += result.pages;
    all.bytes += result.bytes;
    if (!result.problem.empty()) all.problem = result.problem;
    evicted_pages_ += result.pages;
    evicted_bytes_ += result.bytes;
    // Others go in the place of what could not be removed.
    const bool in_vain = result.pages == 0 && result.problem.empty();
    if (in_vain || pressure == Pressure::kNone) break;
  }
  ++rounds_;
  setProblem(all.problem);
  bool stuck = pressure != Pressure::kNone && (!fits(wanted) || !goal(Pressure::kMark, 0).empty());
  if (!stuck || stopping_.load()) return all;
  // What dead processes left counted may be all that is in the way.
  bool counted = true;
  for (size_t i = 0; i < directoryCount(); ++i) {
    bool fresh = usage(i).ready() && nowMillis() - usage(i).countedMillis() < kFreshCountMillis;
    counted = (fresh || count(i)) && counted;
  }
  for (size_t i = 0; counted && !fits(wanted) && i < directoryCount(); ++i) usage(i).setStuckRound(numbers[i]);
  const auto now = SteadyClock::now();
  rest_until_ = now + std::max<SteadyClock::duration>(kRestWhenStuck, 4 * (now - begun));
  return all;
}

EvictionResult Evictor::evictNow(milliseconds timeout) {
  if (!limits_.evicts) {
    throw Error(HICACHE_UNSUPPORTED, "evict: eviction is off; set capacity_bytes, or an l3_cleaner watermark");
  }
  auto until = SteadyClock::now() + timeout;
  do {
    if (stopping_.load()) throw Error(HICACHE_CLOSED, "the store is closed");
    std::unique_lock<std::mutex> lock(work_, std::try_to_lock);
    if (lock) {
      keepCounted();
      if (room_.ready()) {
        std::optional<EvictionResult> result = round(Pressure::kForced);
        if (result) return *result;
      }
    }
    std::this_thread::sleep_for(milliseconds(2));
  } while (SteadyClock::now() < until);
  throw Error(HICACHE_TIMEOUT, "evict: other processes count and evict in these directories all the time; try again");
}

std::string Evictor::problem() const {
  std::lock_guard<std::mutex> lock(problem_mutex_);
  return problem_;
}

void Evictor::setProblem(const std::string& problem) {
  std::lock_guard<std::mutex> lock(problem_mutex_);
  problem_ = problem;
}

}  // namespace hicache
