// SPDX-License-Identifier: Apache-2.0
#include "fio.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

extern char** environ;

namespace hicache::bench {
namespace {

constexpr int kPollMillis = 100;

std::vector<std::string> argumentsOf(const std::string& program, const RawShape& shape, const std::string& folder) {
  return {program,
          "--name=hicache",
          "--directory=" + folder,
          std::string("--rw=") + (shape.write ? "write" : "read"),
          "--bs=" + std::to_string(shape.block_bytes),
          "--size=" + std::to_string(shape.job_bytes),
          "--numjobs=" + std::to_string(shape.jobs),
          "--iodepth=" + std::to_string(shape.depth),
          "--ioengine=" + shape.engine,
          std::string("--direct=") + (shape.direct ? "1" : "0"),
          std::string("--overwrite=") + (shape.write && shape.overwrite ? "1" : "0"),
          std::string("--invalidate=") + (shape.cold ? "1" : "0"),
          "--thread",
          "--group_reporting",
          "--output-format=json"};
}

// Runs a program and returns its output; its errors go to where ours go.
std::string outputOf(const std::vector<std::string>& arguments, const std::atomic<bool>& interrupted) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw StoreError(std::string("--fio: pipe: ") + std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t child = -1;
  const int failed = ::posix_spawn(&child, arguments[0].c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string output;
  bool stopped = false;
  for (ssize_t got = failed == 0 ? 1 : 0; got != 0;) {
    pollfd ready = {ends[0], POLLIN, 0};
    ::poll(&ready, 1, kPollMillis);
    if (interrupted && !stopped) stopped = ::kill(child, SIGTERM) == 0;
    if (ready.revents == 0) continue;
    char buffer[4096];
    got = ::read(ends[0], buffer, sizeof(buffer));
    if (got > 0) output.append(buffer, static_cast<size_t>(got));
    if (got < 0 && errno != EINTR) break;
  }
  ::close(ends[0]);
  if (failed != 0) throw StoreError("--fio: " + arguments[0] + ": " + std::strerror(failed));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!interrupted && status != 0) throw StoreError("--fio: fio ended with an error: " + output);
  return output;
}

}  // namespace

std::string findFio() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string program = folder + "/fio";
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  throw StoreError("--fio: there is no program fio on the PATH; install it (Debian: apt-get install fio), or leave --fio out");
}

RawResult runFio(const std::string& program, const RawShape& shape, const std::atomic<bool>& interrupted) {
  const ScratchFolder folder(shape.directory, "fio");
  const std::vector<std::string> arguments = argumentsOf(program, shape, folder.path());
  const std::string output = outputOf(arguments, interrupted);
  RawResult result;
  for (const std::string& argument : arguments) result.command += (result.command.empty() ? "" : " ") + argument;
  if (interrupted) return result;
  // Notes may stand before the JSON.
  const size_t begin = output.find('{');
  const auto json = nlohmann::json::parse(begin == std::string::npos ? "" : output.substr(begin), nullptr, false);
  if (json.is_discarded() || !json.contains("jobs") || json["jobs"].empty()) {
    throw StoreError("--fio: fio's output is not its JSON: " + output);
  }
  result.gb_per_s = json["jobs"][0].at(shape.write ? "write" : "read").at("bw_bytes").get<double>() / 1e9;
  return result;
}

}  // namespace hicache::bench
