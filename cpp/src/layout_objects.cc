// SPDX-License-Identifier: Apache-2.0
#include "layout_objects.h"

#include <algorithm>
#include <utility>

#include "checksum.h"
#include "error.h"

namespace hicache {
namespace {

// S3 allows 1024 bytes of a name, and a page's own name may have 255.
constexpr size_t kPrefixBytesMax = 512;

std::string checkedPrefix(const std::string& prefix) {
  if (prefix.size() > kPrefixBytesMax || prefix.starts_with('/')) {
    throw Error(HICACHE_INVALID_ARGUMENT, "object_prefix = '" + prefix + "': must have at most " +
                                              std::to_string(kPrefixBytesMax) + " bytes and begin with no /");
  }
  return prefix;
}

}  // namespace

LayoutObjects::LayoutObjects(const StoreConfig& config, ObjectEndpoint endpoint)
    : endpoint_(std::move(endpoint)),
      codec_(config.naming),
      prefix_(checkedPrefix(config.objects.prefix)),
      sealed_(config.objects.sealed),
      breaker_(config.objects.breaker_failures, std::chrono::milliseconds(config.objects.breaker_pause_millis)) {}

std::string LayoutObjects::nameOf(const PageName& page) const {
  std::string name = prefix_;
  codec_.appendName(page, &name);
  return name;
}

std::string LayoutObjects::describe(const std::string& name) const {
  return "object '" + name + "' in '" + endpoint_.bucket + "' at " + endpoint_.server;
}

ObjectHeader LayoutObjects::headerOf(const PageName& page, const std::string& name, PageSeal seal) const {
  const std::string_view own = std::string_view(name).substr(prefix_.size());
  seal.name_hash = PageSeal::hashOfName(own, codec_.suffix());
  return {seal, KeyCodec::isDigestName(own) ? std::string(page.key) : ""};
}

bool LayoutObjects::isOf(const std::string& name, const ObjectHeader& header) const {
  // Without the prefix, so that a bucket's pages may be copied under another one.
  return header.seal.name_hash == PageSeal::hashOfName(std::string_view(name).substr(prefix_.size()), codec_.suffix());
}

std::optional<std::string> LayoutObjects::show(const std::string& name, std::string_view head, int64_t object,
                                               hicache_page_info* info) const {
  if (!name.starts_with(prefix_)) return std::nullopt;
  const std::string own = name.substr(prefix_.size());
  PageName parts;
  if (own.find('/') != std::string::npos || !codec_.partsOf(own, &parts)) return std::nullopt;
  *info = {};
  ObjectHeader header;
  const bool good = sealed_ && ObjectHeader::decode(reinterpret_cast<const uint8_t*>(head.data()), head.size(), &header) &&
                    isOf(name, header);
  if (sealed_ && !good) return std::nullopt;
  info->file_length = object - static_cast<int64_t>(headerBytes());
  info->length = good ? static_cast<int64_t>(header.seal.length) : object;
  info->sealed = good ? 1 : 0;
  info->dtype = header.seal.shape.dtype;
  info->rank = header.seal.shape.rank;
  std::copy(header.seal.shape.dims.begin(), header.seal.shape.dims.end(), info->dims);
  std::copy_n(parts.component.data(), std::min<size_t>(parts.component.size(), HICACHE_COMPONENT_BYTES - 1), info->component);
  info->version = static_cast<int64_t>(checksum(head.data(), head.size()));
  return KeyCodec::isDigestName(own) ? header.key.empty() ? own : header.key : std::string(parts.key);
}

void LayoutObjects::countFailures(int64_t count) {
  failures_.fetch_add(count, std::memory_order_relaxed);
  breaker_.failed(count);
}

void LayoutObjects::describe(Settings* description) const {
  description->add("object_endpoint", endpoint_.server);
  description->add("object_bucket", endpoint_.bucket);
  description->add("object_prefix", prefix_);
  description->add("object_format", sealed_ ? "sealed" : "raw");
  description->add("object_retries", std::to_string(retries_.load(std::memory_order_relaxed)));
  description->add("object_failures", std::to_string(failures_.load(std::memory_order_relaxed)));
  description->add("breaker", breaker_.state());
  description->add("breaker_failures", std::to_string(breaker_.failuresInARow()));
  description->add("breaker_openings", std::to_string(breaker_.openings()));
}

}  // namespace hicache
