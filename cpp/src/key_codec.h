// SPDX-License-Identifier: Apache-2.0
//
// Keys to storage names, exactly as SGLang's NIXL connector writes them today, and back.
// A key is never interpreted: one that is not a safe file name is stored under a digest of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hicache {

struct Naming {
  bool bucketed = true;  // <base>/<bucket>/<name>; false: v0's <base>/<name>
  std::string model;
  int64_t tp_rank = 0;
  int64_t tp_size = 1;
  bool mla = false;  // one copy for all ranks: no rank in the name
};

// Where a name goes: SGLang's route_key.
struct Route {
  size_t directory = 0;  // index of the base directory
  uint8_t bucket = 0;    // sub-directory, as two hexadecimal digits
};
Route routeName(std::string_view name, size_t directory_count);

// Threads: immutable, safe from any number of threads.
class KeyCodec {
 public:
  // Refuses a model name that cannot be part of a file name.
  explicit KeyCodec(const Naming& naming);

  // "_<model>_<rank>_<size>", for MLA "_<model>", with / in the model as -.
  const std::string& suffix() const { return suffix_; }

  // The file name of a key: key + suffix, or "%h-" + BLAKE2b-256 of the key + suffix where that is no safe file name.
  // Throws INVALID_ARGUMENT for an empty or over-long key.
  std::string name(std::string_view key) const;

  // True when name(key) is a digest: the key cannot be read back from the name.
  static bool isDigestName(std::string_view name);

  // The key part of a name of this naming; false when the suffix does not match.
  bool keyOf(std::string_view name, std::string_view* key) const;

 private:
  bool isSafe(std::string_view key) const;

  std::string suffix_;
};

}  // namespace hicache
