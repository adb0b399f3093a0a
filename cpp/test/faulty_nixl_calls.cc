// SPDX-License-Identifier: Apache-2.0
//
// The calls of FaultyNixl; its commands are in faulty_nixl.cc.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "faulty_nixl.h"

namespace hicache {

// Marks an agent as in use for the length of a call.
class FaultyNixl::Use {
 public:
  Use(FaultyNixl* nixl, NixlAgentHandle* agent, const char* call) : nixl_(nixl), agent_(agent) {
    std::lock_guard<std::mutex> lock(nixl_->mutex_);
    auto found = nixl_->agents_.find(agent_);
    if (found == nixl_->agents_.end()) {
      nixl_->misuses_.push_back(std::string(call) + " with an agent that is not live");
    } else if (++found->second.users > 1) {
      nixl_->misuses_.push_back(std::string(call) + " while another thread is in the same agent");
    }
  }
  ~Use() {
    std::lock_guard<std::mutex> lock(nixl_->mutex_);
    auto found = nixl_->agents_.find(agent_);
    if (found != nixl_->agents_.end()) --found->second.users;
  }

 private:
  FaultyNixl* const nixl_;
  NixlAgentHandle* const agent_;
};

bool FaultyNixl::failsNow() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (calls_until_failure_ == 0 || --calls_until_failure_ != 0) return false;
  has_failed_ = true;
  return true;
}

std::optional<FaultyNixl::Plugin> FaultyNixl::presented(const std::string& plugin) const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!presents_) return Plugin{plugin, true, false, {}, false};
  auto found = plugins_.find(plugin);
  return found == plugins_.end() ? std::nullopt : std::optional<Plugin>(found->second);
}

NixlStatus FaultyNixl::createAgent(const std::string& name, NixlAgentHandle** agent) {
  if (failsNow()) return kFailed;
  NixlStatus status = real_->createAgent(name, agent);
  std::lock_guard<std::mutex> lock(mutex_);
  if (status == kNixlSuccess) agents_[*agent] = {};
  return status;
}

void FaultyNixl::destroyAgent(NixlAgentHandle* agent) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = agents_.find(agent);
    if (found == agents_.end()) {
      misuses_.push_back("an agent destroyed that is not live");
      return;
    }
    if (found->second.users != 0) misuses_.push_back("an agent destroyed while a thread is in it");
    if (found->second.requests != 0) misuses_.push_back("an agent destroyed before its requests");
    if (found->second.registrations != 0) misuses_.push_back("an agent destroyed before its registrations");
    agents_.erase(found);
  }
  real_->destroyAgent(agent);
}

NixlStatus FaultyNixl::availablePlugins(NixlAgentHandle* agent, std::vector<std::string>* names) {
  Use use(this, agent, "availablePlugins");
  if (failsNow()) return kFailed;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [name, plugin] : plugins_) names->push_back(name);
    if (presents_) return kNixlSuccess;
  }
  return real_->availablePlugins(agent, names);
}

NixlStatus FaultyNixl::pluginInfo(NixlAgentHandle* agent, const std::string& plugin, PluginInfo* info) {
  Use use(this, agent, "pluginInfo");
  std::optional<Plugin> shown = presented(plugin);
  if (failsNow() || !shown || !shown->loads) return kFailed;
  if (!shown->presented) return real_->pluginInfo(agent, plugin, info);
  info->memory_types = shown->memory_types;
  return kNixlSuccess;
}

NixlStatus FaultyNixl::createBackend(NixlAgentHandle* agent, const std::string& plugin, const PluginParams& params) {
  Use use(this, agent, "createBackend");
  std::optional<Plugin> shown = presented(plugin);
  {
    std::unique_lock<std::mutex> lock(mutex_);
    created_.push_back(plugin);
    if (shown && shown->hangs) {
      int64_t round = hold_round_;
      let_go_.wait(lock, [&] { return hold_round_ != round; });
      return kFailed;
    }
  }
  if (failsNow() || !shown || shown->real.empty()) return kFailed;
  // The stand-in for another plugin is the queue that works everywhere.
  return real_->createBackend(agent, shown->real, shown->real == plugin ? params : PluginParams{{"use_posix_aio", "true"}});
}

