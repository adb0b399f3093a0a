// SPDX-License-Identifier: Apache-2.0
//
// Agent and registration as scopes: what a scope opened, its end closes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "error.h"
#include "nixl_api.h"

namespace hicache {

// "<what> failed: NIXL status <n>". NIXL prints its own details on stderr.
Error nixlError(Code code, const std::string& what, NixlStatus status);

// A number for an object's registration, another one each time and far from any file descriptor: NIXL redirects one that is
// registered again, without a word. Threads: any.
uint64_t nextObjectNumber();

// One NIXL agent. Threads: one at a time.
class Agent {
 public:
  Agent(std::shared_ptr<NixlApi> api, const std::string& name);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  NixlApi& api() const { return *api_; }
  NixlAgentHandle* handle() const { return handle_; }

 private:
  std::shared_ptr<NixlApi> api_;
  NixlAgentHandle* handle_ = nullptr;
};

// A descriptor list known to an agent, until the end of the scope. The agent outlives it.
class Registration {
 public:
  Registration() = default;
  Registration(Agent& agent, MemoryType type, std::vector<Descriptor> descriptors);
  Registration(Registration&& other) noexcept;
  Registration& operator=(Registration&& other) noexcept;
  ~Registration() { reset(); }

  // Ends the registration now; false when NIXL refused, and then the agent should not be used further.
  bool reset();

 private:
  Agent* agent_ = nullptr;
  MemoryType type_ = MemoryType::kDram;
  std::vector<Descriptor> descriptors_;
};

}  // namespace hicache
