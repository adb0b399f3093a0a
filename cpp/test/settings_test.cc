// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#include <gtest/gtest.h>

#include "store_fixture.h"

namespace hicache {
namespace {

Settings settingsOf(const std::string& blob) {
  return Settings(reinterpret_cast<const int8_t*>(blob.data()), static_cast<int64_t>(blob.size()));
}

StoreConfig parsed(const SettingPairs& pairs) {
  Settings settings;
  settings.add("storage_dir", "/data");
  for (const auto& [name, value] : pairs) settings.add(name, value);
  return StoreConfig::parse(settings);
}

TEST(SettingsTest, shouldReadWhatItWrote) {
  Settings written;
  written.add("storage_dir", "/a b");
  written.add("storage_dir", "");
  written.add("model", "Größe/漢");
  const std::string blob = written.encode();
  EXPECT_EQ(settingsOf(blob).pairs(), written.pairs());
  EXPECT_EQ(settingsOf("").pairs().size(), 0u);
  EXPECT_EQ(Settings(nullptr, 100).pairs().size(), 0u);
  EXPECT_EQ(Settings(reinterpret_cast<const int8_t*>(blob.data()), -1).pairs().size(), 0u);
}

TEST(SettingsTest, shouldRefuseABlobThatIsNotMadeOfPairs) {
  const std::string good("backend\0auto\0", 13);
  for (size_t length = 1; length < good.size(); ++length) {
    EXPECT_ERROR(settingsOf(good.substr(0, length)), HICACHE_INVALID_ARGUMENT, "name NUL value NUL");
  }
  EXPECT_ERROR(settingsOf(good + std::string("x\0", 2)), HICACHE_INVALID_ARGUMENT, "name NUL value NUL");
}

TEST(SettingsTest, shouldHaveTheDefaultsThatTheHeaderStates) {
  const StoreConfig config = parsed({});
  EXPECT_EQ(config.storage_directories, std::vector<std::string>{"/data"});
  EXPECT_EQ(config.backend.backend, "auto");
  EXPECT_EQ(config.backend.storage, MemoryType::kFile);
  EXPECT_TRUE(config.naming.bucketed);
  EXPECT_EQ(config.naming.model, "");
  EXPECT_EQ(config.naming.tp_rank, 0);
  EXPECT_EQ(config.naming.tp_size, 1);
  EXPECT_FALSE(config.naming.mla);
  EXPECT_EQ(config.naming.namespace_digest, "");
  EXPECT_STREQ(config.naming.word(), "sglang");
  EXPECT_TRUE(config.direct_io);
  EXPECT_TRUE(config.verify_checksum);
  EXPECT_TRUE(config.remove_corrupt);
  EXPECT_EQ(config.limits.capacity_bytes, 0);
  EXPECT_FALSE(config.limits.evicts);
  EXPECT_EQ(config.lanes, 0);
  EXPECT_EQ(config.chunk_pages, 32);
  EXPECT_EQ(config.chunk_bytes, 0);
  EXPECT_EQ(config.request_bytes, 0);
  EXPECT_EQ(config.chunks_in_flight, 0);
  EXPECT_EQ(config.close_timeout_millis, 5000);
}

TEST(SettingsTest, shouldTakeEveryGoodValue) {
  const StoreConfig config = parsed({{"storage_dir", "/more"},
                                     {"backend", "GDS_MT"},
                                     {"plugin.use_uring", "true"},
                                     {"layout", "files"},
                                     {"naming", "sglang-v0"},
                                     {"model", "meta/llama"},
                                     {"tp_rank", "2147483647"},
                                     {"tp_size", "2147483647"},
                                     {"mla", "true"},
                                     {"direct_io", "false"},
                                     {"checksum", "false"},
                                     {"lanes", "64"},
                                     {"chunk_pages", "4096"},
                                     {"chunk_bytes", "1099511627776"},
                                     {"request_bytes", "8192"},
                                     {"chunks_in_flight", "16"},
                                     {"close_timeout", "0"}});
  EXPECT_EQ(config.storage_directories, (std::vector<std::string>{"/data", "/more"}));
  EXPECT_EQ(config.backend.backend, "GDS_MT");
  EXPECT_EQ(config.backend.params, (PluginParams{{"use_uring", "true"}}));
  EXPECT_EQ(config.backend.descriptors_in_flight, 4096 * 16);
  EXPECT_FALSE(config.naming.bucketed);
  EXPECT_STREQ(config.naming.word(), "sglang-v0");
  EXPECT_EQ(config.naming.model, "meta/llama");
  EXPECT_EQ(config.naming.tp_rank, 2147483647);
  EXPECT_EQ(config.naming.tp_size, 2147483647);
  EXPECT_TRUE(config.naming.mla);
  EXPECT_FALSE(config.direct_io);
  EXPECT_FALSE(config.verify_checksum);
  EXPECT_EQ(config.lanes, 64);
  EXPECT_EQ(config.chunk_pages, 4096);
  EXPECT_EQ(config.chunk_bytes, int64_t{1} << 40);
  EXPECT_EQ(config.request_bytes, 8192);
  EXPECT_EQ(config.chunks_in_flight, 16);
  EXPECT_EQ(config.close_timeout_millis, 0);
  EXPECT_TRUE(parsed({{"direct_io", "true"}}).direct_io);
  EXPECT_TRUE(parsed({{"naming", "sglang"}}).naming.bucketed);
}

TEST(SettingsTest, shouldTakeANamespaceOnlyWithItsDigest) {
  const std::string digest = "0123456789abcdef0123456789abcdef";
  for (const SettingPairs& pairs : {SettingPairs{{"naming", "namespace"}, {"namespace_digest", digest}},
                                    SettingPairs{{"namespace_digest", digest}, {"naming", "namespace"}}}) {
    const Naming naming = parsed(pairs).naming;
    EXPECT_EQ(naming.namespace_digest, digest);
    EXPECT_TRUE(naming.bucketed);
    EXPECT_STREQ(naming.word(), "namespace");
  }
  EXPECT_ERROR(parsed({{"naming", "namespace"}}), HICACHE_INVALID_ARGUMENT, "namespace_digest: none given");
  EXPECT_ERROR(parsed({{"namespace_digest", digest}}), HICACHE_INVALID_ARGUMENT, "given with naming = sglang");
  EXPECT_ERROR(parsed({{"naming", "sglang-v0"}, {"namespace_digest", digest}}), HICACHE_INVALID_ARGUMENT,
               "given with naming = sglang-v0");
  EXPECT_ERROR(parsed({{"naming", "namespace"}, {"namespace_digest", digest}, {"naming", "sglang"}}), HICACHE_INVALID_ARGUMENT,
               "given with naming = sglang");
  const std::vector<std::string> bad_digests = {"",
                                                digest.substr(1),
                                                digest + "0",
                                                "g" + digest.substr(1),
                                                "/" + digest.substr(1),
                                                "A" + digest.substr(1),
                                                std::string(32, ' ')};
  for (const std::string& bad : bad_digests) {
    EXPECT_ERROR(parsed({{"naming", "namespace"}, {"namespace_digest", bad}}), HICACHE_INVALID_ARGUMENT,
                 "32 lowercase hexadecimal digits");
  }
}

TEST(SettingsTest, shouldRefuseEveryBadValueNamingTheSettingTheValueAndWhatIsAllowed) {
  struct Bad {
    const char* name;
    const char* value;
    const char* allowed;
  };
  const std::vector<Bad> bad = {
      {"storage_dir", "", "the path of a directory"},
      {"backend", "", "auto, 3FS"},
      {"layout", "buckets", "files, segments or objects"},
      {"segment_bytes", "1000000", "a multiple of 1048576"},
      {"segment_bytes", "-1", "0..1099511627776"},
      {"durability", "some", "none, data or full"},
      {"naming", "SGLang", "sglang, sglang-v0 or namespace"},
      {"mla", "yes", "true or false"},
      {"direct_io", "1", "true or false"},
      {"direct_io", "True", "true or false"},
      {"checksum", "", "true or false"},
      {"remove_corrupt", "no", "true or false"},
      {"capacity_bytes", "many", "a whole number"},
      {"tp_rank", "-1", "0..2147483647"},
      {"tp_size", "0", "1..2147483647"},
      {"tp_size", "2147483648", "1..2147483647"},
      {"lanes", "65", "0..64"},
      {"lanes", "two", "0..64"},
      {"lanes", "2 ", "0..64"},
      {"lanes", "+2", "0..64"},
      {"lanes", "2.0", "0..64"},
      {"chunk_pages", "0", "1..4096"},
      {"chunk_pages", "4097", "1..4096"},
      {"chunk_bytes", "4095", "at least 4096"},
      {"chunk_bytes", "99999999999999999999", "0..1099511627776"},
      {"request_bytes", "5000", "a multiple of 4096"},
      {"request_bytes", "-4096", "0..1099511627776"},
      {"chunks_in_flight", "65", "0..64"},
      {"close_timeout", "-5", "0..2147483647"},
  };
  for (const Bad& each : bad) {
    const std::string start = std::string(each.name) + " = '" + each.value + "'";
    EXPECT_ERROR(parsed({{each.name, each.value}}), HICACHE_INVALID_ARGUMENT, start);
    EXPECT_ERROR(parsed({{each.name, each.value}}), HICACHE_INVALID_ARGUMENT, each.allowed);
  }
}

TEST(SettingsTest, shouldRefuseAnUnknownName) {
  for (const char* name : {"storagedir", "Backend", "plugin.", "plugin", "", "memory", "probe_dir"}) {
    EXPECT_ERROR(parsed({{name, "true"}}), HICACHE_INVALID_ARGUMENT, "unknown setting '" + std::string(name) + "'");
  }
}

TEST(SettingsTest, shouldWantADirectory) {
  EXPECT_ERROR(StoreConfig::parse(Settings()), HICACHE_INVALID_ARGUMENT, "storage_dir");
}

TEST(SettingsTest, shouldRefuseMorePagesInFlightThanNixlHasSlotsFor) {
  EXPECT_ERROR(parsed({{"chunk_pages", "4096"}, {"chunks_in_flight", "17"}}), HICACHE_INVALID_ARGUMENT, "ios_pool_size");
  EXPECT_ERROR(parsed({{"plugin.ios_pool_size", "127"}}), HICACHE_INVALID_ARGUMENT, "at most 127");
  EXPECT_EQ(parsed({{"plugin.ios_pool_size", "128"}}).backend.descriptors_in_flight, 128);
  EXPECT_ERROR(parsed({{"plugin.ios_pool_size", "63"}}), HICACHE_INVALID_ARGUMENT, "plugin.ios_pool_size = '63'");
}

TEST(SettingsTest, shouldReadAnAgentsBackendRequest) {
  Settings settings;
  settings.add("backend", "POSIX");
  settings.add("plugin.use_uring", "true");
  settings.add("memory", "vram");
  settings.add("probe_dir", "/tmp");
  const BackendRequest request = parseBackendRequest(settings);
  EXPECT_EQ(request.backend, "POSIX");
  EXPECT_EQ(request.params, (PluginParams{{"use_uring", "true"}}));
  EXPECT_EQ(request.memory, MemoryType::kVram);
  EXPECT_EQ(request.probe_directory, "/tmp");
  EXPECT_FALSE(request.storage.has_value());
  EXPECT_EQ(parseBackendRequest(Settings()).memory, MemoryType::kDram);
  for (const auto& [name, value] : SettingPairs{{"memory", "gpu"}, {"memory", ""}, {"storage_dir", "/x"}, {"lanes", "1"}}) {
    Settings bad;
    bad.add(name, value);
    EXPECT_ERROR(parseBackendRequest(bad), HICACHE_INVALID_ARGUMENT, name);
  }
}

}  // namespace
}  // namespace hicache