NixlStatus FaultyNixl::registerMemory(NixlAgentHandle* agent, MemoryType type, const std::vector<Descriptor>& list) {
  Use use(this, agent, "registerMemory");
  if (failsNow()) return kFailed;
  NixlStatus status = real_->registerMemory(agent, type, list);
  std::lock_guard<std::mutex> lock(mutex_);
  if (status == kNixlSuccess) ++agents_[agent].registrations;
  if (type != MemoryType::kDram) return status;
  host_ranges_.insert(host_ranges_.end(), list.begin(), list.end());
  std::vector<Descriptor>& host = agents_[agent].host;
  if (status == kNixlSuccess) host.insert(host.end(), list.begin(), list.end());
  return status;
}

void FaultyNixl::requireRegistered(const LiveRequest& request, const char* when) {
  if (request.local_type != MemoryType::kDram) return;
  const std::vector<Descriptor>& host = agents_[request.agent].host;
  for (const Descriptor& wanted : request.local) {
    bool known = std::any_of(host.begin(), host.end(), [&](const Descriptor& range) {
      return wanted.address >= range.address && wanted.address + wanted.length <= range.address + range.length;
    });
    if (!known) misuses_.push_back(std::string("host memory that no live registration holds, ") + when);
  }
}

NixlStatus FaultyNixl::deregisterMemory(NixlAgentHandle* agent, MemoryType type, const std::vector<Descriptor>& list) {
  Use use(this, agent, "deregisterMemory");
  bool fails = failsNow();
  NixlStatus status = real_->deregisterMemory(agent, type, list);
  std::lock_guard<std::mutex> lock(mutex_);
  if (status == kNixlSuccess) {
    --agents_[agent].registrations;
    if (type == MemoryType::kDram) forgetHost(agent, list);
  } else {
    misuses_.push_back("deregistering what is not registered");
  }
  return fails ? kFailed : status;
}

void FaultyNixl::forgetHost(NixlAgentHandle* agent, const std::vector<Descriptor>& list) {
  std::vector<Descriptor>& host = agents_[agent].host;
  for (const Descriptor& gone : list) {
    auto same = [&](const Descriptor& range) { return range.address == gone.address && range.length == gone.length; };
    auto found = std::find_if(host.begin(), host.end(), same);
    if (found != host.end()) host.erase(found);
  }
  for (const auto& [handle, request] : requests_) {
    if (request.agent == agent && request.in_flight) requireRegistered(request, "in a request in flight");
  }
}

NixlStatus FaultyNixl::createRequest(NixlAgentHandle* agent, TransferOperation operation, MemoryType local_type,
                                     const std::vector<Descriptor>& local, MemoryType storage_type,
                                     const std::vector<Descriptor>& storage, NixlRequestHandle** request) {
  Use use(this, agent, "createRequest");
  if (failsNow()) return kFailed;
  LiveRequest live;
  live.agent = agent;
  live.local_type = local_type;
  live.storage_type = storage_type;
  live.operation = operation;
  live.local = local;
  live.storage = storage;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    live.lie = lie_;
    requireRegistered(live, "in a new request");
    if (local_type == MemoryType::kDram) requested_ranges_.insert(requested_ranges_.end(), local.begin(), local.end());
  }
  if (live.lie == Lie::kMovesHalf) {
    for (size_t i = 0; i < local.size(); ++i) {
      uint64_t half = local[i].length / 2;
      if (half > 4096) half = half / 4096 * 4096;
      live.local[i].length = live.storage[i].length = half;
    }
  }
  NixlStatus status = real_->createRequest(agent, operation, local_type, live.local, storage_type, live.storage, request);
  std::lock_guard<std::mutex> lock(mutex_);
  if (status == kNixlSuccess) {
    ++agents_[agent].requests;
    requests_[*request] = std::move(live);
  }
  return status;
}

