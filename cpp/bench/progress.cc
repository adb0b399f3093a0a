// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace hicache::bench {
namespace {

constexpr std::chrono::seconds kPatience{2};  // shorter steps show nothing
constexpr std::chrono::milliseconds kEvery{200};

}  // namespace

Progress::Progress() : on_terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { end(); }

void Progress::begin(const std::string& label, int64_t total_pages, double total_seconds) {
  end();
  label_ = label;
  total_pages_ = total_pages;
  total_seconds_ = total_seconds;
  pages_ = 0;
  bytes_ = 0;
  started_ = std::chrono::steady_clock::now();
  stopping_ = false;
  if (on_terminal_) thread_ = std::thread([this] { run(); });
}

void Progress::add(int64_t pages, int64_t bytes) {
  pages_.fetch_add(pages, std::memory_order_relaxed);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void Progress::end() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

void Progress::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (stop_.wait_for(lock, kPatience, [this] { return stopping_; })) return;
  do {
    std::fprintf(stderr, "\r%s\033[K", line(std::chrono::steady_clock::now() - started_).c_str());
  } while (!stop_.wait_for(lock, kEvery, [this] { return stopping_; }));
  std::fprintf(stderr, "\r\033[K");
}

std::string Progress::line(std::chrono::steady_clock::duration elapsed) const {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  const auto pages = static_cast<double>(pages_.load(std::memory_order_relaxed));
  const double done = total_pages_ > 0 ? pages / static_cast<double>(total_pages_) : seconds / total_seconds_;
  char text[160];
  std::snprintf(text, sizeof(text), "%s: %.0f %%, %.0f pages, %.0f s, %.2f GB/s", label_.c_str(), 100 * std::min(done, 1.0),
                pages, seconds, static_cast<double>(bytes_.load(std::memory_order_relaxed)) / 1e9 / seconds);
  return text;
}

}  // namespace hicache::bench
