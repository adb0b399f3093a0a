// SPDX-License-Identifier: Apache-2.0
#include "plain_loop.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <latch>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "page_cache.h"

namespace hicache::bench {
namespace {

constexpr std::align_val_t kAlignment{4096};  // as direct I/O wants

struct Freed {
  void operator()(char* memory) const { ::operator delete(memory, kAlignment); }
};

// One file and the memory that it is read into or written from. Threads: one at a time.
class Job {
 public:
  Job(const RawShape& shape, const std::string& path)
      : shape_(shape),
        path_(path),
        memory_(static_cast<char*>(::operator new(static_cast<size_t>(shape.job_memory_bytes), kAlignment))) {
    std::memset(memory_.get(), 0x5A, static_cast<size_t>(shape.job_memory_bytes));
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | (shape.direct ? O_DIRECT : 0), 0600);
    if (fd_ < 0) fail("opening", errno);
  }
  ~Job() { ::close(fd_); }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // Passes once over the file.
  void pass(bool write, const std::atomic<bool>& interrupted) {
    const int64_t block = shape_.block_bytes;
    const int64_t slots = shape_.job_memory_bytes / block;
    for (int64_t at = 0; at < shape_.job_bytes && !interrupted; at += block) {
      move(write, memory_.get() + at / block % slots * block, block, at);
    }
  }

  const std::string& path() const { return path_; }

 private:
  void move(bool write, char* memory, int64_t length, int64_t offset) {
    for (int64_t done = 0; done < length;) {
      const auto rest = static_cast<size_t>(length - done);
      const ssize_t moved =
          write ? ::pwrite(fd_, memory + done, rest, offset + done) : ::pread(fd_, memory + done, rest, offset + done);
      if (moved < 0 && errno == EINTR) continue;
      if (moved <= 0) fail(write ? "writing" : "reading", moved < 0 ? errno : EIO);
      done += moved;
    }
  }

  [[noreturn]] void fail(const char* what, int error) const {
    throw StoreError(std::string("--plain: ") + what + " " + path_ + ": " + std::strerror(error));
  }

  const RawShape& shape_;
  const std::string path_;
  const std::unique_ptr<char, Freed> memory_;
  int fd_ = -1;
};

// Runs all jobs at once; returns the seconds until the last one has ended.
double passAll(const std::vector<std::unique_ptr<Job>>& jobs, bool write, const std::atomic<bool>& interrupted) {
  std::latch ready(static_cast<std::ptrdiff_t>(jobs.size()) + 1);
  std::mutex mutex;
  std::exception_ptr failure;
  std::vector<std::thread> threads;
  for (const auto& job : jobs) {
    threads.emplace_back([&] {
      ready.arrive_and_wait();
      try {
        job->pass(write, interrupted);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex);
        failure = std::current_exception();
      }
    });
  }
  ready.arrive_and_wait();
  const Clock::time_point start = Clock::now();
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (failure != nullptr) std::rethrow_exception(failure);
  return seconds;
}

}  // namespace

RawResult runPlainLoop(const RawShape& shape, const std::atomic<bool>& interrupted) {
  const ScratchFolder folder(shape.directory, "plain");
  std::vector<std::unique_ptr<Job>> jobs;
  std::vector<std::string> paths;
  for (int64_t i = 0; i < shape.jobs; ++i) {
    paths.push_back(folder.path() + "/" + std::to_string(i));
    jobs.push_back(std::make_unique<Job>(shape, paths.back()));
  }
  passAll(jobs, true, interrupted);
  if (shape.cold) dropFromCache(paths);
  const double seconds = passAll(jobs, shape.write, interrupted);
  RawResult result;
  result.command = std::string(shape.write ? "pwrite" : "pread") + " of " + std::to_string(shape.block_bytes) + " B in " +
                   std::to_string(shape.jobs) + " threads" + (shape.direct ? ", O_DIRECT" : "");
  if (!interrupted) result.gb_per_s = static_cast<double>(shape.job_bytes * shape.jobs) / 1e9 / seconds;
  return result;
}

}  // namespace hicache::bench
