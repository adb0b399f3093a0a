// SPDX-License-Identifier: Apache-2.0
#include "page_group.h"

#include <gtest/gtest.h>

#include <set>

namespace hicache {
namespace {

const std::string kHash(64, 'a');

// SGLang's TestHiCacheL3Cleaner: test_parse_group_key_strips_rank_and_kv_suffix.
TEST(PageGroupTest, shouldStripRankAndHalf) {
  for (const char* name : {"page-a_model_0_8", "page-a_model_7_8_k", "page-a_model_7_8_v", "page-a_model_k", "page-a_model"}) {
    EXPECT_EQ(groupKeyOf(name), "page-a_model") << name;
  }
}

// test_parse_group_key_strips_hybrid_component_suffix.
TEST(PageGroupTest, shouldStripTheComponentsOfHybridModels) {
  for (const char* name : {"page-a_model_7_8_kv_k", "page-a_model_7_8_swa_k", "page-a_model_7_8_swa_v",
                           "page-a_model_7_8_mamba_temporal", "page-a_model_7_8_mamba_conv_0", "page-a_model_7_8_indexer_2",
                           "page-a_model_7_8_draft_swa", "page-a_model_7_8_auxiliary_swa_v", "page-a_model_7_8_draft_indexer",
                           "page-a_model_7_8_mamba", "page-a_model_7_8_draft", "page-a_model_deepseek_v4_c4_indexer_state_2",
                           "page-a_model_7_8_deepseek_v4_c4", "page-a_model_indexer_12"}) {
    EXPECT_EQ(groupKeyOf(name), "page-a_model") << name;
  }
}

TEST(PageGroupTest, shouldPutTheHalvesOfAKeyTogether) {
  const std::string group = kHash + "_model";
  for (const std::string& name :
       {kHash + "_model_0_2", kHash + "_k_model_0_2", kHash + "_v_model_1_2", kHash + "_model_1_2_v"}) {
    EXPECT_EQ(groupKeyOf(name), group) << name;
    EXPECT_EQ(groupOf(name), groupOf(group));
  }
}

TEST(PageGroupTest, shouldKeepOtherPagesAndModelsApart) {
  const std::set<std::string> names = {
      "page-a_model_0_8", "page-b_model_0_8", "page-a_model2_0_8", "page-a_other-model_0_8",
      kHash + "_model",   kHash + "_m",       kHash + "_",         "%h-" + kHash + "_model_0_1",
      "page-1_model_0_1", "page-2_model_0_1", "page-a_kv-model"};
  std::set<std::string> keys;
  std::set<uint64_t> groups;
  for (const std::string& name : names) {
    keys.insert(groupKeyOf(name));
    groups.insert(groupOf(name));
  }
  EXPECT_EQ(keys.size(), names.size());
  EXPECT_EQ(groups.size(), names.size());
}

TEST(PageGroupTest, shouldLeaveSomethingOfEveryName) {
  for (const char* name : {"_k", "_0_1", "k", "_", "__0_1", "_kv_k", "_mamba_conv_0", "0_1", "_1_1_1_1"}) {
    EXPECT_FALSE(groupKeyOf(name).empty()) << name;
  }
}

TEST(PageGroupTest, shouldKnowPageKeys) {
  EXPECT_TRUE(startsWithPageKey(kHash));
  EXPECT_TRUE(startsWithPageKey(kHash + "_k"));
  EXPECT_FALSE(startsWithPageKey(kHash.substr(1)));
  EXPECT_FALSE(startsWithPageKey("A" + kHash.substr(1)));
  EXPECT_FALSE(startsWithPageKey(kHash.substr(1) + "g"));
}

}  // namespace
}  // namespace hicache
