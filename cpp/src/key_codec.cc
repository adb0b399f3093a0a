// SPDX-License-Identifier: Apache-2.0
#include "key_codec.h"

#include <blake2.h>

#include <algorithm>
#include <array>

#include "error.h"

namespace hicache {
namespace {

constexpr size_t kNameBytesMax = 255;  // NAME_MAX of every Linux file system in use
constexpr size_t kDigestBytes = 32;
constexpr std::string_view kDigestMark = "%h-";
constexpr size_t kDigestNameBytes = kDigestMark.size() + 2 * kDigestBytes;
constexpr std::string_view kNamespaceMark = "_ns-";
constexpr size_t kNamespaceDigits = 32;

template <size_t N>
std::array<uint8_t, N> blake2bOf(std::string_view text) {
  std::array<uint8_t, N> digest;
  blake2b(digest.data(), text.data(), nullptr, N, text.size(), 0);
  return digest;
}

void appendHex(std::string* out, uint8_t byte) {
  static const char kDigits[] = "0123456789abcdef";
  out->push_back(kDigits[byte >> 4]);
  out->push_back(kDigits[byte & 15]);
}

// Length of the well-formed UTF-8 sequence at the start of text, 0 when there is none.
size_t utf8Length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
    if (first == 0xED && byte(1) > 0x9F) return 0;  // surrogate
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

// Printable, well-formed, and one path component: no control characters, no slash.
bool isPlainText(std::string_view text) {
  while (!text.empty()) {
    size_t length = utf8Length(text);
    uint8_t first = static_cast<uint8_t>(text[0]);
    if (length == 0 || first < 0x20 || first == 0x7F || first == '/') return false;
    text.remove_prefix(length);
  }
  return true;
}

bool isNumber(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// SGLang's names of pools (PoolName).
constexpr std::string_view kPools[] = {"kv",
                                       "mamba",
                                       "swa",
                                       "auxiliary_swa",
                                       "indexer",
                                       "draft",
                                       "draft_indexer",
                                       "draft_swa",
                                       "deepseek_v4_c1",
                                       "deepseek_v4_c1_indexer",
                                       "deepseek_v4_c1_indexer_scale",
                                       "deepseek_v4_c2",
                                       "deepseek_v4_c2_indexer",
                                       "deepseek_v4_c2_indexer_scale",
                                       "deepseek_v4_c4",
                                       "deepseek_v4_c4_indexer",
                                       "deepseek_v4_c4_indexer_scale",
                                       "deepseek_v4_c128",
                                       "deepseek_v4_c4_rope",
                                       "deepseek_v4_c128_rope",
                                       "deepseek_v4_c4_state",
                                       "deepseek_v4_c4_indexer_state",
                                       "deepseek_v4_c128_state"};

// What is left of a component behind its pool's name; false when it names no pool.
bool takePool(std::string_view text, std::string_view* rest) {
  size_t longest = 0;
  for (std::string_view pool : kPools) {
    bool ends = text.substr(0, pool.size()) == pool && (text.size() == pool.size() || text[pool.size()] == '_');
    if (ends) longest = std::max(longest, pool.size());
  }
  *rest = text.substr(longest);
  return longest > 0;
}

constexpr std::string_view kMamba = "_mamba";

// A page of SGLang's naming must never be taken for one of a namespace, in whose directory it may stand.
bool readsLikeANamespace(std::string_view suffix) {
  for (size_t at = suffix.find(kNamespaceMark); at != std::string_view::npos; at = suffix.find(kNamespaceMark, at + 1)) {
    if (isNamespaceDigest(suffix.substr(at + kNamespaceMark.size(), kNamespaceDigits))) return true;
  }
  return false;
}

}  // namespace

bool isComponent(std::string_view text) {
  if (text.empty() || text == "_k" || text == "_v") return true;
  std::string_view part;
  if (text[0] != '_' || !takePool(text.substr(1), &part)) return false;
  constexpr std::string_view kConvolution = "_conv_";
  if (part.empty() || part == "_k" || part == "_v" || part == "_temporal") return true;
  if (part.substr(0, kConvolution.size()) == kConvolution) return isNumber(part.substr(kConvolution.size()));
  return isNumber(part.substr(1));
}

bool isNamespaceDigest(std::string_view text) {
  auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == kNamespaceDigits && std::all_of(text.begin(), text.end(), is_hex);
}

Route routeName(std::string_view name, size_t directory_count) {
  std::array<uint8_t, 8> digest = blake2bOf<8>(name);
  uint64_t hash = 0;
  for (uint8_t byte : digest) hash = hash << 8 | byte;
  return {static_cast<size_t>((hash >> 16) % directory_count), static_cast<uint8_t>(hash & 0xFF)};
}

KeyCodec::KeyCodec(const Naming& naming) {
  const std::string rank = "_" + std::to_string(naming.tp_rank) + "_" + std::to_string(naming.tp_size);
  if (!naming.namespace_digest.empty()) {
    suffix_ = std::string(kNamespaceMark) + naming.namespace_digest;
    rank_suffix_ = naming.mla ? suffix_ + rank : suffix_;  // elsewhere the digest tells the ranks apart
    return;
  }
  std::string model = naming.model;
  std::replace(model.begin(), model.end(), '/', '-');
  if (!isPlainText(model)) {
    throw Error(HICACHE_INVALID_ARGUMENT, "model: not a usable part of a file name; give printable UTF-8 text");
  }
  if (naming.tp_size < 1 || naming.tp_rank < 0 || naming.tp_rank >= naming.tp_size) {
    throw Error(HICACHE_INVALID_ARGUMENT, "tp_rank " + std::to_string(naming.tp_rank) + " of tp_size " +
                                              std::to_string(naming.tp_size) + ": the rank must be in 0.." +
                                              std::to_string(std::max<int64_t>(naming.tp_size - 1, 0)));
  }
  suffix_ = "_" + model;
  rank_suffix_ = suffix_ + rank;
  if (!naming.mla) suffix_ = rank_suffix_;
  if (readsLikeANamespace(suffix_)) {
    throw Error(HICACHE_INVALID_ARGUMENT,
                "model: the name suffix '" + suffix_ + "' reads like that of a namespace; give another model name");
  }
  if (kDigestNameBytes + suffix_.size() > kNameBytesMax) {
    throw Error(HICACHE_INVALID_ARGUMENT, "model: the name suffix '" + suffix_ + "' has " + std::to_string(suffix_.size()) +
                                              " bytes, at most " + std::to_string(kNameBytesMax - kDigestNameBytes) +
                                              " fit beside a key; give a shorter model name");
  }
}

bool KeyCodec::isSafe(const PageName& page) const {
  std::string_view key = page.key;
  return key.size() + suffixOf(page.component).size() + page.component.size() <= kNameBytesMax && key[0] != '.' &&
         !isDigestName(key) && isPlainText(key);
}

std::string KeyCodec::name(const PageName& page) const {
  std::string name;
  appendName(page, &name);
  return name;
}

void KeyCodec::appendName(const PageName& page, std::string* text) const {
  std::string_view key = page.key;
  if (key.empty()) throw Error(HICACHE_INVALID_ARGUMENT, "key: empty; a key has 1 to 65535 bytes of UTF-8");
  if (key.size() > HICACHE_KEY_BYTES_MAX) {
    throw Error(HICACHE_INVALID_ARGUMENT,
                "key: " + std::to_string(key.size()) + " bytes of UTF-8, at most " + std::to_string(HICACHE_KEY_BYTES_MAX));
  }
  if (!isComponent(page.component)) {
    throw Error(HICACHE_INVALID_ARGUMENT, "component: '" + std::string(page.component.substr(0, 64)) +
                                              "' is none that SGLang has, such as _k, _v, _mamba_temporal or _indexer_0");
  }
  const size_t begin = text->size();
  if (isSafe(page)) {
    *text += key;
  } else {
    *text += kDigestMark;
    for (uint8_t byte : blake2bOf<kDigestBytes>(key)) appendHex(text, byte);
  }
  *text += suffixOf(page.component);
  *text += page.component;
  if (text->size() - begin > kNameBytesMax) {
    text->resize(begin);
    throw Error(HICACHE_INVALID_ARGUMENT, "model: the name suffix '" + suffix_ + "' leaves no room for the component '" +
                                              std::string(page.component) + "'; give a shorter model name");
  }
}

bool KeyCodec::isDigestName(std::string_view name) { return name.substr(0, kDigestMark.size()) == kDigestMark; }

const std::string& KeyCodec::suffixOf(std::string_view component) const {
  return component.substr(0, kMamba.size()) == kMamba ? rank_suffix_ : suffix_;
}

bool KeyCodec::partsOf(std::string_view name, PageName* page) const {
  for (const std::string& suffix : {suffix_, rank_suffix_}) {
    for (size_t at = name.rfind(suffix); at != std::string_view::npos && at > 0; at = name.rfind(suffix, at - 1)) {
      *page = {name.substr(0, at), name.substr(at + suffix.size())};
      if (isComponent(page->component) && suffixOf(page->component) == suffix) return true;
    }
  }
  return false;
}

}  // namespace hicache
