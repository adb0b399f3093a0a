// SPDX-License-Identifier: Apache-2.0
//
// hicache_nixl_bench: measures the store through its C API, without a JVM. See --help.
#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>

#include "baseline.h"
#include "fio.h"
#include "plain_loop.h"
#include "plan.h"
#include "report.h"
#include "workload.h"

namespace hicache::bench {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "it is set by a signal handler");

// The first signal ends the run with a report; one that comes a second later or more ends the program, for timeout(1) and
// terminals may send the first one twice.
void onSignal(int signal) {
  static std::atomic<time_t> first{0};
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  if (!interrupted) first = now.tv_sec;
  if (now.tv_sec - first > 1) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  interrupted = true;
}

void interruptible() {
  struct sigaction action = {};
  action.sa_handler = onSignal;
  for (int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

std::vector<Operation> operationsOf(const Options& options) {
  if (options.op_type == "WRITE") return {Operation::kSet};
  if (options.op_type == "EXISTS") return {Operation::kExists};
  if (options.op_type == "READ") return {Operation::kGet};
  return {Operation::kSet, Operation::kExists, Operation::kGet};
}

class Run {
 public:
  explicit Run(const Options& options)
      : options_(options), cells_(planOf(options)), fio_(options.fio ? findFio() : ""), store_(storeSettings(options)) {}

  Json report() {
    try {
      for (const Cell& cell : cells_) {
        if (interrupted) break;
        measure(cell);
      }
    } catch (const std::exception& error) {
      problems_.add(error.what());
    }
    try {
      if (!options_.keep) store_.clear(options_.timeout_millis);
    } catch (const std::exception& error) {
      problems_.add(std::string("removing the pages: ") + error.what());
    }
    return makeReport(options_, environment(), measurements_, problems_.list());
  }

 private:
  Json environment() {
    Json environment = environmentOf(described());
    environment["open_ms"] = store_.openMillis();
    return environment;
  }

  // A store that describes itself later than now may have no more to say.
  const std::map<std::string, std::string>& described() {
    if (described_.empty()) described_ = store_.describe();
    return described_;
  }

  void measure(const Cell& cell) {
    if (!options_.reuse && !options_.storesObjects()) store_.clear(options_.timeout_millis);
    Workload workload(store_, options_, cell, interrupted, progress_, problems_);
    const std::vector<Operation> operations = operationsOf(options_);
    if (!options_.reuse && (options_.mix || operations.front() != Operation::kSet)) workload.prepare();
    if (options_.mix) {
      keep(workload.measureMix());
      return;
    }
    for (Operation operation : operations) {
      if (!interrupted) keep(workload.measure(operation));
    }
  }

  void keep(Measurement measurement) {
    for (const auto& [operation, count] : measurement.operations) {
      if (operation == Operation::kExists || measurement.cell.page_bytes == 0) continue;
      const RawShape shape = rawShapeOf(measurement, operation, described());
      if (options_.plain && !interrupted) measurement.plain[operation] = runPlainLoop(shape, interrupted);
      if (!fio_.empty() && !interrupted) measurement.fio[operation] = runFio(fio_, shape, interrupted);
    }
    measurements_.push_back(std::move(measurement));
  }

  const Options options_;
  const std::vector<Cell> cells_;
  const std::string fio_;
  PageStore store_;
  Progress progress_;
  Problems problems_;
  std::map<std::string, std::string> described_;
  std::vector<Measurement> measurements_;
};

int run(const Options& options) {
  if (options.dry_run) {
    std::fputs(render(planReport(options, planOf(options)), options.format).c_str(), stdout);
    return kExitGood;
  }
  Json baseline;
  if (!options.baseline.empty()) baseline = readBaseline(options.baseline);
  interruptible();
  Json report = Run(options).report();
  bool slower = false;
  if (!options.baseline.empty() && !interrupted) {
    report["baseline"] = compare(baseline, report);
    slower = options.fail_if_slower && isSlower(report["baseline"], *options.fail_if_slower);
    report["slower"] = slower;
  }
  std::fputs(render(report, options.format).c_str(), stdout);
  for (const Json& problem : report["problems"])
    std::fprintf(stderr, "hicache_nixl_bench: %s\n", problem.get<std::string>().c_str());
  if (!report["problems"].empty()) return kExitFailure;
  if (interrupted) return kExitInterrupted;
  return slower ? kExitSlower : kExitGood;
}

}  // namespace
}  // namespace hicache::bench

int main(int argc, char** argv) {
  using namespace hicache::bench;
  try {
    const CommandLine command_line = parseCommandLine({argv + 1, argv + argc});
    if (command_line.text.empty()) return run(command_line.options);
    std::fputs(command_line.text.c_str(), stdout);
    return kExitGood;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "hicache_nixl_bench: %s\n", error.what());
    return kExitUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hicache_nixl_bench: %s\n", error.what());
    return kExitFailure;
  }
}
