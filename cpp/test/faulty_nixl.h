// SPDX-License-Identifier: Apache-2.0
//
// NIXL with faults: hands calls to the real one, and on command makes the Nth fail, holds transfers back, or lies about them.
// It counts what is live, and notes every use that NIXL forbids.
#pragma once

#include <atomic>
#include <condition_variable>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nixl_api.h"

namespace hicache {

// Threads: commands from any thread; calls as NixlApi says.
class FaultyNixl final : public NixlApi {
 public:
  static constexpr NixlStatus kFailed = -2;
  static constexpr int64_t kAll = std::numeric_limits<int64_t>::max();

  // How a transfer that reports success went wrong.
  enum class Lie { kNone, kMovesNothing, kMovesHalf, kFlipsAByte, kHidesFailure };

  // A plugin as the fake presents it.
  struct Plugin {
    std::string real;  // the plugin that does its work; empty: create fails
    bool loads = true;
    bool hangs = false;  // its create call returns only after letGo, and then fails
    std::vector<MemoryType> memory_types = {MemoryType::kDram, MemoryType::kFile};
    bool presented = true;  // false: what the real NIXL says of it holds
  };

  explicit FaultyNixl(std::shared_ptr<NixlApi> real = realNixlApi());

  // The nth call from now on (the first is 1) fails; all count but destroyAgent, libraryPath, and a
  // requestStatus that finds the request in progress.
  void failCall(int64_t nth);
  // True once that call has come.
  bool hasFailed() const;
  // Of the requests that are posted from now on, the first few pass, and the next count do not end before letGo.
  void hold(int64_t count = kAll, int64_t first_few = 0);
  void letGo();
  int64_t heldCount() const;
  void lie(Lie lie);
  // Only these plugins exist from now on, under these names.
  void present(std::map<std::string, Plugin> plugins);
  // What libraryPath answers: the short-read test is done once for each path and queue.
  void setLibraryPath(std::string path);

  int64_t liveAgents() const;
  int64_t liveRegistrations() const;
  int64_t liveRequests() const;
  // Plugins whose create call came, in order.
  std::vector<std::string> created() const;
  // Every host range that was registered.
  std::vector<Descriptor> registeredHostRanges() const;
  // Every host range of every request, in order.
  std::vector<Descriptor> requestedHostRanges() const;
  // What must never happen: a request released or its agent destroyed in flight, two threads in one agent, a request for host
  // memory that its agent does not know, or that is deregistered while the request is in flight, ...
  std::vector<std::string> misuses() const;

  NixlStatus createAgent(const std::string& name, NixlAgentHandle** agent) override;
  void destroyAgent(NixlAgentHandle* agent) override;
  NixlStatus availablePlugins(NixlAgentHandle* agent, std::vector<std::string>* names) override;
  NixlStatus pluginInfo(NixlAgentHandle* agent, const std::string& plugin, PluginInfo* info) override;
  NixlStatus createBackend(NixlAgentHandle* agent, const std::string& plugin, const PluginParams& params) override;
  NixlStatus registerMemory(NixlAgentHandle* agent, MemoryType type, const std::vector<Descriptor>& list) override;
  NixlStatus deregisterMemory(NixlAgentHandle* agent, MemoryType type, const std::vector<Descriptor>& list) override;
  NixlStatus createRequest(NixlAgentHandle* agent, TransferOperation operation, MemoryType local_type,
                           const std::vector<Descriptor>& local, MemoryType storage_type,
                           const std::vector<Descriptor>& storage, NixlRequestHandle** request) override;
  NixlStatus postRequest(NixlAgentHandle* agent, NixlRequestHandle* request) override;
  NixlStatus requestStatus(NixlAgentHandle* agent, NixlRequestHandle* request) override;
  NixlStatus releaseRequest(NixlAgentHandle* agent, NixlRequestHandle* request) override;
  NixlStatus queryObject(NixlAgentHandle* agent, const std::string& name, bool* present) override;
  std::string libraryPath() override;

 private:
  struct LiveAgent {
    int64_t users = 0;
    int64_t registrations = 0;
    int64_t requests = 0;
    std::vector<Descriptor> host;  // what is registered of host memory
  };
  struct LiveRequest {
    NixlAgentHandle* agent = nullptr;
    MemoryType local_type = MemoryType::kDram;
    MemoryType storage_type = MemoryType::kFile;
    TransferOperation operation = TransferOperation::kRead;
    std::vector<Descriptor> local;
    std::vector<Descriptor> storage;
    Lie lie = Lie::kNone;
    bool held = false;       // does not move before letGo
    bool swallowed = false;  // its post has not reached the real NIXL yet
    bool in_flight = false;  // posted, and no final status was reported
  };
  class Use;

  bool failsNow();
  NixlStatus finalStatus(NixlRequestHandle* request, NixlStatus status);
  static void spoil(const LiveRequest& request);
  // With mutex_ held: notes a request for host memory that is in no single live registration of its agent.
  void requireRegistered(const LiveRequest& request, const char* when);
  // With mutex_ held: host memory that was deregistered.
  void forgetHost(NixlAgentHandle* agent, const std::vector<Descriptor>& list);
  std::optional<Plugin> presented(const std::string& plugin) const;

  const std::shared_ptr<NixlApi> real_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable let_go_;
  int64_t calls_until_failure_ = 0;  // 0: none is to come
  bool has_failed_ = false;
  int64_t to_pass_ = 0;
  int64_t to_hold_ = 0;
  int64_t hold_round_ = 0;
  Lie lie_ = Lie::kNone;
  bool presents_ = false;
  std::map<std::string, Plugin> plugins_;
  std::string library_path_;
  std::map<NixlAgentHandle*, LiveAgent> agents_;
  std::map<NixlRequestHandle*, LiveRequest> requests_;
  std::vector<std::string> created_;
  std::vector<Descriptor> host_ranges_;
  std::vector<Descriptor> requested_ranges_;
  std::vector<std::string> misuses_;
};

}  // namespace hicache
