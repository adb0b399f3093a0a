// SPDX-License-Identifier: Apache-2.0
//
// kill -9 at a chosen system call. A traced child dies at the entry of its Nth call that changes something outside its memory:
// a file, a name, an attribute, a lock; whichever thread makes it, and whoever in it: we, LMDB, NIXL, the C library. A filter
// (seccomp) stops the child at such calls alone, so that its threads run side by side as ever.
#pragma once

#include <cstdint>
#include <string>

#include "child_process.h"

namespace hicache {

// A child that may not be traced here says why in its output and ends with this exit status.
inline constexpr int kNotTraceable = 77;

// For the child: stops until its parent traces it. Before it starts a thread.
void letParentTrace();
// For the child: its calls count from here on, those of all its threads.
void countChangesFromHere();

struct TracedRun {
  bool killed = false;
  int status = 0;       // as of ChildProcess::wait
  int64_t changes = 0;  // how many were begun; the one it was killed at has not happened
  std::string last;     // which that was, and of what
};

// For the parent: runs a child that lets itself be traced until it ends. nth: where to kill it; 0: nowhere. The calling thread
// has no other children meanwhile.
TracedRun runTraced(ChildProcess& child, int64_t nth);

}  // namespace hicache
