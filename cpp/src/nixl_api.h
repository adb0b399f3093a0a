// SPDX-License-Identifier: Apache-2.0
//
// NIXL as the core sees it: one interface, so that a fake can make the Nth call fail, hang, lie or come late.
// nixl_api.cc is the only file that knows NIXL's C ABI.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hicache {

// Status of a NIXL call: 0 success, 1 in progress, negative an error (NIXL's C ABI folds nearly all errors into -2).
using NixlStatus = int;
inline constexpr NixlStatus kNixlSuccess = 0;
inline constexpr NixlStatus kNixlInProgress = 1;

// Numbered as NIXL numbers them.
enum class MemoryType { kDram = 0, kVram = 1, kObject = 3, kFile = 4 };
enum class TransferOperation { kRead = 0, kWrite = 1 };

// Address (offset for files and objects), length in bytes, and the device: CUDA ordinal, file descriptor, or object number.
struct Descriptor {
  uint64_t address = 0;
  uint64_t length = 0;
  uint64_t device_id = 0;
  std::string_view metadata = {};  // object key; empty elsewhere
};

using PluginParams = std::map<std::string, std::string>;

struct PluginInfo {
  PluginParams params;                   // published names and defaults; may be empty
  std::vector<MemoryType> memory_types;  // what the plugin says it moves
};

struct NixlAgentHandle;
struct NixlRequestHandle;

// Threads: one thread at a time for each agent and its requests; different agents are independent.
class NixlApi {
 public:
  virtual ~NixlApi() = default;

  virtual NixlStatus createAgent(const std::string& name, NixlAgentHandle** agent) = 0;
  virtual void destroyAgent(NixlAgentHandle* agent) = 0;

  // File names of plugins, no proof that one loads.
  virtual NixlStatus availablePlugins(NixlAgentHandle* agent, std::vector<std::string>* names) = 0;
  // Loads the plugin: fails when it or a library it needs is missing.
  virtual NixlStatus pluginInfo(NixlAgentHandle* agent, const std::string& plugin, PluginInfo* info) = 0;
  virtual NixlStatus createBackend(NixlAgentHandle* agent, const std::string& plugin, const PluginParams& params) = 0;

  virtual NixlStatus registerMemory(NixlAgentHandle* agent, MemoryType type, const std::vector<Descriptor>& list) = 0;
  virtual NixlStatus deregisterMemory(NixlAgentHandle* agent, MemoryType type, const std::vector<Descriptor>& list) = 0;

  virtual NixlStatus createRequest(NixlAgentHandle* agent, TransferOperation operation, MemoryType local_type,
                                   const std::vector<Descriptor>& local, MemoryType storage_type,
                                   const std::vector<Descriptor>& storage, NixlRequestHandle** request) = 0;
  virtual NixlStatus postRequest(NixlAgentHandle* agent, NixlRequestHandle* request) = 0;
  // NIXL moves further I/O only inside this call.
  virtual NixlStatus requestStatus(NixlAgentHandle* agent, NixlRequestHandle* request) = 0;
  // Frees the handle; never to be called on a request in flight.
  virtual NixlStatus releaseRequest(NixlAgentHandle* agent, NixlRequestHandle* request) = 0;

  // Whether the agent's backend has an object of this name. Blocks until the server has answered, for a minute at most.
  virtual NixlStatus queryObject(NixlAgentHandle* agent, const std::string& name, bool* present) = 0;

  // The path of the NIXL library in use, for reports.
  virtual std::string libraryPath() = 0;
};

// The real one, shared by the process.
std::shared_ptr<NixlApi> realNixlApi();

}  // namespace hicache
