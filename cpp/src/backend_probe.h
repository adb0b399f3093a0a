// SPDX-License-Identifier: Apache-2.0
//
// The self-test of a file backend: what it moves must come back, and a short read must be an error.
#pragma once

#include <string>

#include "registration.h"

namespace hicache {

// Writes a page to a file in directory through the agent's backend, reads it back and compares. Throws Error saying what
// failed.
void proveRoundTrip(Agent& agent, const std::string& directory);

// Reads past the end of a file and expects a failure; NIXL before 1.5.1 called it a success. The agent may be spoilt
// afterwards.
void proveShortReadFails(Agent& agent, const std::string& directory);

}  // namespace hicache
