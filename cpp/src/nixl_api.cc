// SPDX-License-Identifier: Apache-2.0
#include "nixl_api.h"

#include <dlfcn.h>

#include "nixl_capi.h"

namespace hicache {

namespace {

// Frees a C handle at the end of its scope.
template <typename Handle, NixlStatus (*Destroy)(Handle)>
class Scoped {
 public:
  Scoped() = default;
  Scoped(const Scoped&) = delete;
  Scoped& operator=(const Scoped&) = delete;
  ~Scoped() {
    if (handle_ != nullptr) Destroy(handle_);
  }
  Handle get() const { return handle_; }
  Handle* out() { return &handle_; }

 private:
  Handle handle_ = nullptr;
};

using StringList = Scoped<nixl_capi_string_list_t, nixl_capi_destroy_string_list>;
using MemoryList = Scoped<nixl_capi_mem_list_t, nixl_capi_destroy_mem_list>;
using Params = Scoped<nixl_capi_params_t, nixl_capi_destroy_params>;
using ParamIterator = Scoped<nixl_capi_param_iter_t, nixl_capi_params_destroy_iterator>;
using Backend = Scoped<nixl_capi_backend_t, nixl_capi_destroy_backend>;
using RegistrationList = Scoped<nixl_capi_reg_dlist_t, nixl_capi_destroy_reg_dlist>;
using Options = Scoped<nixl_capi_opt_args_t, nixl_capi_destroy_opt_args>;
using QueryResponses = Scoped<nixl_capi_query_resp_list_t, nixl_capi_destroy_query_resp_list>;
using TransferList = Scoped<nixl_capi_xfer_dlist_t, nixl_capi_destroy_xfer_dlist>;

}  // namespace

struct NixlAgentHandle {
  nixl_capi_agent_t agent;
  std::string name;
  Backend backend;  // the handle alone: the backend itself lives and dies with its agent
};

struct NixlRequestHandle {
  nixl_capi_xfer_req_t request;
};

namespace {

NixlStatus fillRegistrationList(MemoryType type, const std::vector<Descriptor>& descriptors, RegistrationList* list) {
  NixlStatus status = nixl_capi_create_reg_dlist(static_cast<int>(type), list->out());
  for (const Descriptor& d : descriptors) {
    if (status != kNixlSuccess) break;
    status = nixl_capi_reg_dlist_add_desc(list->get(), d.address, d.length, d.device_id, d.metadata.data(), d.metadata.size());
  }
  return status;
}

NixlStatus fillTransferList(MemoryType type, const std::vector<Descriptor>& descriptors, TransferList* list) {
  NixlStatus status = nixl_capi_create_xfer_dlist(static_cast<int>(type), list->out());
  for (const Descriptor& d : descriptors) {
    if (status != kNixlSuccess) break;
    status = nixl_capi_xfer_dlist_add_desc(list->get(), d.address, d.length, d.device_id);
  }
  return status;
}

class RealNixlApi final : public NixlApi {
 public:
  NixlStatus createAgent(const std::string& name, NixlAgentHandle** agent) override {
    // Storage plugins have no progress thread, and one thread owns each agent: no thread, no lock.
    nixl_capi_agent_config_t config = {};
    config.lthr_delay_us = 100000;
    nixl_capi_agent_t handle = nullptr;
    NixlStatus status = nixl_capi_create_configured_agent(name.c_str(), &config, &handle);
    if (status == kNixlSuccess) *agent = new NixlAgentHandle{handle, name, {}};
    return status;
  }

  void destroyAgent(NixlAgentHandle* agent) override {
    const nixl_capi_agent_t handle = agent->agent;
    delete agent;
    nixl_capi_destroy_agent(handle);
  }

  NixlStatus availablePlugins(NixlAgentHandle* agent, std::vector<std::string>* names) override {
    StringList list;
    NixlStatus status = nixl_capi_get_available_plugins(agent->agent, list.out());
    size_t size = 0;
    if (status == kNixlSuccess) status = nixl_capi_string_list_size(list.get(), &size);
    for (size_t i = 0; status == kNixlSuccess && i < size; ++i) {
      const char* text = nullptr;
      status = nixl_capi_string_list_get(list.get(), i, &text);
      if (status == kNixlSuccess && text != nullptr) names->emplace_back(text);
    }
    return status;
  }

