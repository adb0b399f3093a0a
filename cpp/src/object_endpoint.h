// SPDX-License-Identifier: Apache-2.0
//
// Where the objects are: the plugin parameters of OBJ and AZURE_BLOB, checked and completed.
#pragma once

#include <cstdint>
#include <string>

#include "nixl_api.h"

namespace hicache {

struct ObjectEndpoint {
  PluginParams params;  // for NIXL
  std::string server;   // for people: scheme and host, without secrets
  std::string bucket;   // or container

  // connections: requests that a lane has in flight at once. Finds the system's certificates for https. Throws
  // INVALID_ARGUMENT: http to a host that is not this one, unless allowed, or a file of certificates that cannot be read.
  static ObjectEndpoint of(const std::string& plugin, const PluginParams& given, bool allow_http, int64_t connections);

  // Sets what NIXL's S3 client reads from the environment of the process, where nobody has set it: AWS_RETRY_MODE = standard,
  // so that a dead server is noticed within seconds, and, where credentials are given, AWS_EC2_METADATA_DISABLED = true, so
  // that nobody looks for others. To be called before the first agent.
  void prepareEnvironment() const;
};

}  // namespace hicache
