// SPDX-License-Identifier: Apache-2.0
#include "backend_selection.h"

#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "child_process.h"
#include "store_fixture.h"

namespace hicache {
namespace {

using Plugin = FaultyNixl::Plugin;
const std::vector<MemoryType> kWithVram = {MemoryType::kDram, MemoryType::kVram, MemoryType::kFile};

class BackendSelectionTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    ::unsetenv("AWS_DEFAULT_BUCKET");
  }
  BackendRequest request(const std::string& backend = "auto") {
    BackendRequest request;
    request.backend = backend;
    request.probe_directory = memory_.path();
    request.storage = MemoryType::kFile;
    request.descriptors_in_flight = 128;
    return request;
  }
  BackendSelection select(const BackendRequest& request) { return selectBackend(nixl_, cuda_, request, "test"); }

  static const BackendCandidate& candidate(const BackendSelection& selection, const std::string& name) {
    for (const BackendCandidate& each : selection.candidates) {
      if (each.name == name) return each;
    }
    throw std::logic_error("no candidate " + name);
  }
  // Why the only backend asked for was passed over.
  std::string refusal(const BackendRequest& request) {
    try {
      select(request);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), HICACHE_BACKEND_UNAVAILABLE) << error.what();
      EXPECT_EQ(filesBelow(memory_.path()), std::vector<std::string>()) << "the self-test left a file";
      return error.what();
    }
    return "selected";
  }
};

#define EXPECT_REFUSED(request, text)                    \
  do {                                                   \
    const std::string why = refusal(request);            \
    EXPECT_NE(why.find(text), std::string::npos) << why; \
  } while (false)

TEST_F(BackendSelectionTest, shouldTakeTheFirstInOrderThatProvesItself) {
  nixl_->present({{"HF3FS", {""}}, {"POSIX", {"POSIX"}}, {"GDS_MT", {"POSIX"}}, {"OBJ", {"POSIX"}}});
  const BackendSelection selection = select(request());
  EXPECT_EQ(selection.backend.name, "POSIX");
  ASSERT_EQ(selection.candidates.size(), 5u);
  const char* const order[] = {"3FS", "POSIX", "GDS_MT", "GDS", "OBJ"};
  const char* const states[] = {"passed over", "selected", "not tried", "not tried", "not tried"};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(selection.candidates[i].name, order[i]);
    EXPECT_EQ(selection.candidates[i].state, states[i]);
  }
  EXPECT_NE(selection.candidates[0].reason.find("creating the backend HF3FS failed"), std::string::npos);
  EXPECT_NE(selection.candidates[0].advice.find("mount_point"), std::string::npos);
  EXPECT_EQ(selection.candidates[1].reason, "");
  EXPECT_EQ(selection.candidates[2].reason, "POSIX comes first in the order of choice");
  const std::vector<std::string> created = nixl_->created();
  EXPECT_EQ(created[0], "HF3FS");
  EXPECT_EQ(std::count(created.begin(), created.end(), "GDS_MT"), 0) << "what comes later is never created";
}

TEST_F(BackendSelectionTest, shouldPrefer3fsAndStageForIt) {
  nixl_->present({{"HF3FS", {"POSIX"}}, {"POSIX", {"POSIX"}}});
  StoreConfig config = storeConfig({memory_.path()}, anyQueue());
  config.backend.backend = "auto";
  StoreClient& client = open(config);
  EXPECT_EQ(client.described("backend"), "3FS");
  EXPECT_EQ(client.described("nixl_plugin"), "HF3FS");
  EXPECT_EQ(client.described("candidate.0.state"), "selected");
  // It remaps what is registered, so that the caller's memory must never be.
  const PageMemory page = PageMemory::random(3 * 4096 + 5, testSeed());
  const PageMemory target(page.size());
  EXPECT_TRUE(isOutcome(client.setPage("key", page), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.getPage("key", target), HICACHE_HIT));
  EXPECT_EQ(target, page);
  for (const Descriptor& range : nixl_->registeredHostRanges()) {
    EXPECT_EQ(range.address % 4096, 0u);
    for (const PageMemory* own : {&page, &target}) {
      uint64_t begin = reinterpret_cast<uint64_t>(own->data());
      EXPECT_FALSE(range.address < begin + own->size() && begin < range.address + range.length);
    }
  }
}

TEST_F(BackendSelectionTest, shouldTakeEveryNameOfABackend) {
  for (const char* name : {"3FS", "3fs", "HF3FS", "hf3fs"}) {
    nixl_->present({{"HF3FS", {"POSIX"}}});
    EXPECT_EQ(select(request(name)).backend.plugin, "HF3FS") << name;
  }
  EXPECT_EQ(FaultyNixl().libraryPath(), realNixlApi()->libraryPath());
  nixl_->present({{"POSIX", {"POSIX"}}});
  EXPECT_EQ(select(request("posix")).backend.name, "POSIX");
  EXPECT_EQ(select(request("AUTO")).backend.name, "POSIX");
  for (const char* name : {"S3", "", "POSIX ", "autos"}) {
    EXPECT_ERROR(select(request(name)), HICACHE_INVALID_ARGUMENT, "must be auto, 3FS, POSIX, GDS_MT, GDS, OBJ or AZURE_BLOB");
  }
}