  NixlStatus pluginInfo(NixlAgentHandle* agent, const std::string& plugin, PluginInfo* info) override {
    MemoryList memory;
    Params params;
    NixlStatus status = nixl_capi_get_plugin_params(agent->agent, plugin.c_str(), memory.out(), params.out());
    if (status != kNixlSuccess) return status;
    size_t size = 0;
    status = nixl_capi_mem_list_size(memory.get(), &size);
    for (size_t i = 0; status == kNixlSuccess && i < size; ++i) {
      nixl_capi_mem_type_t type = 0;
      status = nixl_capi_mem_list_get(memory.get(), i, &type);
      info->memory_types.push_back(static_cast<MemoryType>(type));
    }
    ParamIterator iterator;
    if (status == kNixlSuccess) status = nixl_capi_params_create_iterator(params.get(), iterator.out());
    for (bool has_next = true; status == kNixlSuccess && has_next;) {
      const char* key = nullptr;  // an empty list leaves both untouched
      const char* value = nullptr;
      status = nixl_capi_params_iterator_next(iterator.get(), &key, &value, &has_next);
      if (status == kNixlSuccess && key != nullptr) info->params[key] = value == nullptr ? "" : value;
    }
    return status;
  }

  NixlStatus createBackend(NixlAgentHandle* agent, const std::string& plugin, const PluginParams& params) override {
    Params list;
    NixlStatus status = nixl_capi_create_params(list.out());
    for (const auto& [key, value] : params) {
      if (status != kNixlSuccess) return status;
      status = nixl_capi_params_add(list.get(), key.c_str(), value.c_str());
    }
    if (status != kNixlSuccess) return status;
    return nixl_capi_create_backend(agent->agent, plugin.c_str(), list.get(), agent->backend.out());
  }

  NixlStatus registerMemory(NixlAgentHandle* agent, MemoryType type, const std::vector<Descriptor>& descriptors) override {
    RegistrationList list;
    NixlStatus status = fillRegistrationList(type, descriptors, &list);
    return status == kNixlSuccess ? nixl_capi_register_mem(agent->agent, list.get(), nullptr) : status;
  }

  NixlStatus deregisterMemory(NixlAgentHandle* agent, MemoryType type, const std::vector<Descriptor>& descriptors) override {
    RegistrationList list;
    NixlStatus status = fillRegistrationList(type, descriptors, &list);
    return status == kNixlSuccess ? nixl_capi_deregister_mem(agent->agent, list.get(), nullptr) : status;
  }

  NixlStatus createRequest(NixlAgentHandle* agent, TransferOperation operation, MemoryType local_type,
                           const std::vector<Descriptor>& local, MemoryType storage_type,
                           const std::vector<Descriptor>& storage, NixlRequestHandle** request) override {
    TransferList local_list;
    TransferList storage_list;
    NixlStatus status = fillTransferList(local_type, local, &local_list);
    if (status == kNixlSuccess) status = fillTransferList(storage_type, storage, &storage_list);
    if (status != kNixlSuccess) return status;
    nixl_capi_xfer_req_t handle = nullptr;
    // Storage is "remote" memory of the agent itself.
    status = nixl_capi_create_xfer_req(agent->agent, static_cast<int>(operation), local_list.get(), storage_list.get(),
                                       agent->name.c_str(), &handle, nullptr);
    if (status == kNixlSuccess) *request = new NixlRequestHandle{handle};
    return status;
  }

  NixlStatus postRequest(NixlAgentHandle* agent, NixlRequestHandle* request) override {
    return nixl_capi_post_xfer_req(agent->agent, request->request, nullptr);
  }

  NixlStatus requestStatus(NixlAgentHandle* agent, NixlRequestHandle* request) override {
    return nixl_capi_get_xfer_status(agent->agent, request->request);
  }

  NixlStatus releaseRequest(NixlAgentHandle* agent, NixlRequestHandle* request) override {
    NixlStatus status = nixl_capi_release_xfer_req(agent->agent, request->request);
    if (status == kNixlSuccess) status = nixl_capi_destroy_xfer_req(request->request);
    delete request;
    return status;
  }

  NixlStatus queryObject(NixlAgentHandle* agent, const std::string& name, bool* present) override {
    RegistrationList list;
    QueryResponses responses;
    NixlStatus status = fillRegistrationList(MemoryType::kObject, {{0, 0, 0, name}}, &list);
    if (status == kNixlSuccess) status = nixl_capi_create_query_resp_list(responses.out());
    Options options;
    if (status == kNixlSuccess) status = nixl_capi_create_opt_args(options.out());
    if (status == kNixlSuccess) status = nixl_capi_opt_args_add_backend(options.get(), agent->backend.get());
    if (status == kNixlSuccess) status = nixl_capi_query_mem(agent->agent, list.get(), responses.get(), options.get());
    if (status == kNixlSuccess) status = nixl_capi_query_resp_list_has_value(responses.get(), 0, present);
    return status;
  }

  std::string libraryPath() override {
    Dl_info info = {};
    void* symbol = reinterpret_cast<void*>(&nixl_capi_create_configured_agent);
    return dladdr(symbol, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "";
  }
};

}  // namespace

std::shared_ptr<NixlApi> realNixlApi() {
  static const std::shared_ptr<NixlApi> api = std::make_shared<RealNixlApi>();
  return api;
}

}  // namespace hicache
