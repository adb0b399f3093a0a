// SPDX-License-Identifier: Apache-2.0
//
// Layout, little endian: version u8, dtype i8, rank u8, zero u8, name_hash u32, length u64, checksum u64, dims as LEB128, and
// at the end the low 32 bits of XXH3 over all before it.
#include "page_seal.h"

#include <cstring>
#include <string>

#include "checksum.h"

namespace hicache {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kFixedBytes = 24;
constexpr size_t kCheckBytes = 4;

}  // namespace

uint32_t PageSeal::hashOfName(std::string_view name, std::string_view suffix) {
  std::string both(name);
  both.push_back('\0');
  both += suffix;
  return static_cast<uint32_t>(hicache::checksum(both.data(), both.size()));
}

size_t PageSeal::encode(std::array<uint8_t, kBytesMax>* out) const {
  uint8_t* data = out->data();
  data[0] = kVersion;
  data[1] = static_cast<uint8_t>(static_cast<int8_t>(shape.dtype));
  data[2] = static_cast<uint8_t>(shape.rank);
  data[3] = 0;
  std::memcpy(data + 4, &name_hash, 4);
  std::memcpy(data + 8, &length, 8);
  std::memcpy(data + 16, &checksum, 8);
  size_t size = kFixedBytes;
  for (int32_t i = 0; i < shape.rank; ++i) {
    uint64_t rest = static_cast<uint64_t>(shape.dims[static_cast<size_t>(i)]);
    for (; rest >= 0x80; rest >>= 7) data[size++] = static_cast<uint8_t>(rest | 0x80);
    data[size++] = static_cast<uint8_t>(rest);
  }
  uint32_t check = static_cast<uint32_t>(hicache::checksum(data, size));
  std::memcpy(data + size, &check, kCheckBytes);
  return size + kCheckBytes;
}

bool PageSeal::decode(const uint8_t* data, size_t size, PageSeal* seal) {
  if (size < kFixedBytes + kCheckBytes || size > kBytesMax || data[0] != kVersion) return false;
  size_t end = size - kCheckBytes;
  uint32_t check = 0;
  std::memcpy(&check, data + end, kCheckBytes);
  if (check != static_cast<uint32_t>(hicache::checksum(data, end))) return false;
  seal->shape.dtype = static_cast<int8_t>(data[1]);
  seal->shape.rank = data[2];
  if (seal->shape.rank > HICACHE_RANK_MAX) return false;
  std::memcpy(&seal->name_hash, data + 4, 4);
  std::memcpy(&seal->length, data + 8, 8);
  std::memcpy(&seal->checksum, data + 16, 8);
  size_t at = kFixedBytes;
  for (int32_t i = 0; i < seal->shape.rank; ++i) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      if (at >= end || shift > 63) return false;
      uint8_t byte = data[at++];
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) break;
    }
    seal->shape.dims[static_cast<size_t>(i)] = static_cast<int64_t>(value);
  }
  return at == end;
}

}  // namespace hicache
