// SPDX-License-Identifier: Apache-2.0
//
// An agent for callers who register memory and files themselves: behind hicache_agent_* and hicache_register.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend_selection.h"
#include "store.h"

namespace hicache {

// Threads: one at a time.
class NixlAgent {
 public:
  explicit NixlAgent(const std::string& name, Outside outside = {});

  // Throws INVALID_ARGUMENT, BACKEND_UNAVAILABLE, or INVALID_ARGUMENT when it has a backend already.
  void selectBackend(const BackendRequest& request);
  // Registers with the backend. Throws INVALID_ARGUMENT when there is none, TRANSFER_FAILED when NIXL refuses.
  Registration registerMemory(MemoryType type, std::vector<Descriptor> descriptors);
  Settings describe() const;

 private:
  const std::string name_;
  const Outside outside_;
  std::optional<Backend> backend_;
  std::vector<BackendCandidate> candidates_;
  std::unique_ptr<Agent> agent_;
};

}  // namespace hicache
