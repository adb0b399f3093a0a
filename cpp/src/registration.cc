// SPDX-License-Identifier: Apache-2.0
#include "registration.h"

#include <atomic>
#include <utility>

namespace hicache {

Error nixlError(Code code, const std::string& what, NixlStatus status) {
  return Error(code, what + " failed: NIXL status " + std::to_string(status) + "; NIXL's own lines on stderr say more", status);
}

uint64_t nextObjectNumber() {
  static std::atomic<uint64_t> next{uint64_t{1} << 32};
  return next.fetch_add(1, std::memory_order_relaxed);
}

Agent::Agent(std::shared_ptr<NixlApi> api, const std::string& name) : api_(std::move(api)) {
  NixlStatus status = api_->createAgent(name, &handle_);
  if (status != kNixlSuccess) throw nixlError(HICACHE_BACKEND_UNAVAILABLE, "creating the NIXL agent '" + name + "'", status);
}

Agent::~Agent() { api_->destroyAgent(handle_); }

Registration::Registration(Agent& agent, MemoryType type, std::vector<Descriptor> descriptors)
    : type_(type), descriptors_(std::move(descriptors)) {
  NixlStatus status = agent.api().registerMemory(agent.handle(), type_, descriptors_);
  if (status != kNixlSuccess) {
    throw nixlError(HICACHE_TRANSFER_FAILED, "registering " + std::to_string(descriptors_.size()) + " descriptors", status);
  }
  agent_ = &agent;
  // Deregistering goes by address, length and device; the metadata belongs to the caller and may be gone by then.
  for (Descriptor& descriptor : descriptors_) descriptor.metadata = {};
}

Registration::Registration(Registration&& other) noexcept
    : agent_(std::exchange(other.agent_, nullptr)), type_(other.type_), descriptors_(std::move(other.descriptors_)) {}

Registration& Registration::operator=(Registration&& other) noexcept {
  if (this != &other) {
    reset();
    agent_ = std::exchange(other.agent_, nullptr);
    type_ = other.type_;
    descriptors_ = std::move(other.descriptors_);
  }
  return *this;
}

bool Registration::reset() {
  if (agent_ == nullptr) return true;
  Agent* agent = std::exchange(agent_, nullptr);
  return agent->api().deregisterMemory(agent->handle(), type_, descriptors_) == kNixlSuccess;
}

}  // namespace hicache
