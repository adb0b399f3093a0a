// SPDX-License-Identifier: Apache-2.0
//
// The parts of the layout objects: header, answers, endpoint, breaker, settings.
#include <gtest/gtest.h>

#include <thread>

#include "circuit_breaker.h"
#include "object_answer.h"
#include "object_endpoint.h"
#include "object_header.h"
#include "store_fixture.h"

namespace hicache {
namespace {

using std::chrono::milliseconds;
using Bytes = std::array<uint8_t, ObjectHeader::kBytes>;

TEST(ObjectHeaderTest, shouldComeBackAsItWas) {
  ObjectHeader header;
  header.seal.length = 123456789;
  header.seal.checksum = 42;
  header.seal.name_hash = 7;
  header.seal.shape.dtype = 5;
  header.seal.shape.rank = HICACHE_RANK_MAX;
  header.seal.shape.dims.fill(INT64_MAX);
  for (size_t key_bytes : {size_t{0}, size_t{1}, ObjectHeader::kKeyBytesMax}) {
    header.key = std::string(key_bytes, 'k');
    Bytes bytes;
    header.encode(bytes.data());
    ObjectHeader read;
    ASSERT_TRUE(ObjectHeader::decode(bytes.data(), bytes.size(), &read));
    EXPECT_EQ(read.key, header.key);
    EXPECT_EQ(read.seal.length, header.seal.length);
    EXPECT_EQ(read.seal.checksum, header.seal.checksum);
    EXPECT_EQ(read.seal.name_hash, header.seal.name_hash);
    EXPECT_EQ(read.seal.shape, header.seal.shape);
  }
  header.key = std::string(ObjectHeader::kKeyBytesMax + 1, 'k');
  Bytes bytes;
  header.encode(bytes.data());
  ObjectHeader read;
  ASSERT_TRUE(ObjectHeader::decode(bytes.data(), bytes.size(), &read));
  EXPECT_EQ(read.key, "") << "a key that does not fit is left out";
}

TEST(ObjectHeaderTest, shouldRefuseEveryFlippedBit) {
  Bytes bytes;
  ObjectHeader header;
  header.key = "key";
  header.encode(bytes.data());
  ObjectHeader read;
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(ObjectHeader::decode(bytes.data(), bytes.size(), &read)) << "bit " << bit;
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1 << bit % 8));
  }
  EXPECT_FALSE(ObjectHeader::decode(bytes.data(), bytes.size() - 1, &read));
}

TEST(ObjectAnswerTest, shouldReadTheServersWord) {
  using Kind = ObjectAnswer::Kind;
  auto of = [](const std::string& text) { return ObjectAnswer::of(text.data(), text.size()); };
  EXPECT_EQ(of("<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>no").kind, Kind::kAbsent);
  EXPECT_EQ(of("<Error xmlns=\"x\">\n  <Code>InvalidRange</Code>").kind, Kind::kEmpty);
  EXPECT_EQ(of("<Error><Code>AccessDenied</Code>").kind, Kind::kRefused);
  EXPECT_EQ(of("<Error><Code>SlowDown</Code>").code, "SlowDown");
  EXPECT_EQ(of("<Error><Code>SlowDown</Code>").kind, Kind::kFailed);
  for (const char* text : {"", "<Error>", "<Error><Code>", "<Code>NoSuchKey</Code>", "<Error><Code></Code>", "<html>404</html>",
                           "<Error><Code>No <b>such</b> key</Code>"}) {
    EXPECT_EQ(of(text).kind, Kind::kNone) << text;
  }
}

// Set for its lifetime.
class EnvironmentVariable {
 public:
  EnvironmentVariable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~EnvironmentVariable() { ::unsetenv(name_); }

 private:
  const char* const name_;
};

std::string serverOf(const PluginParams& params, bool allow_http = false, const std::string& plugin = "OBJ") {
  return ObjectEndpoint::of(plugin, params, allow_http, 16).server;
}

TEST(ObjectEndpointTest, shouldKnowTheServer) {
  EXPECT_EQ(serverOf({{"endpoint_override", "http://127.0.0.1:7070"}}), "http://127.0.0.1:7070");
  EXPECT_EQ(serverOf({{"endpoint_override", "localhost:7070"}, {"scheme", "http"}}), "http://localhost:7070");
  EXPECT_EQ(serverOf({{"endpoint_override", "http://[::1]:7070/path"}}), "http://[::1]:7070");
  EXPECT_EQ(serverOf({{"endpoint_override", "https://user:word@s3.example.org/"}}), "https://s3.example.org");
  EXPECT_EQ(serverOf({{"region", "eu-central-1"}}), "https://s3.eu-central-1.amazonaws.com");
  EXPECT_EQ(serverOf({{"connection_string", "AccountName=a;AccountKey=k"}}, false, "AZURE_BLOB"),
            "https://a.blob.core.windows.net");
}

TEST(ObjectEndpointTest, shouldTellNixlOfTheEndpointInTheEnvironment) {
  const EnvironmentVariable variable("AWS_ENDPOINT_OVERRIDE", "http://127.0.0.1:7071");
  const ObjectEndpoint endpoint = ObjectEndpoint::of("OBJ", {}, false, 16);
  EXPECT_EQ(endpoint.server, "http://127.0.0.1:7071");
  EXPECT_EQ(endpoint.params.at("endpoint_override"), "http://127.0.0.1:7071");
  EXPECT_EQ(serverOf({{"endpoint_override", "http://127.0.0.1:7072"}}), "http://127.0.0.1:7072");
  const PluginParams azure = {{"connection_string", "AccountName=a;AccountKey=k"}};
  EXPECT_FALSE(ObjectEndpoint::of("AZURE_BLOB", azure, false, 16).params.contains("endpoint_override"));
}

