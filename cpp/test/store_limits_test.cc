// SPDX-License-Identifier: Apache-2.0
#include "store_limits.h"

#include "store_fixture.h"

namespace hicache {
namespace {

Limits parsed(const SettingPairs& pairs) {
  LimitSettings settings;
  for (const auto& [name, value] : pairs) {
    if (!settings.take(name, value)) throw std::invalid_argument(name);
  }
  return settings.checked();
}

TEST(LimitsTest, shouldNeitherCountNorEvictUnlessTold) {
  const Limits limits = parsed({});
  EXPECT_EQ(limits.capacity_bytes, 0);
  EXPECT_FALSE(limits.of_file_system.has_value());
  EXPECT_FALSE(limits.min_free_bytes.has_value());
  EXPECT_EQ(limits.ttl_seconds, 0);
  EXPECT_FALSE(limits.evicts);
  EXPECT_FALSE(limits.counts());
  EXPECT_FALSE(parsed({{"min_free_bytes", "5"}, {"capacity_bytes", "0"}}).counts());
  EXPECT_FALSE(parsed({{"l3_cleaner_enabled", "false"}, {"ttl_seconds", "5"}}).counts());
}

TEST(LimitsTest, shouldEvictBetweenNinetyAndEightyPercentOfACapacity) {
  const Limits limits = parsed({{"capacity_bytes", "1000"}});
  EXPECT_TRUE(limits.evicts);
  EXPECT_EQ(limits.highBytes(), 900);
  EXPECT_EQ(limits.lowBytes(), 800);
  EXPECT_FALSE(limits.of_file_system.has_value());
  EXPECT_TRUE(parsed({{"ttl_seconds", "1"}}).evicts);
  const Limits off = parsed({{"capacity_bytes", "1000"}, {"l3_cleaner_enabled", "false"}});
  EXPECT_FALSE(off.evicts);
  EXPECT_TRUE(off.counts()) << "the capacity holds all the same";
}

// SGLang's test_nixl_config_parses_l3_cleaner_options and test_nixl_config_parses_l3_cleaner_capacity.
TEST(LimitsTest, shouldTakeSglangsKeysAsSglangDoes) {
  const Limits on = parsed({{"l3_cleaner_enabled", "true"}});
  EXPECT_TRUE(on.evicts);
  ASSERT_TRUE(on.of_file_system.has_value());
  EXPECT_DOUBLE_EQ(on.of_file_system->high, 0.8);
  EXPECT_DOUBLE_EQ(on.of_file_system->low, 0.7);
  const Limits marks = parsed({{"l3_cleaner_high_watermark", "85"}, {"l3_cleaner_low_watermark", "75.5"}});
  EXPECT_TRUE(marks.evicts);
  EXPECT_DOUBLE_EQ(marks.of_file_system->high, 0.85);
  EXPECT_DOUBLE_EQ(marks.of_file_system->low, 0.755);
  const Limits capacity = parsed({{"l3_cleaner_capacity_gb", "1.5"}, {"l3_cleaner_high_watermark", "90"}});
  EXPECT_EQ(capacity.capacity_bytes, int64_t{3} << 29);
  EXPECT_DOUBLE_EQ(capacity.of_capacity.high, 0.9);
  EXPECT_DOUBLE_EQ(capacity.of_capacity.low, 0.7);
  EXPECT_FALSE(capacity.of_file_system.has_value()) << "the watermarks are the capacity's";
  EXPECT_GT(parsed({{"l3_cleaner_capacity_gb", "1e-12"}}).capacity_bytes, 0) << "the smallest capacity is not none";
  const Limits off = parsed({{"l3_cleaner_enabled", "false"}, {"l3_cleaner_high_watermark", "85"}});
  EXPECT_FALSE(off.evicts);
  EXPECT_FALSE(off.of_file_system.has_value());
  const Limits both = parsed({{"capacity_bytes", "1000"}, {"l3_cleaner_low_watermark", "50"}});
  EXPECT_EQ(both.highBytes(), 900) << "the watermarks are the file system's";
  EXPECT_DOUBLE_EQ(both.of_file_system->low, 0.5);
  EXPECT_FALSE(parsed({{"capacity_bytes", "1000"}, {"l3_cleaner_enabled", "true"}}).of_file_system.has_value());
}

// SGLang's test_rejects_non_positive_capacity and test_nixl_config_rejects_non_boolean_l3_cleaner_enabled.
TEST(LimitsTest, shouldRefuseWhatCannotBe) {
  struct Bad {
    const char* name;
    const char* value;
    const char* allowed;
  };
  const std::vector<Bad> bad = {
      {"capacity_bytes", "-1", "a whole number in 0..1152921504606846976"},
      {"capacity_bytes", "1GiB", "a whole number"},
      {"min_free_bytes", "-1", "a whole number in 0.."},
      {"ttl_seconds", "-1", "a whole number in 0..2147483647"},
      {"ttl_seconds", "1.5", "a whole number"},
      {"l3_cleaner_enabled", "1", "true or false"},
      {"l3_cleaner_enabled", "False", "true or false"},
      {"l3_cleaner_high_watermark", "0", "a number above 0, up to 100"},
      {"l3_cleaner_high_watermark", "100.1", "a number above 0, up to 100"},
      {"l3_cleaner_high_watermark", "nan", "a number above 0, up to 100"},
      {"l3_cleaner_low_watermark", "x", "a number above 0, up to 100"},
      {"l3_cleaner_capacity_gb", "0", "a number above 0"},
      {"l3_cleaner_capacity_gb", "-1", "a number above 0"},
      {"l3_cleaner_capacity_gb", "inf", "a number above 0"},
  };
  for (const Bad& each : bad) {
    EXPECT_ERROR(parsed({{each.name, each.value}}), HICACHE_INVALID_ARGUMENT,
                 std::string(each.name) + " = '" + each.value + "': must be " + each.allowed);
  }
  EXPECT_ERROR(parsed({{"l3_cleaner_high_watermark", "70"}}), HICACHE_INVALID_ARGUMENT, "must be below");
  EXPECT_ERROR(parsed({{"l3_cleaner_low_watermark", "90"}}), HICACHE_INVALID_ARGUMENT, "l3_cleaner_low_watermark = 90");
  EXPECT_ERROR(parsed({{"capacity_bytes", "5"}, {"l3_cleaner_capacity_gb", "5"}}), HICACHE_INVALID_ARGUMENT, "the same limit");
  EXPECT_NO_THROW(parsed({{"capacity_bytes", "0"}, {"l3_cleaner_capacity_gb", "5"}}));
}

}  // namespace
}  // namespace hicache
