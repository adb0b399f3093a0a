// SPDX-License-Identifier: Apache-2.0
#include "transfer_request.h"

#include <utility>

namespace hicache {

TransferRequest::TransferRequest(Agent& agent, TransferOperation operation, std::vector<Descriptor> local,
                                 std::vector<Descriptor> storage, Registered registered, MemoryType storage_type)
    : agent_(agent),
      local_(registered.local ? Registration()
                              : Registration(agent, MemoryType::kDram,
                                             registered.around_local.empty() ? local : std::move(registered.around_local))),
      storage_(registered.storage ? Registration() : Registration(agent, storage_type, storage)) {
  NixlStatus status =
      agent.api().createRequest(agent.handle(), operation, MemoryType::kDram, local, storage_type, storage, &request_);
  if (status != kNixlSuccess) {
    throw nixlError(HICACHE_TRANSFER_FAILED, "creating a request of " + std::to_string(local.size()) + " descriptors", status);
  }
}

TransferRequest::~TransferRequest() {
  // A request in flight is never released: whoever drops one keeps its agent and memory in quarantine.
  if (state_ != State::kInFlight) release();
}

TransferRequest::State TransferRequest::stateOf(NixlStatus status) {
  status_ = status;
  state_ = status == kNixlInProgress ? State::kInFlight : status == kNixlSuccess ? State::kDone : State::kFailed;
  return state_;
}

TransferRequest::State TransferRequest::post() { return stateOf(agent_.api().postRequest(agent_.handle(), request_)); }

TransferRequest::State TransferRequest::poll() { return stateOf(agent_.api().requestStatus(agent_.handle(), request_)); }

bool TransferRequest::release() {
  bool clean = true;
  if (NixlRequestHandle* request = std::exchange(request_, nullptr)) {
    clean = agent_.api().releaseRequest(agent_.handle(), request) == kNixlSuccess;
  }
  clean = storage_.reset() && clean;
  return local_.reset() && clean;
}

}  // namespace hicache
