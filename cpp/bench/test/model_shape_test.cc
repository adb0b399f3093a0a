// SPDX-License-Identifier: Apache-2.0
#include "model_shape.h"

#include <gtest/gtest.h>

#include "options.h"

namespace hicache::bench {
namespace {

int64_t pageBytes(const std::string& model, int64_t tokens, int64_t tp, const std::string& dtype) {
  return pageBytesOf(modelNamed(model), tokens, tp, dtype);
}

TEST(ModelShapeTest, shouldGiveThePublishedBytesOfAPage) {
  EXPECT_EQ(pageBytes("llama3-8b", 64, 1, "bf16"), 8 << 20);
  EXPECT_EQ(pageBytes("llama3-70b", 64, 1, "bf16"), 20 << 20);
  EXPECT_EQ(pageBytes("qwen3-32b", 64, 1, "bf16"), 16 << 20);
  EXPECT_EQ(pageBytes("deepseek-r1", 64, 1, "bf16"), 61 * 73728) << "72 KiB a layer";
}

TEST(ModelShapeTest, shouldGrowWithTokensAndTheDtype) {
  EXPECT_EQ(pageBytes("llama3-8b", 1, 1, "fp16"), 128 << 10);
  EXPECT_EQ(pageBytes("llama3-8b", 128, 1, "fp8"), 8 << 20);
  EXPECT_EQ(pageBytes("llama3-8b", 64, 1, "int8"), 4 << 20);
  EXPECT_EQ(pageBytes("llama3-8b", 64, 1, "fp32"), 16 << 20);
}

TEST(ModelShapeTest, shouldDivideTheHeadsAndNotTheLatent) {
  EXPECT_EQ(pageBytes("llama3-70b", 64, 8, "bf16"), (20 << 20) / 8);
  EXPECT_EQ(pageBytes("llama3-70b", 64, 16, "bf16"), (20 << 20) / 8) << "two ranks hold the same head";
  EXPECT_EQ(pageBytes("deepseek-r1", 64, 8, "bf16"), 61 * 73728);
  EXPECT_THROW(pageBytes("llama3-8b", 64, 3, "bf16"), UsageError);
  EXPECT_THROW(pageBytes("llama3-8b", 64, 12, "bf16"), UsageError);
}

TEST(ModelShapeTest, shouldRefuseWhatItDoesNotKnow) {
  EXPECT_THROW(modelNamed("llama4"), UsageError);
  EXPECT_THROW(bytesOfDtype("fp4"), UsageError);
}

}  // namespace
}  // namespace hicache::bench