TEST_F(BackendSelectionTest, shouldRefuseAMisspeltParameter) {
  BackendRequest misspelt = request("POSIX");
  misspelt.params = {{"use_urnig", "true"}};
  EXPECT_ERROR(select(misspelt), HICACHE_INVALID_ARGUMENT, "plugin.use_urnig: no parameter of POSIX; known are");
  EXPECT_ERROR(select(misspelt), HICACHE_INVALID_ARGUMENT, "use_uring");
  misspelt.backend = "auto";
  EXPECT_ERROR(select(misspelt), HICACHE_INVALID_ARGUMENT, "no parameter of any backend");
  BackendRequest others = request("auto");
  others.params = {{"mount_point", "/mnt/3fs"}};
  EXPECT_EQ(select(others).backend.params.count("mount_point"), 0u) << "a parameter of 3FS goes to 3FS only";
  EXPECT_EQ(nixl_->liveAgents(), 0);
}

TEST_F(BackendSelectionTest, shouldSayWhyEachCandidateWasPassedOver) {
  nixl_->present({});
  EXPECT_REFUSED(request("POSIX"), "POSIX: this NIXL has no plugin POSIX; check that the directory is writable");
  nixl_->present({{"POSIX", {"POSIX", false}}});
  EXPECT_REFUSED(request("POSIX"), "libplugin_POSIX.so does not load");
  nixl_->present({{"POSIX", {"POSIX", true, false, {MemoryType::kFile}}}});
  EXPECT_REFUSED(request("POSIX"), "does not move the memory asked for");
  nixl_->present({{"POSIX", {""}}});
  EXPECT_REFUSED(request("POSIX"), "creating the backend POSIX (posix_aio) failed: NIXL status -2");
  EXPECT_REFUSED(request("GDS"), "no CUDA device: the fake has no device");
  EXPECT_REFUSED(request("OBJ"), "the layout keeps pages in files");
  BackendRequest objects = request("OBJ");
  objects.storage = std::nullopt;
  EXPECT_REFUSED(objects, "no bucket is configured");
  const std::string all = refusal(request());
  for (const char* name : {"\n  3FS: ", "\n  POSIX: ", "\n  GDS_MT: ", "\n  GDS: ", "\n  OBJ: "}) {
    EXPECT_NE(all.find(name), std::string::npos) << all;
  }
}

TEST_F(BackendSelectionTest, shouldChooseByWhatMovesGpuMemory) {
  nixl_->present({{"POSIX", {"POSIX"}}, {"GDS_MT", {"POSIX", true, false, kWithVram}}});
  cuda_ = std::make_shared<FakeCuda>(1);
  BackendRequest vram = request();
  vram.memory = MemoryType::kVram;
  if (::access("/proc/modules", R_OK) != 0) {
    EXPECT_REFUSED(vram, "/proc/modules cannot be read");
    return;
  }
  const BackendSelection selection = select(vram);
  EXPECT_EQ(selection.backend.name, "GDS_MT");
  EXPECT_NE(candidate(selection, "POSIX").reason.find("moves host memory only"), std::string::npos);
}

TEST_F(BackendSelectionTest, shouldRefuseABackendThatReadsBackOtherBytes) {
  using Lie = FaultyNixl::Lie;
  for (Lie lie : {Lie::kFlipsAByte, Lie::kMovesNothing, Lie::kMovesHalf}) {
    nixl_->lie(lie);
    EXPECT_REFUSED(request("POSIX"), "read back other bytes than it wrote");
  }
  nixl_->lie(Lie::kNone);
  EXPECT_EQ(select(request("POSIX")).backend.name, "POSIX");
}

TEST_F(BackendSelectionTest, shouldRefuseANixlThatCallsAShortReadASuccess) {
  nixl_->setLibraryPath("/an/old/libnixl.so");
  nixl_->lie(FaultyNixl::Lie::kHidesFailure);
  EXPECT_REFUSED(request("POSIX"), "reports a short read as success; version 1.5.1 or newer is needed");
}

TEST_F(BackendSelectionTest, shouldTestNothingWithoutADirectory) {
  BackendRequest bare = request("POSIX");
  bare.probe_directory.clear();
  nixl_->lie(FaultyNixl::Lie::kFlipsAByte);
  EXPECT_EQ(select(bare).backend.name, "POSIX");
  EXPECT_EQ(nixl_->registeredHostRanges().size(), 0u);
}

TEST_F(BackendSelectionTest, shouldLeaveNothingWhicheverNixlCallFails) {
  for (int64_t nth = 1;; ++nth) {
    nixl_->setLibraryPath("/test/" + std::to_string(nth));  // so that short reads are tested each time
    nixl_->failCall(nth);
    const std::string why = refusal(request("POSIX"));
    EXPECT_EQ(nixl_->liveAgents() + nixl_->liveRegistrations() + nixl_->liveRequests(), 0) << "call " << nth;
    if (!nixl_->hasFailed()) {
      EXPECT_EQ(why, "selected");
      EXPECT_GT(nth, 15);
      break;
    }
  }
}

TEST_F(BackendSelectionTest, shouldTakeAQueueThatTheKernelAllows) {
  aio_context_t context = 0;
  const bool aio_works = ::syscall(SYS_io_setup, 1, &context) == 0;
  if (aio_works) ::syscall(SYS_io_destroy, context);
  EXPECT_EQ(select(request("POSIX")).backend.queue, aio_works ? "aio" : "posix_aio");
  if (aio_works) return;
  BackendRequest chosen = request("POSIX");
  chosen.params = {{"use_aio", "true"}};
  EXPECT_REFUSED(chosen, "creating the backend POSIX (aio) failed");
}

TEST_F(BackendSelectionTest, shouldFallBackToPosixAioInASandbox) {
  std::string output;
  EXPECT_TRUE(passInChild(kDeniedAio, "BackendSelectionTest.shouldTakeAQueueThatTheKernelAllows:StoreTest*/posix_aio", &output))
      << output;
}

}  // namespace
}  // namespace hicache
