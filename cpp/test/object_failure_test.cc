// SPDX-License-Identifier: Apache-2.0
//
// Objects on a server that refuses, fails, and does not answer.
#include <thread>

#include "objects_fixture.h"

namespace hicache {
namespace {

using ObjectFailureTest = ObjectsFixture;

TEST_F(ObjectFailureTest, shouldTryAgainAndSucceed) {
  StoreClient& client = openObjects();
  client.setPage("key", page_);
  for (const char* code : {"", "SlowDown", "InternalError"}) {
    bucket_->failNext(2, code);
    EXPECT_TRUE(isOutcome(client.getPage("key", target_), HICACHE_HIT)) << code;
    bucket_->failNext(2, code);
    EXPECT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED)) << code;
    bucket_->failNext(2, code);
    EXPECT_TRUE(isOutcome(client.findPage("key"), HICACHE_HIT)) << code;
  }
  EXPECT_EQ(client.describedNumber("object_retries"), 18);
  EXPECT_EQ(client.described("breaker"), "closed");
}

TEST_F(ObjectFailureTest, shouldNotTryAgainWhatIsRefusedForGood) {
  StoreClient& client = openObjects();
  client.setPage("key", page_);
  bucket_->failNext(1, "AccessDenied");
  EXPECT_TRUE(isFailure(client.getPage("key", target_), HICACHE_IO, "the server answers AccessDenied"));
  EXPECT_EQ(target_, untouched_);
  bucket_->failNext(1, "NoSuchBucket");
  EXPECT_TRUE(isFailure(client.findPage("key"), HICACHE_IO, "NoSuchBucket"));
  EXPECT_EQ(client.describedNumber("object_retries"), 0);
}

TEST_F(ObjectFailureTest, shouldFailWithItsCauseWhenEveryTryFails) {
  StoreClient& client = openObjects({{"breaker_failures", "0"}});
  client.setPage("key", page_);
  bucket_->failNext(3, "InternalError");
  EXPECT_TRUE(isFailure(client.getPage("key", target_), HICACHE_IO, "InternalError"));
  bucket_->failNext(3);
  EXPECT_TRUE(isFailure(client.setPage("key", other_), HICACHE_TRANSFER_FAILED, "writing object 'kv/key_m_0_1' in 'pages'"));
  EXPECT_TRUE(isOutcome(client.getPage("key", target_), HICACHE_HIT));
  EXPECT_EQ(target_, page_);
}

TEST_F(ObjectFailureTest, shouldSpoilNoNeighbour) {
  StoreClient& client = openObjects({{"lanes", "1"}});
  client.set({{"a", page_}, {"c", other_}});
  const PageMemory first(kBytes);
  const PageMemory second(kBytes);
  const std::vector<PageResult> results = client.get({{"a", first}, {"b", target_}, {"c", second}});
  EXPECT_TRUE(isOutcome(results[0], HICACHE_HIT));
  EXPECT_TRUE(isOutcome(results[1], HICACHE_MISS));
  EXPECT_TRUE(isOutcome(results[2], HICACHE_HIT));
  EXPECT_EQ(first, page_);
  EXPECT_EQ(second, other_);
  EXPECT_EQ(target_, untouched_);
  EXPECT_EQ(client.describedNumber("object_failures"), 0) << "a miss is no failure";
}

TEST_F(ObjectFailureTest, shouldLeaveADeadServerAloneAndComeBack) {
  StoreClient& client = openObjects({{"breaker_failures", "4"}, {"breaker_pause", "300"}, {"retry_attempts", "2"}});
  client.setPage("key", page_);
  bucket_->failNext(1000);
  EXPECT_TRUE(isFailure(client.getPage("key", target_), HICACHE_TRANSFER_FAILED));
  EXPECT_EQ(client.described("breaker"), "closed");
  EXPECT_TRUE(isFailure(client.getPage("key", target_), HICACHE_TRANSFER_FAILED));
  EXPECT_EQ(client.described("breaker"), "open");
  EXPECT_EQ(client.describedNumber("breaker_openings"), 1);
  const int64_t requests = bucket_->requests();
  EXPECT_TRUE(isFailure(client.getPage("key", target_), HICACHE_BACKEND_UNAVAILABLE, "has failed too often"));
  EXPECT_EQ(bucket_->requests(), requests) << "a server that is left alone was asked";

  std::this_thread::sleep_for(std::chrono::milliseconds(320));
  EXPECT_FALSE(isOutcome(client.getPage("key", target_), HICACHE_HIT));
  EXPECT_EQ(bucket_->requests(), requests + 1) << "one is let through";
  EXPECT_EQ(client.described("breaker"), "open");

  bucket_->failNext(0);
  EXPECT_TRUE(soon([&] { return client.getPage("key", target_).outcome == HICACHE_HIT; }));
  EXPECT_EQ(target_, page_);
  EXPECT_EQ(client.described("breaker"), "closed");
  EXPECT_EQ(client.describedNumber("breaker_failures"), 0);
}

