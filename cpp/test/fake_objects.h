// SPDX-License-Identifier: Apache-2.0
//
// A bucket in memory in place of NIXL, which behaves as NIXL's OBJ plugin was measured to: a read of a short object is a
// success that leaves the rest alone, a failed read writes the server's error document into the page, every failure has one
// status.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nixl_api.h"

namespace hicache {

// Threads: as NixlApi says; commands from any thread.
class FakeObjects final : public NixlApi {
 public:
  void put(const std::string& name, std::string bytes);
  std::optional<std::string> get(const std::string& name) const;
  std::set<std::string> names() const;

  // The next count requests fail; code: what the server answers, empty: nothing.
  void failNext(int64_t count, std::string code = "");
  // Plugins have no word for why a read failed, as Azure's.
  void keepAnswersSecret() { silent_ = true; }
  // Of those that were posted, after each other: reads and writes.
  int64_t requests() const;
  // The largest number in flight at once.
  int64_t inFlightMax() const;
  PluginParams params() const;

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
  std::string libraryPath() override { return "a bucket in memory"; }

 private:
  struct Request {
    TransferOperation operation;
    Descriptor local;
    Descriptor storage;
    std::string name;
  };

  bool read(const Request& request);
  void answer(const Request& request, const std::string& code) const;

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, std::string> objects_;
  std::map<uint64_t, std::string> registered_;  // names by number
  PluginParams params_;
  int64_t to_fail_ = 0;
  std::string failure_;
  bool silent_ = false;
  int64_t requests_ = 0;
  int64_t in_flight_ = 0;
  int64_t in_flight_max_ = 0;
};

}  // namespace hicache
