// SPDX-License-Identifier: Apache-2.0
#include "faulty_nixl.h"

#include <algorithm>
#include <utility>

namespace hicache {

FaultyNixl::FaultyNixl(std::shared_ptr<NixlApi> real) : real_(std::move(real)), library_path_(real_->libraryPath()) {}

void FaultyNixl::failCall(int64_t nth) {
  std::lock_guard<std::mutex> lock(mutex_);
  calls_until_failure_ = nth;
  has_failed_ = false;
}

bool FaultyNixl::hasFailed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return has_failed_;
}

void FaultyNixl::hold(int64_t count, int64_t first_few) {
  std::lock_guard<std::mutex> lock(mutex_);
  to_pass_ = first_few;
  to_hold_ = count;
}

void FaultyNixl::letGo() {
  std::lock_guard<std::mutex> lock(mutex_);
  to_hold_ = 0;
  ++hold_round_;
  for (auto& [handle, request] : requests_) request.held = false;
  let_go_.notify_all();
}

int64_t FaultyNixl::heldCount() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::count_if(requests_.begin(), requests_.end(), [](const auto& entry) { return entry.second.held; });
}

void FaultyNixl::lie(Lie lie) {
  std::lock_guard<std::mutex> lock(mutex_);
  lie_ = lie;
}

void FaultyNixl::present(std::map<std::string, Plugin> plugins) {
  std::lock_guard<std::mutex> lock(mutex_);
  presents_ = true;
  plugins_ = std::move(plugins);
}

void FaultyNixl::setLibraryPath(std::string path) {
  std::lock_guard<std::mutex> lock(mutex_);
  library_path_ = std::move(path);
}

int64_t FaultyNixl::liveAgents() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int64_t>(agents_.size());
}

int64_t FaultyNixl::liveRegistrations() const {
  std::lock_guard<std::mutex> lock(mutex_);
  int64_t count = 0;
  for (const auto& [handle, agent] : agents_) count += agent.registrations;
  return count;
}

int64_t FaultyNixl::liveRequests() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int64_t>(requests_.size());
}

std::vector<std::string> FaultyNixl::created() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return created_;
}

std::vector<Descriptor> FaultyNixl::registeredHostRanges() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return host_ranges_;
}

std::vector<Descriptor> FaultyNixl::requestedHostRanges() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return requested_ranges_;
}

std::vector<std::string> FaultyNixl::misuses() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return misuses_;
}

std::string FaultyNixl::libraryPath() {
  std::lock_guard<std::mutex> lock(mutex_);
  return library_path_;
}

}  // namespace hicache
