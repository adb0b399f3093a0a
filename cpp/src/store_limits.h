// SPDX-License-Identifier: Apache-2.0
//
// How much a store may keep, how full its disks may get, and for how long a page lives: the settings of these names, checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace hicache {

// A share at which eviction begins, and down to which it goes; each of 0..1.
struct Watermarks {
  double high = 0;
  double low = 0;
};

struct Limits {
  int64_t capacity_bytes = 0;             // of all base directories together; 0: none
  Watermarks of_capacity = {0.90, 0.80};  // of capacity_bytes
  std::optional<Watermarks> of_file_system;
  std::optional<int64_t> min_free_bytes;  // nothing: the smaller of 1 GiB and 2 % of the file system
  int64_t ttl_seconds = 0;                // 0: a page lives for ever
  bool evicts = false;

  // True when the bytes of the pages have to be known.
  bool counts() const { return capacity_bytes > 0 || evicts; }
  int64_t highBytes() const { return static_cast<int64_t>(static_cast<double>(capacity_bytes) * of_capacity.high); }
  int64_t lowBytes() const { return static_cast<int64_t>(static_cast<double>(capacity_bytes) * of_capacity.low); }
};

// Collects the settings one by one. SGLang's keys mean what they mean there: any of them switches eviction on unless
// l3_cleaner_enabled is false; with l3_cleaner_capacity_gb the watermarks are of that capacity, else of the file system.
class LimitSettings {
 public:
  // False when the name is none of these settings. Throws INVALID_ARGUMENT.
  bool take(const std::string& name, const std::string& value);
  // Throws INVALID_ARGUMENT for settings that contradict each other.
  Limits checked() const;

 private:
  std::optional<int64_t> capacity_bytes_;
  std::optional<int64_t> capacity_of_gb_;
  std::optional<bool> enabled_;
  std::optional<double> high_;
  std::optional<double> low_;
  std::optional<int64_t> min_free_bytes_;
  int64_t ttl_seconds_ = 0;
};

}  // namespace hicache
