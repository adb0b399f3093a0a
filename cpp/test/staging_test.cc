// SPDX-License-Identifier: Apache-2.0
// Pages on devices over a backend that moves host memory: real NIXL, and devices of a fake whose memory nobody else can touch.
#include <gtest/gtest.h>

#include <algorithm>

#include "store_fixture.h"

namespace hicache {
namespace {

constexpr int kDevices = 2;

// Memory of a fake device, as long as the object lives.
class DevicePage {
 public:
  DevicePage(FakeCuda& cuda, int device, size_t length) : cuda_(cuda), device_(device), length_(length) {
    EXPECT_EQ(cuda_.allocate(device, std::max<size_t>(length, 1), &address_), "");
  }
  DevicePage(FakeCuda& cuda, int device, const PageMemory& page) : DevicePage(cuda, device, page.size()) {
    cuda_.fill(address_, page.data(), page.size());
  }
  DevicePage(const DevicePage&) = delete;
  DevicePage& operator=(const DevicePage&) = delete;
  ~DevicePage() { EXPECT_EQ(cuda_.release(device_, address_), ""); }

  PageArgument as(const std::string& key) const {
    return {key, reinterpret_cast<void*>(address_), static_cast<int64_t>(length_)};
  }
  uint64_t address() const { return address_; }
  bool holds(const PageMemory& page) const {
    const std::vector<uint8_t> bytes = cuda_.bytesAt(address_, length_);
    return length_ == page.size() && std::equal(bytes.begin(), bytes.end(), static_cast<const uint8_t*>(page.data()));
  }

