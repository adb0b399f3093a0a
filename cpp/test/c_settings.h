// SPDX-License-Identifier: Apache-2.0
//
// Text and settings as the C boundary takes them.
#pragma once

#include <cstdint>
#include <string>

#include "hicache_nixl.h"
#include "store_fixture.h"

namespace hicache {

inline const int8_t* bytesOf(const std::string& text) { return reinterpret_cast<const int8_t*>(text.data()); }

inline std::string settingsBlob(const SettingPairs& pairs) {
  Settings settings;
  for (const auto& [name, value] : pairs) settings.add(name, value);
  return settings.encode();
}

inline std::string messageOf(const hicache_error& error) { return reinterpret_cast<const char*>(error.message); }

// The value of a name in a settings blob; "(none)" where it is missing.
inline std::string valueIn(const std::string& blob, const std::string& name) {
  const Settings settings(bytesOf(blob), static_cast<int64_t>(blob.size()));
  for (const auto& [key, value] : settings.pairs()) {
    if (key == name) return value;
  }
  return "(none)";
}

// Checks a function that fills a buffer: it never writes beyond the capacity, and always says what it needs.
template <typename Fill>
std::string filled(Fill fill) {
  const int64_t needed = fill(nullptr, 0);
  std::string whole(static_cast<size_t>(needed), '\0');
  EXPECT_EQ(fill(reinterpret_cast<int8_t*>(whole.data()), needed), needed);
  for (int64_t capacity : {int64_t{0}, int64_t{1}, needed - 1, needed + 100}) {
    std::string room(static_cast<size_t>(needed) + 200, '#');
    EXPECT_EQ(fill(reinterpret_cast<int8_t*>(room.data()), capacity), needed);
    size_t written = static_cast<size_t>(std::min(capacity, needed));
    EXPECT_EQ(room.substr(0, written), whole.substr(0, written));
    EXPECT_EQ(room.find_first_not_of('#', written), std::string::npos) << "written beyond " << capacity << " bytes";
  }
  return whole;
}

}  // namespace hicache
