// SPDX-License-Identifier: Apache-2.0
//
// Priority and proved capability to a live backend. A backend counts only when its plugin loads, its create call succeeds, and
// it has moved a page to a file and back; a listing of plugin names proves nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cuda_api.h"
#include "registration.h"
#include "settings.h"

namespace hicache {

// A backend that has proved itself; enough to make it again in another agent.
struct Backend {
  std::string name;    // 3FS | POSIX | GDS_MT | GDS | OBJ | AZURE_BLOB
  std::string plugin;  // NIXL's name: HF3FS for 3FS, else the same
  std::string queue;   // POSIX: aio | uring | posix_aio; else empty
  PluginParams params;
  MemoryType storage = MemoryType::kFile;
  bool needs_own_memory = false;   // it remaps what is registered: only staging buffers may be, whole
  bool hides_short_reads = false;  // a read that ends early is a success to it
};

// What a caller means by the name of a backend.
struct NamedBackend {
  std::string name;  // as Backend::name
  MemoryType storage = MemoryType::kFile;
};

// In any case, and by NIXL's name too. Nothing for auto, and for a name of none.
std::optional<NamedBackend> backendNamed(const std::string& name);

// One line of the report.
struct BackendCandidate {
  std::string name;
  std::string plugin;
  std::string state = "not tried";  // selected | passed over | not tried
  std::string reason;
  std::string advice;
};

struct BackendSelection {
  Backend backend;
  std::unique_ptr<Agent> agent;  // holds the backend, tested
  std::vector<BackendCandidate> candidates;
  std::string test_object;  // what the self-test of a backend for objects has left
};

// Tries the requested backend, or for auto 3FS, POSIX, GDS_MT, GDS, OBJ in this order. Throws INVALID_ARGUMENT for an unknown
// name or parameter, BACKEND_UNAVAILABLE naming everything tried. Nothing waits for a plugin longer than ten seconds.
BackendSelection selectBackend(const std::shared_ptr<NixlApi>& nixl, const std::shared_ptr<CudaApi>& cuda,
                               const BackendRequest& request, const std::string& agent_name);

// An agent with this backend. Throws BACKEND_UNAVAILABLE.
std::unique_ptr<Agent> makeAgent(const std::shared_ptr<NixlApi>& nixl, const Backend& backend, const std::string& agent_name);

// Appends candidate.J.* to a description.
void describe(const std::vector<BackendCandidate>& candidates, Settings* description);

}  // namespace hicache
