// SPDX-License-Identifier: Apache-2.0
//
// Checks of text that show it when they fail.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace hicache::bench {

inline testing::AssertionResult holds(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess() << "'" << part << "' is in: " << text;
  return testing::AssertionFailure() << "'" << part << "' is not in: " << text;
}

inline testing::AssertionResult holds(const std::vector<std::pair<std::string, std::string>>& settings, const std::string& name,
                                      const std::string& value) {
  if (std::find(settings.begin(), settings.end(), std::pair(name, value)) != settings.end()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << name << " = " << value << " is not among the settings";
}

}  // namespace hicache::bench
