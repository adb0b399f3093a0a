// SPDX-License-Identifier: Apache-2.0
//
// Plugins that do not come back. Slow, because the core's patience with them is ten seconds.
#include <chrono>
#include <future>
#include <thread>

#include "store_fixture.h"

namespace hicache {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

struct Timed {
  BackendSelection selection;
  std::string refusal;
  steady_clock::duration took;
};

Timed selectTimed(const std::shared_ptr<FaultyNixl>& nixl, const BackendRequest& request) {
  Timed timed;
  auto started = steady_clock::now();
  try {
    timed.selection = selectBackend(nixl, std::make_shared<FakeCuda>(), request, "test");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), HICACHE_BACKEND_UNAVAILABLE);
    timed.refusal = error.what();
  }
  timed.took = steady_clock::now() - started;
  return timed;
}

// Both hangs at once, to wait only once. What hangs inside a transfer keeps its thread for good: this test has no fixture
// that would count it.
TEST(HangingBackendTest, shouldPassOverAPluginThatHangsInItsCreateCallOrItsSelfTest) {
  ScratchDirectory directory(Medium::kMemory);
  BackendRequest request;
  request.probe_directory = directory.path();
  request.storage = MemoryType::kFile;

  auto create_hangs = std::make_shared<FaultyNixl>();
  create_hangs->present({{"HF3FS", {"POSIX", true, true}}, {"POSIX", {"POSIX"}}});
  std::future<Timed> first = std::async(std::launch::async, [&] { return selectTimed(create_hangs, request); });

  auto transfer_hangs = std::make_shared<FaultyNixl>();
  transfer_hangs->hold();
  BackendRequest posix = request;
  posix.backend = "POSIX";
  std::future<Timed> second = std::async(std::launch::async, [&] { return selectTimed(transfer_hangs, posix); });

  Timed create = first.get();
  EXPECT_LT(create.took, seconds(30));
  ASSERT_EQ(create.refusal, "");
  EXPECT_EQ(create.selection.backend.name, "POSIX");
  EXPECT_EQ(create.selection.candidates[0].state, "passed over");
  EXPECT_EQ(create.selection.candidates[0].reason, "it did not answer within 10 s");
  create.selection.agent.reset();
  EXPECT_EQ(create_hangs->liveAgents(), 1) << "the agent inside the hanging call must live on";
  create_hangs->letGo();
  for (int i = 0; i < 1000 && create_hangs->liveAgents() != 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(create_hangs->liveAgents(), 0);
  EXPECT_EQ(create_hangs->misuses(), std::vector<std::string>());

  Timed transfer = second.get();
  EXPECT_LT(transfer.took, seconds(18)) << "what hangs in one queue must not be tried in the next";
  EXPECT_NE(transfer.refusal.find("POSIX: it did not answer within 10 s"), std::string::npos) << transfer.refusal;
  EXPECT_EQ(transfer_hangs->liveRequests(), 1) << "a request in flight is never released";
  EXPECT_EQ(transfer_hangs->misuses(), std::vector<std::string>());
}

}  // namespace
}  // namespace hicache
