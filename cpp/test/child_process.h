// SPDX-License-Identifier: Apache-2.0
//
// This test program, started once more: to be killed, or to run some tests in a changed world.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace hicache {

// A child's part, as first argument.
inline constexpr const char* kSetPagesForEver = "--child-sets-pages";        // DIRECTORY SEED
inline constexpr const char* kHoldATransfer = "--child-holds-a-transfer";    // DIRECTORY [NAME=VALUE]
inline constexpr const char* kCountAndDie = "--child-counts-and-dies";       // DIRECTORY CHANGE
inline constexpr const char* kShareACapacity = "--child-shares-a-capacity";  // DIRECTORY DIRECTORY BYTES SEED
inline constexpr const char* kPlayAScenario = "--child-plays-a-scenario";    // NAME DIRECTORY QUEUE, see crash_scenarios.h
// A changed world for the tests, as first argument; GoogleTest's arguments follow.
inline constexpr const char* kNoOpenat2 = "--world-no-openat2";          // a kernel before 5.6
inline constexpr const char* kDeniedOpenat2 = "--world-denied-openat2";  // a container's profile
inline constexpr const char* kDeniedAio = "--world-denied-aio";          // so that neither io_setup nor io_uring works

// For main: plays a child's part when the first argument names one. False when it does not, perhaps with the world changed.
bool runAsChild(int* argc, char** argv, int* exit_status);

class ChildProcess {
 public:
  // Starts this program with these arguments, by a launcher where one is given. Its output can be read here.
  explicit ChildProcess(const std::vector<std::string>& arguments, const std::vector<std::string>& launcher = {});
  // Kills it when it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // One line of its output without its end; empty when no more comes.
  std::string readLine();
  std::string readAll();
  void kill();
  // Asks it to end by itself.
  void stop();
  // The exit status, or 128 + signal.
  int wait();
  pid_t pid() const { return pid_; }
  // For one who has waited for it himself: what wait would have returned for this status.
  int ended(int status);

 private:
  pid_t pid_ = -1;
  int output_ = -1;
};

// Runs the tests of a filter in a child; true when all passed and at least one ran, else *output says more.
bool passInChild(const std::string& world, const std::string& filter, std::string* output,
                 const std::vector<std::string>& launcher = {});

}  // namespace hicache
