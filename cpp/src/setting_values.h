// SPDX-License-Identifier: Apache-2.0
//
// Values of settings out of their text. Each throws INVALID_ARGUMENT naming the setting, its value, and what is allowed.
#pragma once

#include <cstdint>
#include <string>

namespace hicache {

[[noreturn]] void refuseSetting(const std::string& name, const std::string& value, const std::string& allowed);

bool toBool(const std::string& name, const std::string& value);
int64_t toInteger(const std::string& name, const std::string& value, int64_t low, int64_t high);
// A number above low, up to high.
double toNumber(const std::string& name, const std::string& value, double low, double high);

}  // namespace hicache
