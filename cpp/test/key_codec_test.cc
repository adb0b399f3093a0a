// SPDX-License-Identifier: Apache-2.0
#include "key_codec.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "seeded.h"
#include "store_fixture.h"

namespace hicache {
namespace {

Naming namingOf(const std::string& model, int64_t rank = 0, int64_t size = 1, bool mla = false) {
  Naming naming;
  naming.model = model;
  naming.tp_rank = rank;
  naming.tp_size = size;
  naming.mla = mla;
  return naming;
}

std::string digestOnlyPart(const KeyCodec& codec, const std::string& key) {
  const std::string name = codec.name(key);
  EXPECT_TRUE(KeyCodec::isDigestName(name)) << name;
  EXPECT_EQ(name.substr(name.size() - codec.suffix().size()), codec.suffix());
  return name.substr(3, 64);
}

TEST(KeyCodecTest, shouldRouteAsSglangDoes) {
  struct Vector {
    std::string name;
    size_t directories;
    size_t directory;
    uint8_t bucket;
  };
  const std::string hashed = std::string(64, 'a') + "_model-a_0_1_k";
  const std::vector<Vector> vectors = {{"page-123", 3, 2, 0x90},
                                       {"page-123", 4, 2, 0x90},
                                       {"key1_test_model_0_2", 3, 0, 0xf0},
                                       {hashed, 3, 2, 0xc9},
                                       {hashed, 4, 1, 0xc9}};
  for (const Vector& vector : vectors) {
    const Route route = routeName(vector.name, vector.directories);
    EXPECT_EQ(route.directory, vector.directory) << vector.name << " over " << vector.directories;
    EXPECT_EQ(route.bucket, vector.bucket) << vector.name;
    EXPECT_EQ(routeName(vector.name, 1).directory, 0u);
  }
  EXPECT_EQ(routeName("", 1).bucket, 0xb4);
}

TEST(KeyCodecTest, shouldSpreadNamesOverAllBucketsAndDirectories) {
  std::set<std::pair<size_t, int>> places;
  for (int i = 0; i < 20000; ++i) {
    const Route route = routeName("page-" + std::to_string(i), 4);
    places.insert({route.directory, route.bucket});
  }
  EXPECT_EQ(places.size(), 4u * 256u);
}

TEST(KeyCodecTest, shouldWriteSglangsSuffix) {
  EXPECT_EQ(KeyCodec(namingOf("test_model", 0, 2)).name("key1"), "key1_test_model_0_2");
  EXPECT_EQ(KeyCodec(namingOf("meta-llama/Llama-3-8B", 3, 8)).suffix(), "_meta-llama-Llama-3-8B_3_8");
  EXPECT_EQ(KeyCodec(namingOf("deepseek-ai/V3/x", 3, 8, true)).suffix(), "_deepseek-ai-V3-x");
  EXPECT_EQ(KeyCodec(namingOf("")).suffix(), "__0_1");
  EXPECT_EQ(KeyCodec(namingOf("", 0, 1, true)).suffix(), "_");
  EXPECT_EQ(KeyCodec(namingOf("m")).name(std::string(64, 'a')), std::string(64, 'a') + "_m_0_1");
}

TEST(KeyCodecTest, shouldWriteADigestInPlaceOfModelAndRanksInANamespace) {
  Naming naming = namingOf("a model\nthat is/no file name", 3, 8);
  naming.namespace_digest = "0123456789abcdef0123456789abcdef";
  const KeyCodec codec(naming);
  EXPECT_EQ(codec.suffix(), "_ns-0123456789abcdef0123456789abcdef");
  EXPECT_EQ(codec.name("key1"), "key1_ns-0123456789abcdef0123456789abcdef");
  EXPECT_EQ(digestOnlyPart(codec, "a/b").size(), 64u);
  EXPECT_EQ(codec.name(std::string(219, 'k')), std::string(219, 'k') + codec.suffix());
  EXPECT_TRUE(KeyCodec::isDigestName(codec.name(std::string(220, 'k'))));
  PageName key;
  const std::string name = codec.name("key1");
  EXPECT_TRUE(codec.partsOf(name, &key));
  EXPECT_EQ(key.key, "key1");
  EXPECT_FALSE(codec.partsOf("key1_ns-0123456789abcdef0123456789abcdee", &key));
}

TEST(KeyCodecTest, shouldRefuseAModelWhosePagesWouldReadLikeThoseOfANamespace) {
  const std::string digest = "0123456789abcdef0123456789abcdef";
  for (const std::string& model : {"ns-" + digest, "m_ns-" + digest, "m/x_ns-" + digest + "_k", "_ns-" + digest + "0"}) {
    for (bool mla : {true, false}) {
      EXPECT_ERROR(KeyCodec(namingOf(model, 0, 1, mla)), HICACHE_INVALID_ARGUMENT, "reads like that of a namespace");
    }
  }
  EXPECT_EQ(KeyCodec(namingOf("m-ns-" + digest, 0, 1, true)).suffix(), "_m-ns-" + digest);
  EXPECT_EQ(KeyCodec(namingOf("ns-" + digest.substr(1), 0, 1, true)).suffix(), "_ns-" + digest.substr(1));
}

TEST(KeyCodecTest, shouldRefuseANamingThatCannotStandInAFileName) {
  for (const std::string& model : {std::string("a\nb"), std::string("a\0b", 3), std::string("\xFF"), std::string("a\x7F")}) {
    EXPECT_ERROR(KeyCodec(namingOf(model)), HICACHE_INVALID_ARGUMENT, "model");
  }
  EXPECT_ERROR(KeyCodec(namingOf("m", 2, 2)), HICACHE_INVALID_ARGUMENT, "tp_rank 2 of tp_size 2");
  EXPECT_ERROR(KeyCodec(namingOf("m", -1, 2)), HICACHE_INVALID_ARGUMENT, "tp_rank");
  EXPECT_ERROR(KeyCodec(namingOf("m", 0, 0)), HICACHE_INVALID_ARGUMENT, "tp_size 0");
  EXPECT_ERROR(KeyCodec(namingOf(std::string(188, 'm'), 0, 1, true)), HICACHE_INVALID_ARGUMENT, "shorter model name");
  EXPECT_EQ(KeyCodec(namingOf(std::string(187, 'm'), 0, 1, true)).name("..").size(), 255u);
}

TEST(KeyCodecTest, shouldRefuseAnEmptyAndAnOverlongKey) {
  const KeyCodec codec(namingOf("m"));
  EXPECT_ERROR(codec.name(""), HICACHE_INVALID_ARGUMENT, "empty");
  EXPECT_ERROR(codec.name(std::string(65536, 'k')), HICACHE_INVALID_ARGUMENT, "65536 bytes");
  EXPECT_EQ(digestOnlyPart(codec, std::string(65535, 'k')).size(), 64u);
}

TEST(KeyCodecTest, shouldKeepAPlainKeyReadable) {
  const KeyCodec codec(namingOf("m"));
  for (const std::string& key : {std::string("a"), std::string("a b"), std::string("a.b..c"), std::string("-rf"),
                                 std::string("%h"), std::string("ключ"), std::string("漢字😀"), std::string("a\\b:c*?")}) {
    const std::string name = codec.name(key);
    EXPECT_EQ(name, key + "_m_0_1");
    PageName back;
    ASSERT_TRUE(codec.partsOf(name, &back));
    EXPECT_EQ(back.key, key);
  }
}

TEST(KeyCodecTest, shouldDigestAKeyThatIsNoSafeFileName) {
  const KeyCodec codec(namingOf("m"));
  const std::vector<std::string> hostile = {"/",
                                            "/etc/passwd",
                                            "a/b",
                                            "..",
                                            ".",
                                            "../../x",
                                            ".hicache",
                                            ".hidden",
                                            std::string("a\0b", 3),
                                            std::string(1, '\0'),
                                            "a\nb",
                                            "\x1F",
                                            "\x7F",
                                            "%h-",
                                            "%h-abc",
                                            std::string(250, 'k'),
                                            std::string(256, 'k')};
  for (const std::string& key : hostile) {
    EXPECT_EQ(digestOnlyPart(codec, key).find_first_not_of("0123456789abcdef"), std::string::npos) << key;
  }
}

TEST(KeyCodecTest, shouldDigestAKeyThatIsNoUtf8) {
  const KeyCodec codec(namingOf("m"));
  const std::vector<std::string> malformed = {"\x80",              // a continuation alone
                                              "a\xC3",             // cut
                                              "\xE6\xBC",          // cut
                                              "\xF0\x9F\x98",      // cut
                                              "\xC0\xAF",          // overlong /
                                              "\xC1\x81",          // overlong A
                                              "\xE0\x80\xAF",      // overlong /
                                              "\xE0\x9F\xBF",      // overlong
                                              "\xF0\x80\x80\xAF",  // overlong /
                                              "\xF0\x8F\xBF\xBF",  // overlong
                                              "\xED\xA0\x80",      // high surrogate
                                              "\xED\xBF\xBF",      // low surrogate
                                              "\xF4\x90\x80\x80",  // beyond U+10FFFF
                                              "\xF5\x80\x80\x80",  // beyond U+10FFFF
                                              "\xFE",
                                              "\xFF",               // never used
                                              "\xC3\x28",           // no continuation
                                              "\xE6\x28\xA2",       // no continuation
                                              "\xF0\x28\x8C\xBC"};  // no continuation
  for (const std::string& key : malformed) digestOnlyPart(codec, key);
  for (const std::string key :
       {"\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(codec.name(key), key + codec.suffix()) << "the first and last characters of each length are well formed";
  }
}

// Whatever the key, its name is one path component that means nothing to a file system, and no two keys share one.
TEST(KeyCodecTest, shouldNeverLeaveSafeNamesNorGiveOneNameTwice) {
  const KeyCodec codec(namingOf("m", 1, 4));
  std::mt19937_64 random = seeded();
  static const std::vector<std::string> kPieces = {
      "/", "..", ".",  std::string(1, '\0'), "%h-", "_m_1_4", "a", "b", "\xC0\xAF", "\xFF", "漢", "\n",
      " ", "-",  "_k", std::string(80, 'z')};
  std::set<std::string> keys;
  while (keys.size() < 100000) {
    std::string key;
    for (uint64_t count = 1 + random() % 6; count > 0; --count) {
      if (random() % 4 == 0) {
        key.push_back(static_cast<char>(random()));
      } else {
        key += kPieces[random() % kPieces.size()];
      }
    }
    keys.insert(std::move(key));
  }
  std::set<std::string> names;
  for (const std::string& key : keys) {
    const std::string name = codec.name(key);
    ASSERT_LE(name.size(), 255u);
    ASSERT_EQ(name.find('/'), std::string::npos);
    ASSERT_EQ(name.find('\0'), std::string::npos);
    ASSERT_NE(name[0], '.');
    ASSERT_TRUE(names.insert(name).second) << "two keys with the name " << name;
    PageName back;
    ASSERT_TRUE(codec.partsOf(name, &back));
    if (!KeyCodec::isDigestName(name)) {
      ASSERT_EQ(back.key, key);
    }
  }
}

TEST(KeyCodecTest, shouldNotReadAKeyFromAnotherNamesSuffix) {
  const KeyCodec codec(namingOf("m", 0, 2));
  PageName key;
  for (const char* name : {"a_m_1_2", "a_m_0_1", "a_n_0_2", "_m_0_2", "m_0_2", "a", ""}) {
    EXPECT_FALSE(codec.partsOf(name, &key)) << name;
  }
  EXPECT_TRUE(codec.partsOf("a_m_0_2", &key));
}

TEST(KeyCodecTest, shouldPutAComponentBehindTheSuffixAndReadItBack) {
  const KeyCodec codec(namingOf("org/m", 1, 2));
  for (const char* component :
       {"_k", "_v", "_mamba", "_mamba_temporal", "_mamba_conv_0", "_mamba_conv_12", "_swa_k", "_indexer", "_indexer_3",
        "_draft_indexer_v", "_auxiliary_swa", "_deepseek_v4_c4_indexer_scale", "_deepseek_v4_c128_k"}) {
    const std::string name = codec.name({"abc", component});
    EXPECT_EQ(name, std::string("abc_org-m_1_2") + component);
    PageName parts;
    ASSERT_TRUE(codec.partsOf(name, &parts)) << name;
    EXPECT_EQ(parts.key, "abc");
    EXPECT_EQ(parts.component, component);
    const std::string hostile = codec.name({"a/b", component});
    ASSERT_TRUE(codec.partsOf(hostile, &parts)) << hostile;
    EXPECT_EQ(parts.component, component);
    EXPECT_TRUE(KeyCodec::isDigestName(hostile));
  }
  // Each rank has its own mamba state, also where its keys and values are all ranks'.
  Naming mla = namingOf("m", 1, 2);
  mla.mla = true;
  EXPECT_EQ(KeyCodec(mla).name({"abc", "_k"}), "abc_m_k");
  EXPECT_EQ(KeyCodec(mla).name({"abc", "_mamba_temporal"}), "abc_m_1_2_mamba_temporal");
  PageName state;
  ASSERT_TRUE(KeyCodec(mla).partsOf("abc_m_1_2_mamba_temporal", &state));
  EXPECT_EQ(state.key, "abc");
  EXPECT_FALSE(KeyCodec(mla).partsOf("abc_m_0_2_mamba_temporal", &state)) << "another rank's";
  // Of a model without a name, whose suffix stands in every component.
  Naming nameless = namingOf("");
  nameless.mla = true;
  PageName parts;
  ASSERT_TRUE(KeyCodec(nameless).partsOf("key__k", &parts));
  EXPECT_EQ(parts.key, "key");
  EXPECT_EQ(parts.component, "_k");
}

TEST(KeyCodecTest, shouldRefuseAComponentThatSglangDoesNotHave) {
  const KeyCodec codec(namingOf("m"));
  PageName parts;
  for (const char* component : {"k", "_", "_K", "_x", "_k_k", "_../x", "_mamba_", "_mamba_conv_", "_mamba_x", "_swax",
                                "_deepseek_v4_", "_deepseek_v4_c3"}) {
    EXPECT_ERROR(codec.name({"abc", component}), HICACHE_INVALID_ARGUMENT, "component");
    EXPECT_FALSE(codec.partsOf(std::string("abc_m_0_1") + component, &parts)) << component;
  }
  EXPECT_ERROR(KeyCodec(namingOf(std::string(180, 'm'))).name({"a/b", "_mamba_conv_123"}), HICACHE_INVALID_ARGUMENT, "shorter");
}

}  // namespace
}  // namespace hicache
