// SPDX-License-Identifier: Apache-2.0
//
// One line on a terminal that says how far a longer step is; silent where standard error is none.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace hicache::bench {

// Threads: begin and end from one thread, add from any number of threads between them.
class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // total_pages 0: the step ends after so many seconds instead.
  void begin(const std::string& label, int64_t total_pages, double total_seconds);
  void add(int64_t pages, int64_t bytes);
  void end();

 private:
  void run();
  std::string line(std::chrono::steady_clock::duration elapsed) const;

  const bool on_terminal_;
  std::atomic<int64_t> pages_{0};
  std::atomic<int64_t> bytes_{0};
  std::string label_;
  int64_t total_pages_ = 0;
  double total_seconds_ = 0;
  std::chrono::steady_clock::time_point started_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hicache::bench
