// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

#include <sys/prctl.h>

#include <algorithm>
#include <ctime>
#include <latch>
#include <random>
#include <thread>

#include "page_cache.h"

namespace hicache::bench {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr std::chrono::milliseconds kInterruptEvery{50};
constexpr int64_t kKeysKept = 1 << 20;               // of more keys each is made when it is used
constexpr int64_t kWarmUpNumber = int64_t{1} << 40;  // of a mix: other batches than those that are measured

double secondsOf(const timespec& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9; }

double cpuSeconds(clockid_t clock) {
  timespec time = {};
  ::clock_gettime(clock, &time);
  return secondsOf(time);
}

Clock::time_point dueAt(Clock::time_point start, int64_t number, double rate) {
  return start + std::chrono::duration_cast<Clock::duration>(Seconds(static_cast<double>(number) / rate));
}

}  // namespace

void Problems::add(const std::string& problem) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool known = std::find(problems_.begin(), problems_.end(), problem) != problems_.end();
  if (!known && problems_.size() < kMost) problems_.push_back(problem);
}

std::vector<std::string> Problems::list() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return problems_;
}

// One thread of a run, with memory that its batches take in turn. What it does around its calls is aside: no part of what is
// measured.
class Workload::Caller {
 public:
  Caller(Workload& workload, int64_t number)
      : workload_(workload),
        memory_(reinterpret_cast<char*>(workload.memory_->address()) + number * workload.cell_.memoryBytes()),
        spoilt_(static_cast<size_t>(workload.cell_.memory_pages)) {}

  void begin(Clock::time_point start) { start_ = start; }

  // due: when the batch is to be submitted, null at once.
  void run(const Step& step, const Clock::time_point* due) {
    aside([&] { makeBatch(step); });
    if (due != nullptr) {
      while (Clock::now() < *due && !workload_.interrupted_) {
        std::this_thread::sleep_until(std::min(*due, Clock::now() + kInterruptEvery));
      }
      if (workload_.interrupted_) return;
    }
    const BatchResult result = workload_.store_.run(step.operation, batch_, workload_.options_.timeout_millis);
    OperationCount& count = counts_[step.operation];
    count.latency.record(result.completed - (due == nullptr ? result.submitted : *due));
    whole_seconds_ = Seconds(result.completed - start_).count();
    working_seconds_ = whole_seconds_ - aside_seconds_;
    aside([&] {
      for (size_t phase = 0; result.parts > 0 && phase < count.phases.size(); ++phase) {
        count.phases[phase].record(result.phases[phase]);
      }
      settle(step, result, &count);
    });
  }

  const std::map<Operation, OperationCount>& counts() const { return counts_; }
  double asideCpuSeconds() const { return aside_cpu_seconds_; }
  // From the start to the end of its last batch: all of it, and without what was aside.
  double wholeSeconds() const { return whole_seconds_; }
  double workingSeconds() const { return working_seconds_; }

 private:
  struct Asked {
    int64_t page = 0;
    bool present = true;
  };