TEST(ObjectEndpointTest, shouldRefuseHttpToOtherMachinesUnlessAllowed) {
  for (const char* endpoint :
       {"http://10.0.0.1:80", "http://s3.example.org", "http://127.example.org", "http://localhost.example.org"}) {
    EXPECT_ERROR(serverOf({{"endpoint_override", endpoint}}), HICACHE_INVALID_ARGUMENT, "in the clear");
    EXPECT_EQ(serverOf({{"endpoint_override", endpoint}}, true), endpoint);
  }
  EXPECT_ERROR(serverOf({{"scheme", "http"}}), HICACHE_INVALID_ARGUMENT, "allow_http");
  EXPECT_ERROR(serverOf({{"endpoint_override", "ftp://127.0.0.1"}}), HICACHE_INVALID_ARGUMENT, "must begin with http");
  EXPECT_ERROR(serverOf({{"connection_string", "BlobEndpoint=http://10.0.0.1/a"}}, false, "AZURE_BLOB"),
               HICACHE_INVALID_ARGUMENT, "allow_http");
}

TEST(ObjectEndpointTest, shouldFindTheCertificatesOfHttps) {
  EXPECT_ERROR(serverOf({{"ca_bundle", "/nowhere.pem"}}), HICACHE_INVALID_ARGUMENT, "cannot be read");
  const PluginParams params = ObjectEndpoint::of("OBJ", {}, false, 16).params;
  EXPECT_TRUE(params.contains("ca_bundle"));
  EXPECT_EQ(params.at("num_threads"), "16");
  EXPECT_FALSE(
      ObjectEndpoint::of("OBJ", {{"endpoint_override", "http://127.0.0.1:1"}}, false, 16).params.contains("ca_bundle"));
}

TEST(CircuitBreakerTest, shouldOpenAfterFailuresInARowOnly) {
  CircuitBreaker breaker(3, milliseconds(50));
  breaker.failed(2);
  breaker.succeeded();
  breaker.failed(2);
  EXPECT_TRUE(breaker.admits());
  breaker.failed();
  EXPECT_FALSE(breaker.admits());
  EXPECT_STREQ(breaker.state(), "open");
  EXPECT_GT(breaker.remaining().count(), 0);
}

TEST(CircuitBreakerTest, shouldLetOneThroughAndWaitTwiceAsLongAfterItsFailure) {
  CircuitBreaker breaker(1, milliseconds(50));
  breaker.failed();
  std::this_thread::sleep_for(milliseconds(60));
  EXPECT_TRUE(breaker.admits());
  EXPECT_STREQ(breaker.state(), "half_open");
  EXPECT_FALSE(breaker.admits()) << "a second one while the first is under way";
  breaker.failed();
  EXPECT_GT(breaker.remaining().count(), 50);
  std::this_thread::sleep_for(milliseconds(110));
  EXPECT_TRUE(breaker.admits());
  breaker.succeeded();
  EXPECT_STREQ(breaker.state(), "closed");
  EXPECT_EQ(breaker.openings(), 1);
}

TEST(CircuitBreakerTest, shouldLetAnotherThroughWhenNobodyTellsOfTheFirst) {
  CircuitBreaker breaker(1, milliseconds(20));
  breaker.failed();
  std::this_thread::sleep_for(milliseconds(25));
  EXPECT_TRUE(breaker.admits());
  std::this_thread::sleep_for(milliseconds(25));
  EXPECT_TRUE(breaker.admits());
}

TEST(CircuitBreakerTest, shouldNeverOpenWhenSwitchedOff) {
  CircuitBreaker breaker(0, milliseconds(50));
  breaker.failed(1000);
  EXPECT_TRUE(breaker.admits());
}

StoreConfig parsed(const SettingPairs& pairs) {
  Settings settings;
  for (const auto& [name, value] : pairs) settings.add(name, value);
  return StoreConfig::parse(settings);
}

TEST(ObjectSettingsTest, shouldFollowTheBackend) {
  EXPECT_EQ(parsed({{"backend", "OBJ"}}).layout, Layout::kObjects);
  EXPECT_EQ(parsed({{"backend", "azure_blob"}}).layout, Layout::kObjects);
  EXPECT_EQ(parsed({{"storage_dir", "/d"}}).layout, Layout::kFiles);
  EXPECT_EQ(parsed({{"layout", "objects"}}).backend.storage, MemoryType::kObject);
}

TEST(ObjectSettingsTest, shouldRefuseWhatMakesNoSense) {
  EXPECT_ERROR(parsed({{"backend", "OBJ"}, {"storage_dir", "/d"}}), HICACHE_INVALID_ARGUMENT,
               "layout objects keeps pages in a bucket");
  EXPECT_ERROR(parsed({{"backend", "OBJ"}, {"layout", "files"}}), HICACHE_INVALID_ARGUMENT, "storage_dir: none given");
  EXPECT_ERROR(parsed({{"object_format", "sealed!"}}), HICACHE_INVALID_ARGUMENT, "sealed or raw");
  EXPECT_ERROR(parsed({{"retry_attempts", "0"}}), HICACHE_INVALID_ARGUMENT, "retry_attempts");
  EXPECT_ERROR(parsed({{"breaker_pause", "0"}}), HICACHE_INVALID_ARGUMENT, "breaker_pause");
  EXPECT_ERROR(parsed({{"layout", "buckets"}}), HICACHE_INVALID_ARGUMENT, "files, segments or objects");
}

}  // namespace
}  // namespace hicache
