// SPDX-License-Identifier: Apache-2.0
//
// Keys to storage names, exactly as SGLang's NIXL connector writes them today or under the digest of a namespace, and back.
// A key is never interpreted: one that is not a safe file name is stored under a digest of it.
#pragma once

#include <concepts>
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
  // 32 hexadecimal digits that stand in the name for model, ranks and all else that tells pages apart; empty: SGLang's names.
  std::string namespace_digest;

  // The setting's word: sglang, sglang-v0 or namespace.
  const char* word() const { return !namespace_digest.empty() ? "namespace" : bucketed ? "sglang" : "sglang-v0"; }
};

// What a page is called. SGLang stores one logical page in several files where it moves without a copy: the component tells
// them apart ("_k", "_v", "_mamba_temporal", ...), and stands behind everything else in the file's name.
struct PageName {
  std::string_view key;
  std::string_view component;  // empty: the whole page is one file

  PageName() = default;
  template <std::convertible_to<std::string_view> Text>
  PageName(const Text& page_key) : key(page_key) {}  // NOLINT: a key alone is a name
  PageName(std::string_view page_key, std::string_view page_component) : key(page_key), component(page_component) {}
};

// True for a component that SGLang has, or none: "_k", "_v", "_<pool>", "_<pool>_k", "_<pool>_v", "_<pool>_<number>", and those
// of mamba.
bool isComponent(std::string_view text);

// True for exactly 32 lowercase hexadecimal digits.
bool isNamespaceDigest(std::string_view text);

// Where a name goes: SGLang's route_key.
struct Route {
  size_t directory = 0;  // index of the base directory
  uint8_t bucket = 0;    // sub-directory, as two hexadecimal digits
};
Route routeName(std::string_view name, size_t directory_count);

// Threads: immutable, safe from any number of threads.
class KeyCodec {
 public:
  // Refuses a model name that cannot be part of a file name, or that reads like the digest of a namespace.
  explicit KeyCodec(const Naming& naming);

  // "_<model>_<rank>_<size>", for MLA "_<model>", with / in the model as -; in a namespace "_ns-<digest>".
  const std::string& suffix() const { return suffix_; }

  // The file name: key + suffix + component, or "%h-" + BLAKE2b-256 of the key + suffix + component where the key is no safe
  // file name. Throws INVALID_ARGUMENT for an empty or over-long key and for an unknown component.
  std::string name(const PageName& page) const;
  // The same, behind what text has already.
  void appendName(const PageName& page, std::string* text) const;

  // True when name(key) is a digest: the key cannot be read back from the name.
  static bool isDigestName(std::string_view name);

  // The parts of a name of this naming; false when the suffix does not match. Of a digest name the key is the digest.
  bool partsOf(std::string_view name, PageName* page) const;

 private:
  bool isSafe(const PageName& page) const;
  const std::string& suffixOf(std::string_view component) const;

  std::string suffix_;
  std::string rank_suffix_;  // of what every rank has its own of, also where the model is MLA: the state of mamba
};

}  // namespace hicache
