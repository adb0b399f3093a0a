// SPDX-License-Identifier: Apache-2.0
//
// What NIXL asks of its callers: every host address of a request lies in a live registration of the same agent.
#include <algorithm>

#include "store_fixture.h"

namespace hicache {
namespace {

constexpr size_t kPages = 3;

class HostRegistrationTest : public QueueFixture {
 protected:
  // Pages of a pool go to the storage and come back at other places of it. The fixture's fake holds each request against what
  // is registered.
  void roundTrip(StoreClient& client, const PageMemory& pool, size_t page_bytes) {
    std::vector<PageArgument> set;
    std::vector<PageArgument> get;
    for (size_t i = 0; i < kPages; ++i) {
      set.emplace_back("page-" + std::to_string(i), pool.data() + i * page_bytes, page_bytes);
      get.emplace_back("page-" + std::to_string(i), pool.data() + (2 * kPages - 1 - i) * page_bytes, page_bytes);
    }
    for (const PageResult& result : client.set(set)) EXPECT_TRUE(isOutcome(result, HICACHE_STORED));
    for (const PageResult& result : client.get(get)) EXPECT_TRUE(isOutcome(result, HICACHE_HIT));
    for (size_t i = 0; i < kPages; ++i) EXPECT_EQ(std::memcmp(set[i].address, get[i].address, page_bytes), 0) << i;
    EXPECT_EQ(nixl_->misuses(), std::vector<std::string>());
  }
  // How many requested ranges lie in the pool, from where the test began.
  size_t requestedIn(const PageMemory& pool, size_t from) const {
    uint64_t begin = reinterpret_cast<uint64_t>(pool.data());
    const std::vector<Descriptor> ranges = nixl_->requestedHostRanges();
    return static_cast<size_t>(std::count_if(
        ranges.begin() + static_cast<ptrdiff_t>(from), ranges.end(),
        [&](const auto& range) { return range.address >= begin && range.address + range.length <= begin + pool.size(); }));
  }
};

TEST_P(HostRegistrationTest, shouldHandOverOnlyAddressesOfARegisteredPool) {
  StoreClient& client = openQueue(disk_.path());
  const PageMemory pool = PageMemory::random(2 * kPages * 8192, 1);
  int64_t id = client.store().registerMemory(reinterpret_cast<uint64_t>(pool.data()), static_cast<int64_t>(pool.size()));
  size_t from = nixl_->requestedHostRanges().size();
  roundTrip(client, pool, 8192);
  EXPECT_GT(requestedIn(pool, from), 0u) << "moved without a copy";
  EXPECT_TRUE(client.store().deregisterMemory(id, std::chrono::seconds(30)));
}

TEST_P(HostRegistrationTest, shouldHandOverOnlyRegisteredCopiesOfPagesThatAreNotAligned) {
  StoreClient& client = openQueue(disk_.path());
  if (client.described("directory.0.direct_io") != "true") GTEST_SKIP() << "no direct I/O in " << disk_.path();
  const PageMemory pool = PageMemory::random(2 * kPages * 8192, 1, 64);
  int64_t id = client.store().registerMemory(reinterpret_cast<uint64_t>(pool.data()), static_cast<int64_t>(pool.size()));
  size_t from = nixl_->requestedHostRanges().size();
  roundTrip(client, pool, 8192);
  EXPECT_GT(nixl_->requestedHostRanges().size(), from);
  EXPECT_EQ(requestedIn(pool, from), 0u) << "direct I/O cannot use it as it lies";
  EXPECT_TRUE(client.store().deregisterMemory(id, std::chrono::seconds(30)));
}

TEST_P(HostRegistrationTest, shouldRegisterForItsTransferWhatNobodyRegistered) {
  StoreClient& client = openQueue(disk_.path());
  const PageMemory pool = PageMemory::random(2 * kPages * 8192, 1);
  size_t from = nixl_->requestedHostRanges().size();
  roundTrip(client, pool, 8192);
  EXPECT_GT(requestedIn(pool, from), 0u);
  EXPECT_EQ(nixl_->liveRegistrations(), 0) << "for the transfer only";
}

// The fake's check itself.
class RegistrationCheckTest : public StoreFixture {};

TEST_F(RegistrationCheckTest, shouldNoticeARequestForMemoryThatIsNotRegistered) {
  FaultyNixl nixl;
  NixlAgentHandle* agent = nullptr;
  ASSERT_EQ(nixl.createAgent("contract", &agent), kNixlSuccess);
  ASSERT_EQ(nixl.createBackend(agent, "POSIX", {{"use_posix_aio", "true"}}), kNixlSuccess);
  const PageMemory memory = PageMemory::random(8192, 1);
  Descriptor half{reinterpret_cast<uint64_t>(memory.data()), 4096, 0, {}};
  Descriptor whole{half.address, 8192, 0, {}};
  ASSERT_EQ(nixl.registerMemory(agent, MemoryType::kDram, {half}), kNixlSuccess);
  NixlRequestHandle* request = nullptr;
  nixl.createRequest(agent, TransferOperation::kRead, MemoryType::kDram, {whole}, MemoryType::kFile, {whole}, &request);
  EXPECT_EQ(nixl.misuses().size(), 1u);
  if (request != nullptr) nixl.releaseRequest(agent, request);
  ASSERT_EQ(nixl.deregisterMemory(agent, MemoryType::kDram, {half}), kNixlSuccess);
  nixl.destroyAgent(agent);
}

INSTANTIATE_FOR_QUEUES(HostRegistrationTest);

}  // namespace
}  // namespace hicache
