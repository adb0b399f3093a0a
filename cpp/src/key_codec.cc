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

}  // namespace

Route routeName(std::string_view name, size_t directory_count) {
  std::array<uint8_t, 8> digest = blake2bOf<8>(name);
  uint64_t hash = 0;
  for (uint8_t byte : digest) hash = hash << 8 | byte;
  return {static_cast<size_t>((hash >> 16) % directory_count), static_cast<uint8_t>(hash & 0xFF)};
}

KeyCodec::KeyCodec(const Naming& naming) {
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
  if (!naming.mla) suffix_ += "_" + std::to_string(naming.tp_rank) + "_" + std::to_string(naming.tp_size);
  if (kDigestNameBytes + suffix_.size() > kNameBytesMax) {
    throw Error(HICACHE_INVALID_ARGUMENT, "model: the name suffix '" + suffix_ + "' has " + std::to_string(suffix_.size()) +
                                              " bytes, at most " + std::to_string(kNameBytesMax - kDigestNameBytes) +
                                              " fit beside a key; give a shorter model name");
  }
}

bool KeyCodec::isSafe(std::string_view key) const {
  return key.size() + suffix_.size() <= kNameBytesMax && key[0] != '.' && !isDigestName(key) && isPlainText(key);
}

std::string KeyCodec::name(std::string_view key) const {
  if (key.empty()) throw Error(HICACHE_INVALID_ARGUMENT, "key: empty; a key has 1 to 65535 bytes of UTF-8");
  if (key.size() > HICACHE_KEY_BYTES_MAX) {
    throw Error(HICACHE_INVALID_ARGUMENT,
                "key: " + std::to_string(key.size()) + " bytes of UTF-8, at most " + std::to_string(HICACHE_KEY_BYTES_MAX));
  }
  std::string name;
  if (isSafe(key)) {
    name = key;
  } else {
    name = kDigestMark;
    for (uint8_t byte : blake2bOf<kDigestBytes>(key)) appendHex(&name, byte);
  }
  return name + suffix_;
}

bool KeyCodec::isDigestName(std::string_view name) { return name.substr(0, kDigestMark.size()) == kDigestMark; }

bool KeyCodec::keyOf(std::string_view name, std::string_view* key) const {
  if (name.size() <= suffix_.size() || name.substr(name.size() - suffix_.size()) != suffix_) return false;
  *key = name.substr(0, name.size() - suffix_.size());
  return true;
}

}  // namespace hicache
