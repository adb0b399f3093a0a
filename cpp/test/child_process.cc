// SPDX-License-Identifier: Apache-2.0
#include "child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

extern char** environ;

namespace hicache {

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, const std::vector<std::string>& launcher) {
  char self[4096];
  ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self));
  if (length < 0) throw std::system_error(errno, std::generic_category(), "/proc/self/exe");
  std::vector<std::string> words = launcher;
  words.emplace_back(self, static_cast<size_t>(length));
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  output_ = ends[0];
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  int error = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error != 0) {
    ::close(output_);
    throw std::system_error(error, std::generic_category(), words[0]);
  }
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    kill();
    wait();
  }
  ::close(output_);
}

std::string ChildProcess::readLine() {
  std::string line;
  for (char byte = 0; ::read(output_, &byte, 1) == 1 && byte != '\n';) line.push_back(byte);
  return line;
}

std::string ChildProcess::readAll() {
  std::string text;
  char part[4096];
  for (ssize_t count = 0; (count = ::read(output_, part, sizeof(part))) > 0;) text.append(part, static_cast<size_t>(count));
  return text;
}

void ChildProcess::kill() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

void ChildProcess::stop() {
  if (pid_ > 0) ::kill(pid_, SIGTERM);
}

int ChildProcess::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  }
  return ended(status);
}

int ChildProcess::ended(int status) {
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool passInChild(const std::string& world, const std::string& filter, std::string* output,
                 const std::vector<std::string>& launcher) {
  std::vector<std::string> arguments;
  if (!world.empty()) arguments.push_back(world);
  // Without the variable the child would write over this program's report.
  arguments.push_back("--gtest_output=");
  arguments.push_back("--gtest_filter=" + filter);
  ChildProcess child(arguments, launcher);
  *output = child.readAll();
  return child.wait() == 0 && output->find("[  PASSED  ]") != std::string::npos &&
         output->find("[  PASSED  ] 0 tests") == std::string::npos;
}

}  // namespace hicache
