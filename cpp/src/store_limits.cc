// SPDX-License-Identifier: Apache-2.0
#include "store_limits.h"

#include <algorithm>

#include "error.h"
#include "setting_values.h"

namespace hicache {
namespace {

constexpr int64_t kBytesMax = int64_t{1} << 60;
constexpr double kGigabyte = 1 << 30;  // as SGLang counts
constexpr double kHighDefault = 80;    // percent, SGLang's
constexpr double kLowDefault = 70;

}  // namespace

bool LimitSettings::take(const std::string& name, const std::string& value) {
  if (name == "capacity_bytes") {
    capacity_bytes_ = toInteger(name, value, 0, kBytesMax);
  } else if (name == "l3_cleaner_capacity_gb") {
    double gigabytes = toNumber(name, value, 0, static_cast<double>(kBytesMax) / kGigabyte);
    capacity_of_gb_ = std::max<int64_t>(static_cast<int64_t>(gigabytes * kGigabyte), 1);
  } else if (name == "l3_cleaner_enabled") {
    enabled_ = toBool(name, value);
  } else if (name == "l3_cleaner_high_watermark") {
    high_ = toNumber(name, value, 0, 100);
  } else if (name == "l3_cleaner_low_watermark") {
    low_ = toNumber(name, value, 0, 100);
  } else if (name == "min_free_bytes") {
    min_free_bytes_ = toInteger(name, value, 0, kBytesMax);
  } else if (name == "ttl_seconds") {
    ttl_seconds_ = toInteger(name, value, 0, INT32_MAX);
  } else {
    return false;
  }
  return true;
}

Limits LimitSettings::checked() const {
  if (capacity_of_gb_ && capacity_bytes_.value_or(0) > 0) {
    throw Error(HICACHE_INVALID_ARGUMENT, "capacity_bytes and l3_cleaner_capacity_gb are the same limit; keep one");
  }
  double high = high_.value_or(kHighDefault);
  double low = low_.value_or(kLowDefault);
  if (low >= high) {
    throw Error(HICACHE_INVALID_ARGUMENT, "l3_cleaner_low_watermark = " + std::to_string(low) + ": must be below " +
                                              "l3_cleaner_high_watermark, which is " + std::to_string(high));
  }
  Limits limits;
  limits.capacity_bytes = capacity_of_gb_.value_or(capacity_bytes_.value_or(0));
  limits.min_free_bytes = min_free_bytes_;
  limits.ttl_seconds = ttl_seconds_;
  bool by_cleaner = high_ || low_ || capacity_of_gb_ || enabled_;
  limits.evicts = enabled_.value_or(by_cleaner || limits.capacity_bytes > 0 || ttl_seconds_ > 0);
  if (capacity_of_gb_) {
    limits.of_capacity = {high / 100, low / 100};
  } else if (limits.evicts && (high_ || low_ || (by_cleaner && limits.capacity_bytes == 0))) {
    limits.of_file_system = {high / 100, low / 100};
  }
  return limits;
}

}  // namespace hicache