 private:
  FakeCuda& cuda_;
  const int device_;
  const size_t length_;
  uint64_t address_ = 0;
};

class StagingTest : public QueueFixture {
 protected:
  void SetUp() override {
    QueueFixture::SetUp();
    cuda_ = std::make_shared<FakeCuda>(kDevices);
  }
  void TearDown() override {
    QueueFixture::TearDown();
    EXPECT_EQ(cuda_->held(), 0u) << "streams, marks or memory are left";
    EXPECT_TRUE(cuda_->pinned.empty());
  }
};

TEST_P(StagingTest, shouldStoreAndFetchPagesOfDevicesAndOfTheHostInOneBatch) {
  StoreClient& client = openQueue(disk_.path());
  // Lengths that direct I/O takes, and others; one that is no byte, and one of more than a chunk.
  const std::vector<size_t> lengths = {1, 4096, 73728, 100001, 0, 262144, 9 << 20};
  std::vector<PageMemory> pages;
  std::vector<std::unique_ptr<DevicePage>> on_devices;
  std::vector<PageArgument> arguments;
  for (size_t i = 0; i < lengths.size(); ++i) {
    pages.push_back(PageMemory::random(lengths[i], i));
    on_devices.push_back(std::make_unique<DevicePage>(*cuda_, static_cast<int>(i % kDevices), pages.back()));
    arguments.push_back(on_devices.back()->as("device" + std::to_string(i)));
    arguments.emplace_back("host" + std::to_string(i), pages.back());
  }
  for (const PageResult& result : client.set(arguments)) EXPECT_TRUE(isOutcome(result, HICACHE_STORED));
  for (size_t i = 0; i < lengths.size(); ++i) {
    const std::string number = std::to_string(i);
    PageMemory host = PageMemory::random(lengths[i], 77);
    DevicePage device(*cuda_, static_cast<int>((i + 1) % kDevices), host);
    // Stored from a device and read by the host, and the other way.
    const std::vector<PageResult> found = client.get({{"device" + number, host}, device.as("host" + number)});
    EXPECT_TRUE(isOutcome(found[0], HICACHE_HIT));
    EXPECT_TRUE(isOutcome(found[1], HICACHE_HIT));
    EXPECT_EQ(host, pages[i]) << lengths[i];
    EXPECT_TRUE(device.holds(pages[i])) << lengths[i];
  }
  EXPECT_GT(cuda_->copies(), 0);
}

TEST_P(StagingTest, shouldMoveAPageOfManyBlocks) {
  StoreClient& client = openQueue(memory_.path());
  const PageMemory page = PageMemory::random(3 * 5000, 1);
  DevicePage device(*cuda_, 1, page);
  const auto key = std::string("blocks");
  const auto at = [&](size_t block) { return static_cast<int64_t>(device.address() + block * 5000); };
  const std::vector<int64_t> addresses = {at(0), at(1), at(2)};
  const std::vector<int64_t> lengths = {5000, 5000, 5000};
  const auto key_length = static_cast<int32_t>(key.size());
  const int32_t blocks = 3;
  BatchRequest request{Operation::kSet, 1, reinterpret_cast<const int8_t*>(key.data()), &key_length, nullptr, 30000};
  request.block_counts = &blocks;
  request.addresses = addresses.data();
  request.lengths = lengths.data();
  const int64_t batch = client.store().submit(request);
  ASSERT_TRUE(client.waitFor(batch, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED));
  EXPECT_TRUE(isOutcome(client.resultsOf(batch)[0], HICACHE_STORED));
  client.forget(batch);
  const PageMemory back = PageMemory::random(page.size(), 2);
  EXPECT_TRUE(isOutcome(client.getPage(key, back), HICACHE_HIT));
  EXPECT_EQ(back, page);
}

TEST_P(StagingTest, shouldCompareWithWhatIsStored) {
  StoreClient& client = openQueue(memory_.path());
  const PageMemory page = PageMemory::random(8192, 1);
  DevicePage same(*cuda_, 0, page);
  DevicePage other(*cuda_, 0, PageMemory::random(8192, 2));
  const auto setNew = [&](const PageArgument& argument) {
    const int64_t batch = client.submit(Operation::kSet, {argument}, StoreClient::kTimeoutMillis, 0, HICACHE_SET_SKIP_EXISTING);
    EXPECT_TRUE(client.waitFor(batch, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED));
    PageResult result = client.resultsOf(batch)[0];
    client.forget(batch);
    return result;
  };
  EXPECT_TRUE(isOutcome(setNew(same.as("key")), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(setNew(same.as("key")), HICACHE_SKIPPED));
  EXPECT_TRUE(isOutcome(setNew(other.as("key")), HICACHE_STORED));
}

TEST_P(StagingTest, shouldLeaveTheDeviceAloneWhenThereIsNoGoodPage) {
  StoreClient& client = openQueue(disk_.path());
  const PageMemory stale = PageMemory::random(4096, 3);
  DevicePage target(*cuda_, 0, stale);
  EXPECT_TRUE(isOutcome(client.get({target.as("missing")})[0], HICACHE_MISS));
  EXPECT_TRUE(target.holds(stale));
  const PageMemory page = PageMemory::random(4096, 4);
  client.setPage("key", page);
  nixl_->lie(FaultyNixl::Lie::kFlipsAByte);
  const PageResult damaged = client.get({target.as("key")})[0];
  nixl_->lie(FaultyNixl::Lie::kNone);
  if (inSegments()) {
    EXPECT_TRUE(isOutcome(damaged, HICACHE_HIT)) << "it was read again";
    EXPECT_TRUE(target.holds(page));
  } else {
    EXPECT_TRUE(isFailure(damaged, HICACHE_CORRUPT, "its checksum differs"));
    EXPECT_TRUE(target.holds(stale));
  }
}

TEST_P(StagingTest, shouldWaitForTheStreamsOfTheCaller) {
  StoreClient& client = openQueue(memory_.path());
  const PageMemory page = PageMemory::random(4096, 5);
  DevicePage device(*cuda_, 1, PageMemory::random(4096, 6));
  const CudaStream kernels = cuda_->busyStream(1);
  auto fence = std::make_shared<const CudaFence>(cuda_, std::vector<CudaStream>{kernels});
  const int64_t batch = client.submit(Operation::kSet, {device.as("key")}, StoreClient::kTimeoutMillis, 0, 0, fence);
  fence.reset();
  EXPECT_FALSE(client.waitFor(batch, HICACHE_EVENT_COMPLETED, std::chrono::milliseconds(200)));
  cuda_->fill(device.address(), page.data(), page.size());  // what the caller's work writes
  cuda_->finishWork();
  ASSERT_TRUE(client.waitFor(batch, HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED));
  client.forget(batch);
  const PageMemory back = PageMemory::random(4096, 7);
  EXPECT_TRUE(isOutcome(client.getPage("key", back), HICACHE_HIT));
  EXPECT_EQ(back, page);
}

TEST_P(StagingTest, shouldEndWhenCopiesAreLate) {
  StoreClient& client = openQueue(memory_.path());
  cuda_->delayCopies(50);
  const PageMemory page = PageMemory::random(73728, 8);
  DevicePage device(*cuda_, 0, page);
  EXPECT_TRUE(isOutcome(client.set({device.as("key")})[0], HICACHE_STORED));
  DevicePage target(*cuda_, 1, page.size());
  EXPECT_TRUE(isOutcome(client.get({target.as("key")})[0], HICACHE_HIT));
  EXPECT_TRUE(target.holds(page));
}

TEST_P(StagingTest, shouldHoldItsMemoryUntilACopyThatHangsHasEnded) {
  StoreClient& client = openQueue(memory_.path());
  DevicePage device(*cuda_, 0, PageMemory::random(4096, 9));
  cuda_->delayCopies(-1);
  const int64_t batch = client.submit(Operation::kSet, {device.as("key")}, 300);
  ASSERT_TRUE(client.waitFor(batch, HICACHE_EVENT_COMPLETED));
  EXPECT_EQ(client.resultsOf(batch)[0].outcome, HICACHE_TIMED_OUT);
  EXPECT_EQ(client.eventsOf(batch) & HICACHE_EVENT_RELEASED, 0);
  EXPECT_EQ(client.describedNumber("lanes_in_quarantine"), 1);
  const PageMemory host = PageMemory::random(4096, 10);
  EXPECT_TRUE(isOutcome(client.setPage("host", host), HICACHE_STORED)) << "another lane takes its place";
  cuda_->delayCopies(0);
  ASSERT_TRUE(client.waitFor(batch, HICACHE_EVENT_RELEASED));
  client.forget(batch);
  EXPECT_TRUE(isOutcome(client.findPage("key"), HICACHE_MISS));
}

TEST_P(StagingTest, shouldFailOnlyPagesOfDevicesWhenADeviceFails) {
  StoreClient& client = openQueue(memory_.path());
  const PageMemory page = PageMemory::random(4096, 11);
  DevicePage device(*cuda_, 0, page);
  client.set({device.as("stored")});
  cuda_->failWork("cudaErrorIllegalAddress: the fake's work failed");
  std::vector<PageResult> stored = client.set({device.as("device"), {"host", page}});
  EXPECT_TRUE(isFailure(stored[0], HICACHE_TRANSFER_FAILED, "copying 4096 bytes from cuda:0: cudaErrorIllegalAddress"));
  EXPECT_TRUE(isOutcome(stored[1], HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.findPage("device"), HICACHE_MISS));
  const PageMemory back = PageMemory::random(4096, 12);
  std::vector<PageResult> found = client.get({device.as("stored"), {"host", back}});
  EXPECT_TRUE(isFailure(found[0], HICACHE_TRANSFER_FAILED, "copying 4096 bytes to cuda:0: cudaErrorIllegalAddress"));
  EXPECT_TRUE(isOutcome(found[1], HICACHE_HIT));
  EXPECT_EQ(back, page);
}

// Every call of CUDA that a set and a get make, failing one after the other, alone and with the next one.
TEST_P(StagingTest, shouldSurviveEveryFailingCallOfCuda) {
  const PageMemory page = PageMemory::random(4096, 13);
  DevicePage device(*cuda_, 0, page);
  DevicePage target(*cuda_, 1, page.size());
  for (int64_t count = 1; count <= 2; ++count) {
    for (int64_t nth = 1;; ++nth) {
      StoreClient& client = openQueue(memory_.path(), {{"lanes", "1"}});
      cuda_->failCall(nth, count);
      const std::vector<PageResult> stored = client.set({device.as("device"), {"host", page}});
      const PageResult found = client.get({target.as("host")})[0];
      const bool failed = cuda_->hasFailed();
      cuda_->failCall(0);
      EXPECT_TRUE(isOutcome(stored[1], HICACHE_STORED)) << nth;
      if (stored[0].outcome != HICACHE_STORED) {
        EXPECT_TRUE(isFailure(stored[0], HICACHE_TRANSFER_FAILED, "cuda:0")) << nth;
      }
      if (found.outcome == HICACHE_HIT) {
        EXPECT_TRUE(target.holds(page)) << nth;
      } else {
        EXPECT_TRUE(isFailure(found, HICACHE_TRANSFER_FAILED, "cuda:1")) << nth;
      }
      client.remove({"device", "host"});
      EXPECT_TRUE(close(client));
      if (!failed) {
        EXPECT_GE(nth, 10);
        break;
      }
    }
  }
  // Where not even a second attempt told when a copy ends, its memory stays for ever: with no mark made, or none set, each way.
  EXPECT_EQ(cuda_->pinned.size(), 4u);
  cuda_->pinned.clear();
}

TEST_P(StagingTest, shouldRefuseWhatDoesNotLieWhereItIsSaidTo) {
  StoreClient& client = openQueue(memory_.path());
  DevicePage device(*cuda_, 1, PageMemory::random(4096, 14));
  const PageMemory host = PageMemory::random(4096, 15);
  PageArgument wrong_device = device.as("a");
  wrong_device.device = 0;
  PageArgument said_host = device.as("b");
  said_host.device = HICACHE_DEVICE_HOST;
  PageArgument said_device("c", host);
  said_device.device = 1;
  PageArgument right = device.as("d");
  right.device = 1;
  PageArgument beyond = device.as("e");
  beyond.length = 4097;
  const std::vector<PageResult> stored = client.set({wrong_device, said_host, said_device, right, beyond});
  EXPECT_TRUE(isFailure(stored[0], HICACHE_INVALID_ARGUMENT, "said to be on cuda:0, and its memory is on cuda:1"));
  EXPECT_TRUE(isFailure(stored[1], HICACHE_INVALID_ARGUMENT, "said to be on the host, and its memory is on cuda:1"));
  EXPECT_TRUE(isFailure(stored[2], HICACHE_INVALID_ARGUMENT, "said to be on cuda:1, and its memory is on the host"));
  EXPECT_TRUE(isOutcome(stored[3], HICACHE_STORED));
  EXPECT_TRUE(isFailure(stored[4], HICACHE_INVALID_ARGUMENT, "begins on cuda:1 and ends on the host"));
}

TEST_P(StagingTest, shouldRefuseDevicesWhereThereAreNone) {
  cuda_ = std::make_shared<FakeCuda>(0);
  StoreClient& client = openQueue(memory_.path());
  PageArgument argument("a", PageMemory::random(4096, 16));
  const PageMemory page = PageMemory::random(4096, 16);
  argument.address = page.data();
  argument.device = 0;
  EXPECT_TRUE(isFailure(client.set({argument})[0], HICACHE_INVALID_ARGUMENT, "no CUDA device (the fake has no device)"));
  EXPECT_ERROR(CudaFence(cuda_, {CudaStream{0, 0}}), HICACHE_INVALID_ARGUMENT, "a stream of cuda:0: there are 0 devices");
}

TEST_P(StagingTest, shouldRefuseGpuMemoryWhereStagingIsForbidden) {
  StoreClient& client = openQueue(memory_.path(), {{"gpu_staging", "never"}});
  const PageMemory host = PageMemory::random(4096, 17);
  DevicePage device(*cuda_, 1, host);
  const std::vector<PageResult> stored = client.set({{"host", host}, device.as("device")});
  EXPECT_TRUE(isOutcome(stored[0], HICACHE_STORED));
  EXPECT_TRUE(isFailure(stored[1], HICACHE_UNSUPPORTED, "set: the page is on cuda:1, and with gpu_staging = never"));
  EXPECT_TRUE(isFailure(client.get({device.as("host")})[0], HICACHE_UNSUPPORTED, "get: the page is on cuda:1"));
  EXPECT_EQ(cuda_->copies(), 0);
}

TEST_P(StagingTest, shouldTouchNothingOfCudaForPagesOfTheHost) {
  cuda_->failCall(1);
  StoreClient& client = openQueue(memory_.path());
  const PageMemory page = PageMemory::random(73728, 18);
  EXPECT_TRUE(isOutcome(client.setPage("key", page), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.getPage("key", page), HICACHE_HIT));
  EXPECT_FALSE(cuda_->hasFailed());
}

TEST_P(StagingTest, shouldCopyThroughPlainMemoryWhereNoneCanBePinned) {
  cuda_->failure = "the fake pins nothing";
  StoreClient& client = openQueue(memory_.path());
  const PageMemory page = PageMemory::random(73728, 19);
  DevicePage device(*cuda_, 0, page);
  EXPECT_TRUE(isOutcome(client.set({device.as("key")})[0], HICACHE_STORED));
  const PageMemory back = PageMemory::random(73728, 20);
  EXPECT_TRUE(isOutcome(client.getPage("key", back), HICACHE_HIT));
  EXPECT_EQ(back, page);
}

INSTANTIATE_FOR_QUEUES(StagingTest);

}  // namespace
}  // namespace hicache
