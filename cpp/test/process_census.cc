// SPDX-License-Identifier: Apache-2.0
#include "process_census.h"

#include <dirent.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <thread>

namespace hicache {
namespace {

void forEachEntry(const std::string& directory, const std::function<void(const std::string&, int)>& visit) {
  DIR* stream = ::opendir(directory.c_str());
  if (stream == nullptr) return;
  while (const dirent* entry = ::readdir(stream)) {
    if (entry->d_name[0] != '.') visit(entry->d_name, ::dirfd(stream));
  }
  ::closedir(stream);
}

std::string linkTarget(const std::string& path) {
  char target[512];
  ssize_t length = ::readlink(path.c_str(), target, sizeof(target));
  return length < 0 ? "" : std::string(target, static_cast<size_t>(length));
}

std::string firstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string difference(const Census& before, const Census& now) {
  std::string left;
  for (const auto& [fd, target] : now.files) {
    auto then = before.files.find(fd);
    if (then == before.files.end() || then->second != target) left += "descriptor " + fd + " -> " + target + "\n";
  }
  for (const auto& [id, name] : now.threads) {
    if (before.threads.count(id) == 0) left += "thread " + id + " " + name + "\n";
  }
  return left;
}

}  // namespace

Census takeCensus() {
  Census census;
  forEachEntry("/proc/self/fd", [&](const std::string& fd, int own) {
    if (fd != std::to_string(own)) census.files[fd] = linkTarget("/proc/self/fd/" + fd);
  });
  forEachEntry("/proc/self/task",
               [&](const std::string& id, int) { census.threads[id] = firstLine("/proc/self/task/" + id + "/comm"); });
  return census;
}

std::string leftSince(const Census& before) {
  auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  for (;;) {
    std::string left = difference(before, takeCensus());
    if (left.empty() || std::chrono::steady_clock::now() > patience) return left;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace hicache
