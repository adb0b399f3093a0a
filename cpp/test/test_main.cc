// SPDX-License-Identifier: Apache-2.0
//
// Starts the tests, or, when a test has started this program again, plays the part that the first argument names.
#include <aio.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "child_process.h"
#include "store_fixture.h"

namespace {

// Opens each queue once, so that what NIXL and CUDA keep for good is there before a test counts descriptors and threads.
class WarmUp final : public testing::Environment {
 public:
  void SetUp() override {
    for (const std::string& queue : hicache::kQueues) {
      std::string reason = hicache::whyQueueRefusedOnce(queue);
      if (!reason.empty()) std::printf("[  queue   ] %s is refused here: %s\n", queue.c_str(), reason.c_str());
    }
  }
};

// glibc keeps its POSIX AIO threads for a second after the last request: without this, each test would wait for them.
void endAioThreadsAtOnce() {
  struct aioinit settings = {};
  settings.aio_threads = 20;
  settings.aio_num = 64;
  settings.aio_idle_time = -1;
  aio_init(&settings);
}

// These tests provoke errors. NIXL reads its log level before main, so that the program has to start again.
void silenceNixl(char** argv) {
  if (std::getenv("NIXL_LOG_LEVEL") != nullptr) return;
  ::setenv("NIXL_LOG_LEVEL", "FATAL", 0);
  ::execv("/proc/self/exe", argv);
  std::perror("/proc/self/exe");
}

}  // namespace

int main(int argc, char** argv) {
  silenceNixl(argv);
  endAioThreadsAtOnce();
  int child_status = 0;
  if (hicache::runAsChild(&argc, argv, &child_status)) return child_status;
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new WarmUp);
  std::printf("[   seed   ] HICACHE_TEST_SEED=%llu\n", static_cast<unsigned long long>(hicache::testSeed()));
  return RUN_ALL_TESTS();
}
