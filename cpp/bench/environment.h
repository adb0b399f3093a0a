// SPDX-License-Identifier: Apache-2.0
//
// Where a report was measured: the machine, the directories and what the store made of them.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace hicache::bench {

using Json = nlohmann::ordered_json;

// described: what hicache_store_describe says.
Json environmentOf(const std::map<std::string, std::string>& described);

}  // namespace hicache::bench
