// SPDX-License-Identifier: Apache-2.0
//
// Stores over a bucket in memory.
#pragma once

#include <string>

#include "fake_objects.h"
#include "store_fixture.h"

namespace hicache {

class ObjectsFixture : public StoreFixture {
 protected:
  static constexpr const char* kPrefix = "kv/";
  static constexpr size_t kBytes = 8192;

  void SetUp() override {
    StoreFixture::SetUp();
    nixl_ = std::make_shared<FaultyNixl>(bucket_);
  }

  static StoreConfig objectConfig(const SettingPairs& more = {}) {
    Settings settings;
    settings.add("backend", "OBJ");
    settings.add("plugin.bucket", "pages");
    settings.add("plugin.endpoint_override", "http://127.0.0.1:9");
    settings.add("object_prefix", kPrefix);
    settings.add("model", "m");
    for (const auto& [name, value] : more) settings.add(name, value);
    return StoreConfig::parse(settings);
  }
  StoreClient& openObjects(const SettingPairs& more = {}) { return open(objectConfig(more)); }
  static std::string nameOf(const std::string& key) { return kPrefix + key + "_m_0_1"; }

  const std::shared_ptr<FakeObjects> bucket_ = std::make_shared<FakeObjects>();
  const PageMemory page_ = PageMemory::random(kBytes, testSeed());
  const PageMemory other_ = PageMemory::random(kBytes, testSeed() + 1);
  const PageMemory target_{kBytes};
  const PageMemory untouched_{kBytes};
};

}  // namespace hicache
