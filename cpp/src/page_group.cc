// SPDX-License-Identifier: Apache-2.0
#include "page_group.h"

#include <algorithm>

#include "checksum.h"
#include "key_codec.h"

namespace hicache {
namespace {

constexpr size_t kPageKeyDigits = 64;

bool isDigit(char c) { return c >= '0' && c <= '9'; }

void dropComponent(std::string_view* name) {
  // The longest, so that _swa_k goes as a whole; something of the name stays.
  for (size_t at = name->find('_', 1); at != std::string_view::npos; at = name->find('_', at + 1)) {
    if (!isComponent(name->substr(at))) continue;
    name->remove_suffix(name->size() - at);
    return;
  }
}

// "_" and at least one digit at the end.
bool dropNumber(std::string_view* name) {
  size_t digits = 0;
  while (digits < name->size() && isDigit((*name)[name->size() - 1 - digits])) ++digits;
  if (digits == 0 || digits + 1 >= name->size() || (*name)[name->size() - 1 - digits] != '_') return false;
  name->remove_suffix(digits + 1);
  return true;
}

}  // namespace

bool startsWithPageKey(std::string_view name) {
  auto is_hex = [](char c) { return isDigit(c) || (c >= 'a' && c <= 'f'); };
  return name.size() >= kPageKeyDigits && std::all_of(name.begin(), name.begin() + kPageKeyDigits, is_hex);
}

std::string groupKeyOf(std::string_view name) {
  dropComponent(&name);
  std::string_view rest = name;
  if (dropNumber(&rest) && dropNumber(&rest)) name = rest;
  if (!startsWithPageKey(name)) return std::string(name);
  std::string_view tail = name.substr(kPageKeyDigits);
  if (tail.starts_with("_k_") || tail.starts_with("_v_")) tail.remove_prefix(2);
  return std::string(name.substr(0, kPageKeyDigits)) + std::string(tail);
}

uint64_t groupOf(std::string_view name) {
  const std::string key = groupKeyOf(name);
  return checksum(key.data(), key.size());
}

}  // namespace hicache
