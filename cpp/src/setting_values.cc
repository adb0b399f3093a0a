// SPDX-License-Identifier: Apache-2.0
#include "setting_values.h"

#include <charconv>
#include <sstream>

#include "error.h"

namespace hicache {

void refuseSetting(const std::string& name, const std::string& value, const std::string& allowed) {
  throw Error(HICACHE_INVALID_ARGUMENT, name + " = '" + value + "': must be " + allowed);
}

bool toBool(const std::string& name, const std::string& value) {
  if (value == "true") return true;
  if (value == "false") return false;
  refuseSetting(name, value, "true or false");
}

int64_t toInteger(const std::string& name, const std::string& value, int64_t low, int64_t high) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < low || number > high) {
    refuseSetting(name, value, "a whole number in " + std::to_string(low) + ".." + std::to_string(high));
  }
  return number;
}

double toNumber(const std::string& name, const std::string& value, double low, double high) {
  double number = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || !(number > low) || !(number <= high)) {
    std::ostringstream allowed;
    allowed << "a number above " << low << ", up to " << high;
    refuseSetting(name, value, allowed.str());
  }
  return number;
}

}  // namespace hicache
