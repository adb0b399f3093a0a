// SPDX-License-Identifier: Apache-2.0
//
// How many bytes of KV a model keeps for a page of tokens.
//
// Attention with keys and values of their own (MHA, GQA): 2 * layers * kv heads of a rank * head dim * tokens * bytes of a
// value. Multi-head latent attention (MLA): layers * (kv lora rank + rope dim) * tokens * bytes of a value, the same on every
// rank. The numbers are those of each model's published config.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hicache::bench {

struct ModelShape {
  std::string name;
  int64_t layers = 0;
  int64_t kv_heads = 0;  // 0: MLA
  int64_t head_dim = 0;
  int64_t kv_lora_rank = 0;  // MLA only
  int64_t rope_dim = 0;      // MLA only

  bool isLatent() const { return kv_heads == 0; }
};

const std::vector<ModelShape>& knownModels();
// Throws UsageError for another name.
const ModelShape& modelNamed(const std::string& name);

// Names that --dtype takes, and their bytes.
const std::vector<std::string>& knownDtypes();
int64_t bytesOfDtype(const std::string& name);

// Bytes that one rank of tp stores for a page. With more ranks than heads each rank holds one head, a copy. Throws UsageError
// where tp divides neither way.
int64_t pageBytesOf(const ModelShape& model, int64_t tokens, int64_t tp, const std::string& dtype);

}  // namespace hicache::bench
