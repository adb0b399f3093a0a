// SPDX-License-Identifier: Apache-2.0
//
// The functions of NIXL's C ABI (libnixl_capi.so, 1.5.1 and newer) that the core calls, declared here because NIXL's packages
// carry the library and no header. The build compares every name below with the library's exported symbols.
// Only nixl_api.cc includes this file.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// Opaque handles. Each is made and destroyed by the functions that name it.
using nixl_capi_agent_t = struct nixl_capi_agent_s*;
using nixl_capi_params_t = struct nixl_capi_params_s*;
using nixl_capi_mem_list_t = struct nixl_capi_mem_list_s*;
using nixl_capi_string_list_t = struct nixl_capi_string_list_s*;
using nixl_capi_backend_t = struct nixl_capi_backend_s*;
using nixl_capi_opt_args_t = struct nixl_capi_opt_args_s*;
using nixl_capi_param_iter_t = struct nixl_capi_param_iter_s*;
using nixl_capi_xfer_dlist_t = struct nixl_capi_xfer_dlist_s*;
using nixl_capi_reg_dlist_t = struct nixl_capi_reg_dlist_s*;
using nixl_capi_xfer_req_t = struct nixl_capi_xfer_req_s*;

// C enums of the ABI, passed as int: status (0 success, 1 in progress, negative: an error), memory type, operation, thread
// sync.
using nixl_capi_status_t = int;
using nixl_capi_mem_type_t = int;
using nixl_capi_xfer_op_t = int;
using nixl_capi_thread_sync_t = int;

struct nixl_capi_agent_config_t {
  bool enable_prog_thread;
  bool enable_listen_thread;
  int listen_port;
  nixl_capi_thread_sync_t thread_sync;
  unsigned int num_workers;
  uint64_t pthr_delay_us;
  uint64_t lthr_delay_us;
  bool capture_telemetry;
};

using nixl_capi_query_resp_list_t = struct nixl_capi_query_resp_list_s*;

// Agents and plugins.
nixl_capi_status_t nixl_capi_create_configured_agent(const char* name, const nixl_capi_agent_config_t* config,
                                                     nixl_capi_agent_t* agent);
nixl_capi_status_t nixl_capi_destroy_agent(nixl_capi_agent_t agent);
nixl_capi_status_t nixl_capi_get_available_plugins(nixl_capi_agent_t agent, nixl_capi_string_list_t* plugins);
nixl_capi_status_t nixl_capi_string_list_size(nixl_capi_string_list_t list, size_t* size);
nixl_capi_status_t nixl_capi_string_list_get(nixl_capi_string_list_t list, size_t index, const char** text);
nixl_capi_status_t nixl_capi_destroy_string_list(nixl_capi_string_list_t list);
nixl_capi_status_t nixl_capi_get_plugin_params(nixl_capi_agent_t agent, const char* plugin, nixl_capi_mem_list_t* memory_types,
                                               nixl_capi_params_t* params);
nixl_capi_status_t nixl_capi_mem_list_size(nixl_capi_mem_list_t list, size_t* size);
nixl_capi_status_t nixl_capi_mem_list_get(nixl_capi_mem_list_t list, size_t index, nixl_capi_mem_type_t* memory_type);
nixl_capi_status_t nixl_capi_destroy_mem_list(nixl_capi_mem_list_t list);
nixl_capi_status_t nixl_capi_create_params(nixl_capi_params_t* params);
nixl_capi_status_t nixl_capi_params_add(nixl_capi_params_t params, const char* key, const char* value);
nixl_capi_status_t nixl_capi_params_create_iterator(nixl_capi_params_t params, nixl_capi_param_iter_t* iterator);
nixl_capi_status_t nixl_capi_params_iterator_next(nixl_capi_param_iter_t iterator, const char** key, const char** value,
                                                  bool* has_next);
nixl_capi_status_t nixl_capi_params_destroy_iterator(nixl_capi_param_iter_t iterator);
nixl_capi_status_t nixl_capi_destroy_params(nixl_capi_params_t params);
nixl_capi_status_t nixl_capi_create_backend(nixl_capi_agent_t agent, const char* plugin, nixl_capi_params_t params,
                                            nixl_capi_backend_t* backend);
nixl_capi_status_t nixl_capi_destroy_backend(nixl_capi_backend_t backend);

// Descriptor lists.
nixl_capi_status_t nixl_capi_create_reg_dlist(nixl_capi_mem_type_t memory_type, nixl_capi_reg_dlist_t* list);
nixl_capi_status_t nixl_capi_reg_dlist_add_desc(nixl_capi_reg_dlist_t list, uintptr_t address, size_t length,
                                                uint64_t device_id, const void* metadata, size_t metadata_length);
nixl_capi_status_t nixl_capi_destroy_reg_dlist(nixl_capi_reg_dlist_t list);
nixl_capi_status_t nixl_capi_create_xfer_dlist(nixl_capi_mem_type_t memory_type, nixl_capi_xfer_dlist_t* list);
nixl_capi_status_t nixl_capi_xfer_dlist_add_desc(nixl_capi_xfer_dlist_t list, uintptr_t address, size_t length,
                                                 uint64_t device_id);
nixl_capi_status_t nixl_capi_destroy_xfer_dlist(nixl_capi_xfer_dlist_t list);

// Registration and transfer.
nixl_capi_status_t nixl_capi_register_mem(nixl_capi_agent_t agent, nixl_capi_reg_dlist_t list, nixl_capi_opt_args_t options);
nixl_capi_status_t nixl_capi_deregister_mem(nixl_capi_agent_t agent, nixl_capi_reg_dlist_t list, nixl_capi_opt_args_t options);
nixl_capi_status_t nixl_capi_create_xfer_req(nixl_capi_agent_t agent, nixl_capi_xfer_op_t operation,
                                             nixl_capi_xfer_dlist_t local, nixl_capi_xfer_dlist_t remote,
                                             const char* remote_agent, nixl_capi_xfer_req_t* request,
                                             nixl_capi_opt_args_t options);
nixl_capi_status_t nixl_capi_post_xfer_req(nixl_capi_agent_t agent, nixl_capi_xfer_req_t request, nixl_capi_opt_args_t options);
nixl_capi_status_t nixl_capi_get_xfer_status(nixl_capi_agent_t agent, nixl_capi_xfer_req_t request);
nixl_capi_status_t nixl_capi_release_xfer_req(nixl_capi_agent_t agent, nixl_capi_xfer_req_t request);
nixl_capi_status_t nixl_capi_destroy_xfer_req(nixl_capi_xfer_req_t request);
// Objects: whether they are there. The options have to name the backend to ask.
nixl_capi_status_t nixl_capi_create_opt_args(nixl_capi_opt_args_t* options);
nixl_capi_status_t nixl_capi_destroy_opt_args(nixl_capi_opt_args_t options);
nixl_capi_status_t nixl_capi_opt_args_add_backend(nixl_capi_opt_args_t options, nixl_capi_backend_t backend);
nixl_capi_status_t nixl_capi_create_query_resp_list(nixl_capi_query_resp_list_t* list);
nixl_capi_status_t nixl_capi_destroy_query_resp_list(nixl_capi_query_resp_list_t list);
nixl_capi_status_t nixl_capi_query_mem(nixl_capi_agent_t agent, nixl_capi_reg_dlist_t descriptors,
                                       nixl_capi_query_resp_list_t list, nixl_capi_opt_args_t options);
nixl_capi_status_t nixl_capi_query_resp_list_has_value(nixl_capi_query_resp_list_t list, size_t index, bool* has_value);
}
