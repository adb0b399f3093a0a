// SPDX-License-Identifier: Apache-2.0
#include "model_shape.h"

#include <algorithm>
#include <utility>

#include "options.h"

namespace hicache::bench {
namespace {

const std::vector<std::pair<std::string, int64_t>> kDtypes = {{"bf16", 2}, {"fp16", 2}, {"fp32", 4}, {"fp8", 1}, {"int8", 1}};

}  // namespace

const std::vector<ModelShape>& knownModels() {
  static const std::vector<ModelShape> models = {
      {"llama3-8b", 32, 8, 128, 0, 0},
      {"llama3-70b", 80, 8, 128, 0, 0},
      {"deepseek-r1", 61, 0, 0, 512, 64},
      {"qwen3-32b", 64, 8, 128, 0, 0},
  };
  return models;
}

const ModelShape& modelNamed(const std::string& name) {
  for (const ModelShape& model : knownModels()) {
    if (model.name == name) return model;
  }
  throw UsageError("--model: '" + name + "' is not known; see --help, or give its page's bytes with --start_block_size");
}

const std::vector<std::string>& knownDtypes() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& [name, bytes] : kDtypes) all.push_back(name);
    return all;
  }();
  return names;
}

int64_t bytesOfDtype(const std::string& name) {
  for (const auto& [known, bytes] : kDtypes) {
    if (known == name) return bytes;
  }
  throw UsageError("--dtype: '" + name + "' is not known; see --help");
}

int64_t pageBytesOf(const ModelShape& model, int64_t tokens, int64_t tp, const std::string& dtype) {
  const int64_t value_bytes = bytesOfDtype(dtype);
  if (model.isLatent()) return model.layers * (model.kv_lora_rank + model.rope_dim) * tokens * value_bytes;
  if (model.kv_heads % tp != 0 && tp % model.kv_heads != 0) {
    throw UsageError("--tp: " + std::to_string(tp) + " ranks cannot share the " + std::to_string(model.kv_heads) +
                     " KV heads of " + model.name + "; take a divisor or a multiple");
  }
  const int64_t heads = std::max<int64_t>(1, model.kv_heads / tp);
  return 2 * model.layers * heads * model.head_dim * tokens * value_bytes;
}

}  // namespace hicache::bench
