// SPDX-License-Identifier: Apache-2.0
//
// Which files belong to one logical page: all its components and ranks, as SGLang names them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hicache {

// A file name without its component (_k, _v, _<pool>, _<pool>_k, _<pool>_<i>, _mamba_temporal, ...), then without
// _<rank>_<size>; a component between a page key of 64 hexadecimal digits and the model goes too. Names that are ambiguous,
// such as those of a model called m_0_1, may share a group: their pages then leave together.
std::string groupKeyOf(std::string_view name);

// A 64-bit number for the group of a name.
uint64_t groupOf(std::string_view name);

// SGLang's page keys: a SHA-256 in hexadecimal, perhaps with more behind it.
bool startsWithPageKey(std::string_view name);

}  // namespace hicache