TEST_F(ObjectFailureTest, shouldTimeOutWhatHangsAndKeepItsMemoryApart) {
  StoreClient& client = openObjects({{"lanes", "1"}, {"breaker_failures", "2"}, {"breaker_pause", "100"}});
  client.set({{"a", page_}, {"b", page_}});
  nixl_->hold();
  const int64_t batch = client.submit(Operation::kGet, {{"a", target_}, {"b", other_}}, 200);
  ASSERT_TRUE(client.waitFor(batch, HICACHE_EVENT_COMPLETED));
  for (const PageResult& result : client.resultsOf(batch)) EXPECT_TRUE(isFailure(result, HICACHE_TIMEOUT));
  EXPECT_EQ(client.described("breaker"), "open") << "what is not answered in time counts as failed";
  nixl_->letGo();
  ASSERT_TRUE(client.waitFor(batch, HICACHE_EVENT_RELEASED));
  EXPECT_EQ(target_, untouched_) << "a late answer went to the target";
  EXPECT_TRUE(soon([&] { return client.getPage("a", target_).outcome == HICACHE_HIT; }));
  EXPECT_EQ(target_, page_);
}

TEST_F(ObjectFailureTest, shouldRefuseAServerAtOpenWithTheReason) {
  bucket_->failNext(2, "SignatureDoesNotMatch");
  EXPECT_ERROR(openObjects(), HICACHE_BACKEND_UNAVAILABLE, "the server answers SignatureDoesNotMatch");
  bucket_->failNext(2);
  EXPECT_ERROR(openObjects(), HICACHE_BACKEND_UNAVAILABLE, "no answer from the server");
  nixl_->lie(FaultyNixl::Lie::kFlipsAByte);
  EXPECT_ERROR(openObjects(), HICACHE_BACKEND_UNAVAILABLE, "read other bytes");
  nixl_->lie(FaultyNixl::Lie::kNone);
  StoreClient& client = openObjects();
  EXPECT_TRUE(bucket_->get(client.described("probe_object")).has_value());
}

TEST_F(ObjectFailureTest, shouldAskAzureWhetherAnObjectIsThere) {
  bucket_->keepAnswersSecret();
  Settings settings;
  settings.add("backend", "AZURE_BLOB");
  settings.add("plugin.container_name", "pages");
  settings.add("plugin.connection_string",
               "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=k;BlobEndpoint=http://127.0.0.1:9/a;");
  StoreClient& client = open(StoreConfig::parse(settings));
  EXPECT_TRUE(isOutcome(client.getPage("key", target_), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.findPage("key"), HICACHE_MISS));
  EXPECT_TRUE(isOutcome(client.setPage("key", page_), HICACHE_STORED));
  EXPECT_TRUE(isOutcome(client.getPage("key", target_), HICACHE_HIT));
  EXPECT_EQ(target_, page_);
}

TEST_F(ObjectFailureTest, shouldKnowABackendHoweverItIsSpelled) {
  Settings settings;
  settings.add("backend", "azure_blob");
  settings.add("plugin.container_name", "pages");
  settings.add("plugin.connection_string", "AccountName=a;AccountKey=k;BlobEndpoint=http://127.0.0.1:9/a;");
  StoreClient& client = open(StoreConfig::parse(settings));
  EXPECT_EQ(client.described("backend"), "AZURE_BLOB");
  EXPECT_EQ(client.described("object_endpoint"), "http://127.0.0.1:9");
  EXPECT_EQ(client.described("object_bucket"), "pages");
}

// Every call of NIXL that a set, a get and a look make, failing one after the other.
TEST_F(ObjectFailureTest, shouldSurviveEveryFailingCallOfNixl) {
  StoreClient& client = openObjects({{"lanes", "1"}, {"retry_attempts", "1"}, {"breaker_failures", "0"}});
  client.setPage("kept", page_);
  for (int64_t nth = 1;; ++nth) {
    nixl_->failCall(nth);
    const PageResult set = client.setPage("key", other_);
    const PageResult get = client.getPage("kept", target_);
    const PageResult look = client.findPage("kept");
    const bool failed = nixl_->hasFailed();
    nixl_->failCall(0);
    EXPECT_TRUE(set.outcome == HICACHE_STORED || set.outcome == HICACHE_FAILED);
    if (get.outcome == HICACHE_HIT) {
      EXPECT_EQ(target_, page_);
    }
    EXPECT_TRUE(get.outcome == HICACHE_HIT || get.outcome == HICACHE_FAILED);
    EXPECT_TRUE(look.outcome == HICACHE_HIT || look.outcome == HICACHE_FAILED);
    if (!failed) {
      EXPECT_GT(nth, 10);
      break;
    }
  }
  EXPECT_TRUE(isOutcome(client.getPage("kept", target_), HICACHE_HIT));
}

}  // namespace
}  // namespace hicache
