// SPDX-License-Identifier: Apache-2.0
#include "store_client.h"

#include <stdexcept>

namespace hicache {

int64_t StoreClient::submit(Operation operation, const std::vector<PageArgument>& pages, int64_t timeout_millis,
                            int64_t lease_millis, int32_t set_flags, std::shared_ptr<const CudaFence> fence) {
  std::string keys;
  std::vector<int32_t> key_lengths;
  std::vector<int64_t> addresses;
  std::vector<int64_t> lengths;
  std::vector<int32_t> dtypes;
  std::vector<int32_t> ranks;
  std::vector<int64_t> dims;
  std::vector<int32_t> devices;
  for (const PageArgument& page : pages) {
    keys += page.key;
    key_lengths.push_back(static_cast<int32_t>(page.key.size()));
    addresses.push_back(reinterpret_cast<int64_t>(page.address));
    lengths.push_back(page.length);
    dtypes.push_back(page.dtype);
    devices.push_back(page.device);
    ranks.push_back(static_cast<int32_t>(page.dims.size()));
    dims.insert(dims.end(), page.dims.begin(), page.dims.end());
  }
  dims.push_back(0);  // so that data() is not null
  BatchRequest request;
  request.operation = operation;
  request.count = static_cast<int64_t>(pages.size());
  request.keys = reinterpret_cast<const int8_t*>(keys.data());
  request.key_lengths = key_lengths.data();
  request.addresses = addresses.data();
  request.lengths = lengths.data();
  request.dtypes = dtypes.data();
  request.devices = devices.data();
  request.fence = std::move(fence);
  if (operation == Operation::kSet) {
    request.ranks = ranks.data();
    request.dims = dims.data();
  }
  request.timeout_millis = timeout_millis;
  request.lease_millis = lease_millis;
  request.skip_existing = (set_flags & HICACHE_SET_SKIP_EXISTING) != 0;
  request.keep_existing = (set_flags & HICACHE_SET_KEEP_EXISTING) != 0;
  return store_.submit(request);
}

bool StoreClient::waitFor(int64_t batch, int32_t bits, std::chrono::milliseconds patience) {
  auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    std::lock_guard<std::mutex> lock(mutex_);
    if ((events_[batch] & bits) == bits) return true;
    if (std::chrono::steady_clock::now() > until) return false;
    if (auto event = store_.events().next(std::chrono::milliseconds(5))) events_[event->batch] |= event->bits;
  }
}

int32_t StoreClient::eventsOf(int64_t batch) {
  std::lock_guard<std::mutex> lock(mutex_);
  while (auto event = store_.events().next(std::chrono::milliseconds(0))) events_[event->batch] |= event->bits;
  return events_[batch];
}

std::vector<PageResult> StoreClient::resultsOf(int64_t batch) const {
  std::shared_ptr<Batch> found = store_.batch(batch);
  if (found == nullptr) throw std::logic_error("no such batch");
  size_t count = static_cast<size_t>(found->results(0, nullptr, nullptr, nullptr));
  std::vector<int32_t> outcomes(count);
  std::vector<int64_t> lengths(count);
  std::vector<int32_t> flags(count);
  found->results(static_cast<int64_t>(count), outcomes.data(), lengths.data(), flags.data());
  std::vector<PageResult> results(count);
  for (size_t i = 0; i < count; ++i) {
    results[i] = {static_cast<hicache_outcome>(outcomes[i]), lengths[i], flags[i], found->cause(static_cast<int64_t>(i))};
  }
  return results;
}

void StoreClient::forget(int64_t batch) {
  store_.forget(batch);
  std::lock_guard<std::mutex> lock(mutex_);
  events_.erase(batch);
}

std::vector<PageResult> StoreClient::finish(int64_t batch) {
  if (!waitFor(batch, HICACHE_EVENT_COMPLETED)) throw std::logic_error("a batch does not complete");
  std::vector<PageResult> results = resultsOf(batch);
  bool late = false;
  for (const PageResult& result : results) late = late || result.outcome == HICACHE_TIMED_OUT;
  if (late) return results;
  if (!waitFor(batch, HICACHE_EVENT_RELEASED)) throw std::logic_error("a batch is not released");
  forget(batch);
  return results;
}

std::vector<PageResult> StoreClient::set(const std::vector<PageArgument>& pages, int64_t timeout_millis) {
  return finish(submit(Operation::kSet, pages, timeout_millis));
}

std::vector<PageResult> StoreClient::get(const std::vector<PageArgument>& pages, int64_t timeout_millis) {
  return finish(submit(Operation::kGet, pages, timeout_millis));
}

std::vector<PageResult> StoreClient::exists(const std::vector<std::string>& keys, const std::vector<int64_t>& lengths) {
  std::vector<PageArgument> pages;
  for (size_t i = 0; i < keys.size(); ++i) pages.emplace_back(keys[i], nullptr, lengths.empty() ? -1 : lengths[i]);
  return finish(submit(Operation::kExists, pages, kTimeoutMillis));
}

std::vector<PageResult> StoreClient::remove(const std::vector<std::string>& keys) {
  std::vector<PageArgument> pages;
  for (const std::string& key : keys) pages.emplace_back(key, nullptr, -1);
  return finish(submit(Operation::kDelete, pages, kTimeoutMillis));
}

std::vector<PageResult> StoreClient::pin(const std::vector<std::string>& keys, int64_t lease_millis) {
  std::vector<PageArgument> pages;
  for (const std::string& key : keys) pages.emplace_back(key, nullptr, -1);
  return finish(submit(Operation::kPin, pages, kTimeoutMillis, lease_millis));
}

PageResult StoreClient::setNewPage(const std::string& key, const PageMemory& page) {
  return finish(submit(Operation::kSet, {PageArgument(key, page)}, kTimeoutMillis, 0, HICACHE_SET_SKIP_EXISTING))[0];
}

std::vector<PageResult> StoreClient::setMissing(const std::vector<PageArgument>& pages) {
  return finish(submit(Operation::kSet, pages, kTimeoutMillis, 0, HICACHE_SET_KEEP_EXISTING));
}

PageResult StoreClient::clear(int64_t timeout_millis) { return finish(submit(Operation::kClear, {}, timeout_millis))[0]; }

std::string StoreClient::described(const std::string& name) const {
  const Settings description = store_.describe();
  for (const auto& [key, value] : description.pairs()) {
    if (key == name) return value;
  }
  throw std::logic_error("the description has no " + name);
}

std::string StoreClient::pathOf(const std::string& key) const {
  if (store_.parts().objects != nullptr) return store_.parts().objects->nameOf(key);
  const LayoutFiles& layout = store_.layout();
  return layout.files().pathOf(layout.placeOf(key));
}

}  // namespace hicache
