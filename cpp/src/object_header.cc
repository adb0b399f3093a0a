// SPDX-License-Identifier: Apache-2.0
//
// Layout, little endian: magic, version u8, size of the seal u8, length of the key u16, the seal, the key, zeros, and at the
// end the low 32 bits of XXH3 over all before it.
#include "object_header.h"

#include <cstring>

#include "checksum.h"

namespace hicache {
namespace {

constexpr char kMagic[] = {'H', 'i', 'C', 'a', 'c', 'h', 'e', 'P'};
constexpr uint8_t kVersion = 1;
constexpr size_t kFixedBytes = sizeof(kMagic) + 4;
constexpr size_t kCheckedBytes = ObjectHeader::kBytes - 4;

static_assert(kFixedBytes + PageSeal::kBytesMax + ObjectHeader::kKeyBytesMax <= kCheckedBytes);

uint32_t checkOf(const uint8_t* data) { return static_cast<uint32_t>(checksum(data, kCheckedBytes)); }

}  // namespace

void ObjectHeader::encode(uint8_t* out) const {
  std::memset(out, 0, kBytes);
  std::memcpy(out, kMagic, sizeof(kMagic));
  std::array<uint8_t, PageSeal::kBytesMax> sealed;
  const size_t seal_bytes = seal.encode(&sealed);
  const std::string_view kept = key.size() <= kKeyBytesMax ? std::string_view(key) : "";
  const auto key_bytes = static_cast<uint16_t>(kept.size());
  out[sizeof(kMagic)] = kVersion;
  out[sizeof(kMagic) + 1] = static_cast<uint8_t>(seal_bytes);
  std::memcpy(out + sizeof(kMagic) + 2, &key_bytes, sizeof(key_bytes));
  std::memcpy(out + kFixedBytes, sealed.data(), seal_bytes);
  std::memcpy(out + kFixedBytes + seal_bytes, kept.data(), kept.size());
  const uint32_t check = checkOf(out);
  std::memcpy(out + kCheckedBytes, &check, sizeof(check));
}

bool ObjectHeader::decode(const uint8_t* data, size_t size, ObjectHeader* header) {
  if (size < kBytes || std::memcmp(data, kMagic, sizeof(kMagic)) != 0 || data[sizeof(kMagic)] != kVersion) return false;
  uint32_t check = 0;
  std::memcpy(&check, data + kCheckedBytes, sizeof(check));
  if (check != checkOf(data)) return false;
  const size_t seal_bytes = data[sizeof(kMagic) + 1];
  uint16_t key_bytes = 0;
  std::memcpy(&key_bytes, data + sizeof(kMagic) + 2, sizeof(key_bytes));
  if (kFixedBytes + seal_bytes + key_bytes > kCheckedBytes) return false;
  if (!PageSeal::decode(data + kFixedBytes, seal_bytes, &header->seal)) return false;
  header->key.assign(reinterpret_cast<const char*>(data) + kFixedBytes + seal_bytes, key_bytes);
  return true;
}

}  // namespace hicache
