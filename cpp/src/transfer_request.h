// SPDX-License-Identifier: Apache-2.0
//
// One NIXL transfer as a scope: register, create, post, poll, release, deregister.
#pragma once

#include <vector>

#include "registration.h"

namespace hicache {

// Moves local[i] to or from storage[i]; lists are of equal length. Threads: the one that owns the agent.
class TransferRequest {
 public:
  // Which side is registered already, for longer than the request; else what is registered in place of the local list, around
  // it: nothing where it is empty.
  struct Registered {
    bool local = false;
    bool storage = false;
    std::vector<Descriptor> around_local = {};
  };

  // Registers what is not, and creates the request; nothing moves yet. Throws TRANSFER_FAILED, and then nothing of its own is
  // registered.
  TransferRequest(Agent& agent, TransferOperation operation, std::vector<Descriptor> local, std::vector<Descriptor> storage,
                  Registered registered, MemoryType storage_type = MemoryType::kFile);
  ~TransferRequest();
  TransferRequest(const TransferRequest&) = delete;
  TransferRequest& operator=(const TransferRequest&) = delete;

  enum class State { kInFlight, kDone, kFailed };

  // Starts the transfer, once. NIXL copies part of a buffered transfer inside this call.
  State post();
  // Moves the transfer on; without polling it stands still.
  State poll();
  // Releases the request and both registrations; only after kDone or kFailed. False when NIXL refused one of them.
  bool release();

  State state() const { return state_; }
  NixlStatus lastStatus() const { return status_; }

 private:
  State stateOf(NixlStatus status);

  Agent& agent_;
  Registration local_;
  Registration storage_;
  NixlRequestHandle* request_ = nullptr;
  NixlStatus status_ = kNixlSuccess;
  State state_ = State::kDone;  // nothing is in flight before post
};

}  // namespace hicache
