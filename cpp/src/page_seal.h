// SPDX-License-Identifier: Apache-2.0
//
// What raw page bytes cannot carry - length, checksum, dtype, shape, whose page it is - as one extended attribute of the file.
// Encoded in at most 64 bytes for usual shapes, so that ext4 keeps it inside the inode.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "hicache_nixl.h"

namespace hicache {

struct PageShape {
  int32_t dtype = HICACHE_DTYPE_UNKNOWN;  // libtorch ScalarType
  int32_t rank = 0;
  std::array<int64_t, HICACHE_RANK_MAX> dims = {};

  bool operator==(const PageShape&) const = default;
};

struct PageSeal {
  static constexpr const char* kAttribute = "user.hicache";         // the seal
  static constexpr const char* kKeyAttribute = "user.hicache.key";  // the key, where the name is a digest of it
  static constexpr size_t kBytesMax = 128;

  uint64_t length = 0;
  uint64_t checksum = 0;   // XXH3-64 of the payload
  uint32_t name_hash = 0;  // see hashOfName
  PageShape shape;

  // Of the storage name and the suffix of the naming that wrote it: a page moved or linked to another name is not served there,
  // and "a_x_m_0_1" of the model x_m is told from the same name of the model m.
  static uint32_t hashOfName(std::string_view name, std::string_view suffix);

  // Writes the seal into out and returns its size.
  size_t encode(std::array<uint8_t, kBytesMax>* out) const;
  // False when the bytes are no seal of ours, or a damaged one.
  static bool decode(const uint8_t* data, size_t size, PageSeal* seal);
};

}  // namespace hicache
