// SPDX-License-Identifier: Apache-2.0
//
// The self-test of a backend: what it moves must come back, and from a file a short read must be an error.
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

// Puts an object of random bytes under the prefix, gets it and compares. Returns its name: NIXL cannot delete it. Throws Error
// saying what failed, with the server's word where it gives one.
std::string proveObjects(Agent& agent, const std::string& prefix);

}  // namespace hicache