  template <typename Body>
  void aside(Body body) {
    const Clock::time_point start = Clock::now();
    const double cpu_start = cpuSeconds(CLOCK_THREAD_CPUTIME_ID);
    body();
    aside_cpu_seconds_ += cpuSeconds(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
    aside_seconds_ += Seconds(Clock::now() - start).count();
  }

  char* slot(size_t i) const { return memory_ + (first_slot_ + static_cast<int64_t>(i)) * workload_.cell_.page_bytes; }

  std::vector<bool>::reference spoilt(size_t i) { return spoilt_[static_cast<size_t>(first_slot_) + i]; }

  void makeBatch(const Step& step) {
    batch_.clear();
    asked_.clear();
    first_slot_ = (first_slot_ + workload_.cell_.batch) % workload_.cell_.memory_pages;
    const PageContent& content = workload_.content_;
    const uint64_t seed = workload_.options_.seed;
    std::mt19937_64 random(step.seed);
    std::bernoulli_distribution hits(workload_.options_.hit_rate);
    for (int64_t i = 0; i < step.count; ++i) {
      const auto at = static_cast<size_t>(i);
      Asked asked = {step.first + i};
      if (step.first < workload_.cell_.keys) asked.page %= workload_.cell_.keys;  // a random batch may begin near the end
      if (step.operation != Operation::kSet) asked.present = hits(random);
      if (step.operation == Operation::kSet) {
        if (spoilt(at)) content.fill(slot(at));
        spoilt(at) = false;
        content.stamp(slot(at), asked.page);
      } else if (step.operation == Operation::kGet && workload_.options_.verify) {
        content.blank(slot(at));
      }
      const auto page = static_cast<size_t>(asked.page);
      const std::string key = !asked.present                  ? absentKeyOf(seed, asked.page)
                              : page < workload_.keys_.size() ? workload_.keys_[page]
                                                              : keyOf(seed, asked.page);
      batch_.add(key, reinterpret_cast<int64_t>(slot(at)), workload_.cell_.page_bytes);
      asked_.push_back(asked);
    }
  }

  void settle(const Step& step, const BatchResult& result, OperationCount* count) {
    int64_t bytes = 0;
    for (size_t i = 0; i < asked_.size(); ++i) {
      const int32_t outcome = result.outcomes[i];
      if (step.operation == Operation::kGet && outcome != HICACHE_HIT) spoilt(i) = true;
      if ((result.flags[i] & HICACHE_FLAG_BUFFERED) != 0) ++count->buffered;
      if (outcome == HICACHE_STORED) {
        bytes += result.lengths[i];
      } else if (outcome == HICACHE_HIT) {
        ++count->hits;
        if (step.operation == Operation::kGet) bytes += result.lengths[i];
        check(step, i, count);
      } else if (outcome == HICACHE_MISS) {
        ++count->misses;
        if (asked_[i].present && !workload_.canMiss(step.operation)) {
          ++count->lost;
          workload_.problems_.add(
              std::string(nameOf(step.operation)) +
              ": a page that should be there is missing; where --reuse is given, an equal run with --keep has "
              "to come first");
        }
      } else {
        ++count->failed;
        workload_.problems_.add(std::string(nameOf(step.operation)) + ": " + result.cause);
      }
    }
    ++count->batches;
    count->pages += static_cast<int64_t>(asked_.size());
    count->bytes += bytes;
    workload_.progress_.add(static_cast<int64_t>(asked_.size()), bytes);
  }

  void check(const Step& step, size_t i, OperationCount* count) {
    std::string problem;
    if (!asked_[i].present) {
      problem = "page that was never stored is there";
    } else if (step.operation == Operation::kGet && workload_.options_.verify) {
      const int64_t at = workload_.content_.firstDifference(slot(i), asked_[i].page);
      if (at < 0) return;
      spoilt(i) = true;
      problem =
          "page " + std::to_string(asked_[i].page) + " came back with other bytes from byte " + std::to_string(at) + " on";
    } else {
      return;
    }
    ++count->differing;
    workload_.problems_.add(std::string(nameOf(step.operation)) + ": " + problem);
  }

  Workload& workload_;
  char* const memory_;
  std::vector<bool> spoilt_;  // slots that hold no page
  int64_t first_slot_ = 0;    // of the batch under way
  PageBatch batch_;
  std::vector<Asked> asked_;
  std::map<Operation, OperationCount> counts_;
  double aside_seconds_ = 0;
  double aside_cpu_seconds_ = 0;
  double whole_seconds_ = 0;
  double working_seconds_ = 0;
  Clock::time_point start_;
};

Workload::Workload(PageStore& store, const Options& options, const Cell& cell, const std::atomic<bool>& interrupted,
                   Progress& progress, Problems& problems)
    : store_(store),
      options_(options),
      cell_(cell),
      interrupted_(interrupted),
      progress_(progress),
      problems_(problems),
      content_(options.seed, cell.page_bytes) {
  for (int64_t page = 0; page < cell.keys && cell.keys <= kKeysKept; ++page) keys_.push_back(keyOf(options.seed, page));
  const int64_t slots = options.threads * cell.memory_pages;
  memory_ = std::make_unique<PoolMemory>(store, std::max<int64_t>(1, slots * cell.page_bytes));
  for (int64_t i = 0; i < slots; ++i) content_.fill(reinterpret_cast<char*>(memory_->address()) + i * cell.page_bytes);
}

Workload::~Workload() = default;

void Workload::prepare() {
  const Measurement stored =
      run("prepare", [this](int64_t number) { return passStep(Operation::kSet, number); }, {cell_.batchesOfAPass(), 0}, 0);
  const auto found = stored.operations.find(Operation::kSet);
  if (found != stored.operations.end() && found->second.failed > 0) {
    throw StoreError("the pages to read could not be stored: " + problems_.list().front());
  }
}

CacheDrop Workload::dropCache() {
  std::vector<std::string> paths;
  for (int64_t page = 0; page < cell_.keys; ++page) paths.push_back(store_.pathOf(keyOf(options_.seed, page)));
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return dropFromCache(paths);
}

Measurement Workload::measure(Operation operation) {
  const auto step_of = [&](int64_t number) { return passStep(operation, number); };
  warmUp([&](int64_t number) {
    Step step = step_of(number);
    if (operation == Operation::kSet) step.first += cell_.keys;  // new pages, as those that are measured
    return step;
  });
  std::optional<CacheDrop> drop;
  if (options_.cold && operation == Operation::kGet) drop = dropCache();
  Measurement measurement = run(nameOf(operation), step_of, endOf(), options_.rate);
  measurement.cache_drop = drop;
  return measurement;
}

Measurement Workload::measureMix() {
  warmUp([this](int64_t number) { return mixStep(number + kWarmUpNumber); });
  std::optional<CacheDrop> drop;
  if (options_.cold) drop = dropCache();
  Measurement measurement = run("mix", [this](int64_t number) { return mixStep(number); }, endOf(), options_.rate);
  measurement.cache_drop = drop;
  return measurement;
}

Workload::Step Workload::passStep(Operation operation, int64_t number) const {
  const int64_t first = number % cell_.batchesOfAPass() * cell_.batch;
  return {operation, first, std::min(cell_.batch, cell_.keys - first), options_.seed + static_cast<uint64_t>(number)};
}

Workload::Step Workload::mixStep(int64_t number) const {
  std::seed_seq seed{options_.seed, static_cast<uint64_t>(number)};
  std::mt19937_64 random(seed);
  const Mix& mix = *options_.mix;
  const int64_t draw = std::uniform_int_distribution<int64_t>(0, mix.set + mix.get + mix.exists - 1)(random);
  const Operation operation = draw < mix.set             ? Operation::kSet
                              : draw < mix.set + mix.get ? Operation::kGet
                                                         : Operation::kExists;
  const int64_t first = std::uniform_int_distribution<int64_t>(0, cell_.keys - 1)(random);
  return {operation, first, cell_.batch, random()};
}

Workload::End Workload::endOf() const {
  if (options_.duration_seconds > 0) return {0, options_.duration_seconds};
  return {options_.batches > 0 ? options_.batches : cell_.batchesOfAPass(), 0};
}

bool Workload::canMiss(Operation operation) const {
  return operation != Operation::kSet && options_.mix && options_.mix->set > 0;
}

void Workload::warmUp(const StepOf& step_of) {
  if (options_.warmup_batches == 0) return;
  run("warm-up", step_of, {options_.warmup_batches, 0}, 0);
  PageBatch extra;
  for (int64_t number = 0; number < options_.warmup_batches; ++number) {
    const Step step = step_of(number);
    for (int64_t page = std::max(step.first, cell_.keys); page < step.first + step.count; ++page) {
      if (step.first >= cell_.keys) extra.add(keyOf(options_.seed, page), 0, 0);
    }
  }
  if (extra.size() > 0 && !options_.storesObjects()) store_.remove(extra, options_.timeout_millis);
}

Measurement Workload::run(const std::string& name, const StepOf& step_of, End end, double rate) {
  std::vector<std::unique_ptr<Caller>> callers;
  for (int64_t i = 0; i < options_.threads; ++i) callers.push_back(std::make_unique<Caller>(*this, i));
  std::latch ready(options_.threads + 1);
  std::atomic<int64_t> next{0};
  std::atomic<bool> broken{false};
  std::exception_ptr first_failure;
  std::mutex failure;
  Clock::time_point start;

  const auto call = [&](Caller& caller) {
    ::prctl(PR_SET_TIMERSLACK, 1UL);  // for sleeps that end when a batch is due
    ready.arrive_and_wait();
    caller.begin(start);
    try {
      while (!interrupted_ && !broken) {
        const int64_t number = next++;
        if (end.batches > 0 && number >= end.batches) break;
        const Clock::time_point due = rate > 0 ? dueAt(start, number, rate) : Clock::now();
        if (end.seconds > 0 && Seconds(due - start).count() >= end.seconds) break;
        caller.run(step_of(number), rate > 0 ? &due : nullptr);
      }
    } catch (...) {
      broken = true;
      const std::lock_guard<std::mutex> lock(failure);
      if (first_failure == nullptr) first_failure = std::current_exception();
    }
  };

  progress_.begin(name + " " + std::to_string(cell_.page_bytes) + " B x " + std::to_string(cell_.batch),
                  end.batches * cell_.batch, end.seconds);
  std::vector<std::thread> threads;
  for (const auto& caller : callers) threads.emplace_back(call, std::ref(*caller));
  const double cpu_start = cpuSeconds(CLOCK_PROCESS_CPUTIME_ID);
  start = Clock::now();
  ready.arrive_and_wait();
  for (std::thread& thread : threads) thread.join();
  const double cpu = cpuSeconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
  progress_.end();
  if (first_failure != nullptr) std::rethrow_exception(first_failure);

  Measurement result;
  result.workload = name;
  result.cell = cell_;
  result.threads = options_.threads;
  result.rate = rate;
  result.interrupted = interrupted_;
  result.cpu_seconds = cpu;
  for (const auto& caller : callers) {
    if (caller->counts().empty()) continue;
    for (const auto& [operation, count] : caller->counts()) result.operations[operation].add(count);
    result.cpu_seconds -= caller->asideCpuSeconds();
    result.seconds = std::max(result.seconds, rate > 0 ? caller->wholeSeconds() : caller->workingSeconds());
  }
  return result;
}

}  // namespace hicache::bench
