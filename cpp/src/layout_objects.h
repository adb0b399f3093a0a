// SPDX-License-Identifier: Apache-2.0
//
// The layout "objects": one object a page in a bucket. Sealed: a header, see object_header.h, and the page's bytes. Raw: the
// page's bytes alone, as SGLang writes them, of which nothing but the length can be verified.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "circuit_breaker.h"
#include "key_codec.h"
#include "object_endpoint.h"
#include "object_header.h"
#include "settings.h"

namespace hicache {

// Threads: safe from any number of threads.
class LayoutObjects {
 public:
  // Throws INVALID_ARGUMENT for a prefix that cannot be one.
  LayoutObjects(const StoreConfig& config, ObjectEndpoint endpoint);

  const ObjectEndpoint& endpoint() const { return endpoint_; }
  bool sealed() const { return sealed_; }
  // In front of the page's bytes in an object.
  size_t headerBytes() const { return sealed_ ? ObjectHeader::kBytes : 0; }

  // The object's name: prefix and the page's name, without a bucket's folder. Throws INVALID_ARGUMENT for an empty or over-long
  // key.
  std::string nameOf(const PageName& page) const;
  // "object 'name' in BUCKET at SERVER", for messages.
  std::string describe(const std::string& name) const;
  // The header of a page. length, checksum and shape of the seal are the caller's.
  ObjectHeader headerOf(const PageName& page, const std::string& name, PageSeal seal) const;
  // True when a header found under this name was made for it.
  bool isOf(const std::string& name, const ObjectHeader& header) const;

  // What a listing shows of an object that this naming may have made: its key, or its name where only a digest of the key is
  // known. object: the object's length; head: its first bytes. Nothing for other objects.
  std::optional<std::string> show(const std::string& name, std::string_view head, int64_t object,
                                  hicache_page_info* info) const;

  // Of all requests of the store.
  CircuitBreaker& breaker() { return breaker_; }
  void countRetry() { retries_.fetch_add(1, std::memory_order_relaxed); }
  // Requests that failed or were not answered in time.
  void countFailures(int64_t count);
  void describe(Settings* description) const;

 private:
  const ObjectEndpoint endpoint_;
  const KeyCodec codec_;
  const std::string prefix_;
  const bool sealed_;
  CircuitBreaker breaker_;
  std::atomic<int64_t> retries_{0};
  std::atomic<int64_t> failures_{0};
};

}  // namespace hicache