NixlStatus FaultyNixl::postRequest(NixlAgentHandle* agent, NixlRequestHandle* request) {
  Use use(this, agent, "postRequest");
  if (failsNow()) return kFailed;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    LiveRequest& live = requests_[request];
    if (live.in_flight) misuses_.push_back("a request posted while it is in flight");
    live.in_flight = true;
    if (to_pass_ > 0) {
      --to_pass_;
    } else if (to_hold_ > 0) {
      --to_hold_;
      live.held = live.swallowed = true;
      return kNixlInProgress;
    }
    if (live.lie == Lie::kMovesNothing) {
      live.in_flight = false;
      return kNixlSuccess;
    }
  }
  return finalStatus(request, real_->postRequest(agent, request));
}

NixlStatus FaultyNixl::requestStatus(NixlAgentHandle* agent, NixlRequestHandle* request) {
  Use use(this, agent, "requestStatus");
  bool post_now = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    LiveRequest& live = requests_[request];
    if (live.held) return kNixlInProgress;
    post_now = std::exchange(live.swallowed, false);
  }
  NixlStatus status = post_now ? real_->postRequest(agent, request) : real_->requestStatus(agent, request);
  if (status == kNixlInProgress) return status;
  // A failure that is reported is final, so it takes the place of the final status only: nothing is in flight behind it.
  return finalStatus(request, failsNow() ? kFailed : status);
}

NixlStatus FaultyNixl::finalStatus(NixlRequestHandle* request, NixlStatus status) {
  if (status == kNixlInProgress) return status;
  LiveRequest live;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    requests_[request].in_flight = false;
    live = requests_[request];
  }
  if (live.lie == Lie::kHidesFailure) return kNixlSuccess;
  if (status == kNixlSuccess && live.lie == Lie::kFlipsAByte) spoil(live);
  return status;
}

void FaultyNixl::spoil(const LiveRequest& request) {
  for (size_t i = 0; i < request.local.size(); ++i) {
    // Not the same byte both ways: two flips would undo each other.
    uint64_t position = request.local[i].length / (request.operation == TransferOperation::kRead ? 2 : 4);
    if (request.operation == TransferOperation::kRead) {
      reinterpret_cast<uint8_t*>(request.local[i].address)[position] ^= 0x01;
      continue;
    }
    if (request.storage_type != MemoryType::kFile) continue;  // the byte is flipped when it is read
    // By its name, because the descriptor itself may be open for direct I/O.
    int fd = ::open(("/proc/self/fd/" + std::to_string(request.storage[i].device_id)).c_str(), O_RDWR | O_CLOEXEC);
    uint8_t byte = 0;
    const auto offset = static_cast<off_t>(request.storage[i].address + position);
    bool done = ::pread(fd, &byte, 1, offset) == 1;
    byte ^= 0x01;
    done = done && ::pwrite(fd, &byte, 1, offset) == 1;
    ::close(fd);
    if (!done) std::abort();
  }
}

NixlStatus FaultyNixl::releaseRequest(NixlAgentHandle* agent, NixlRequestHandle* request) {
  Use use(this, agent, "releaseRequest");
  bool fails = failsNow();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = requests_.find(request);
    if (found == requests_.end()) {
      misuses_.push_back("a request released that is not live");
      return kFailed;
    }
    if (found->second.in_flight) misuses_.push_back("a request released in flight");
    requests_.erase(found);
    --agents_[agent].requests;
  }
  NixlStatus status = real_->releaseRequest(agent, request);
  return fails ? kFailed : status;
}

NixlStatus FaultyNixl::queryObject(NixlAgentHandle* agent, const std::string& name, bool* present) {
  Use use(this, agent, "queryObject");
  return failsNow() ? kFailed : real_->queryObject(agent, name, present);
}

}  // namespace hicache
