// SPDX-License-Identifier: Apache-2.0
#include "nixl_agent.h"

namespace hicache {

NixlAgent::NixlAgent(const std::string& name, Outside outside)
    : name_(name.empty() ? "agent" : name),
      outside_(std::move(outside)),
      agent_(std::make_unique<Agent>(outside_.nixl, name_)) {}

void NixlAgent::selectBackend(const BackendRequest& request) {
  if (backend_) throw Error(HICACHE_INVALID_ARGUMENT, "the agent '" + name_ + "' already has the backend " + backend_->name);
  BackendSelection selection = hicache::selectBackend(outside_.nixl, outside_.cuda, request, name_);
  agent_ = std::move(selection.agent);
  backend_ = std::move(selection.backend);
  candidates_ = std::move(selection.candidates);
}

Registration NixlAgent::registerMemory(MemoryType type, std::vector<Descriptor> descriptors) {
  if (!backend_) throw Error(HICACHE_INVALID_ARGUMENT, "the agent '" + name_ + "' has no backend: select one first");
  if (type == MemoryType::kObject) {
    for (Descriptor& descriptor : descriptors) descriptor.device_id = nextObjectNumber();
  }
  return Registration(*agent_, type, std::move(descriptors));
}

Settings NixlAgent::describe() const {
  Settings description;
  description.add("name", name_);
  description.add("backend", backend_ ? backend_->name : "");
  description.add("nixl_plugin", backend_ ? backend_->plugin : "");
  description.add("storage_memory_type", backend_ ? (backend_->storage == MemoryType::kObject ? "OBJECT" : "FILE") : "");
  hicache::describe(candidates_, &description);
  return description;
}

}  // namespace hicache
