// SPDX-License-Identifier: Apache-2.0
//
// What stands in front of a page's bytes in a sealed object, so that the object tells by itself whose page it is and whether
// all of it is there.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "page_seal.h"

namespace hicache {

struct ObjectHeader {
  // A multiple of a disk's block, so that the page behind it is aligned.
  static constexpr size_t kBytes = 512;
  // A longer key is not kept: a listing then shows the object's name.
  static constexpr size_t kKeyBytesMax = 256;

  PageSeal seal;
  std::string key;  // empty where it is not kept

  void encode(uint8_t* out) const;  // kBytes
  // False when the bytes, at least kBytes, are no header of ours, or a damaged one.
  static bool decode(const uint8_t* data, size_t size, ObjectHeader* header);
};

}  // namespace hicache
