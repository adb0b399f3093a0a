// SPDX-License-Identifier: Apache-2.0
//
// The C boundary: handles in, Error out as hicache_error. No logic.
#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "hicache_nixl.h"
#include "host_memory.h"
#include "nixl_agent.h"
#include "page_listing.h"
#include "store.h"

struct hicache_store {
  hicache::Store store;
  int64_t close_timeout_millis;
};

struct hicache_fence {
  std::shared_ptr<const hicache::CudaFence> fence;
};

struct hicache_listing {
  std::unique_ptr<hicache::PageListing> listing;
};

// Registrations are shared with the agent, so that either may be freed first.
struct hicache_agent {
  hicache::NixlAgent agent;
  std::set<hicache_registration*> registrations;
};

struct hicache_registration {
  hicache_agent* agent;
  hicache::Registration registration;
};

namespace hicache {
namespace {

// Runs body; an exception becomes *error and the given result.
template <typename Result, typename Body>
Result guarded(hicache_error* error, Result failed, Body body) noexcept {
  try {
    return body();
  } catch (...) {
    fill(error, currentError());
  }
  return failed;
}

std::string toString(const int8_t* text, int64_t length) {
  return text == nullptr || length <= 0 ? std::string()
                                        : std::string(reinterpret_cast<const char*>(text), static_cast<size_t>(length));
}

// text: a key with its component behind it.
PageName toName(std::string_view text, int32_t component_length) {
  size_t component = std::min(text.size(), static_cast<size_t>(std::max(component_length, 0)));
  return {text.substr(0, text.size() - component), text.substr(text.size() - component)};
}

int64_t copyOut(const std::string& text, int8_t* target, int64_t capacity) {
  if (target != nullptr && capacity > 0) std::memcpy(target, text.data(), std::min(text.size(), static_cast<size_t>(capacity)));
  return static_cast<int64_t>(text.size());
}

std::vector<Descriptor> toDescriptors(int64_t n, const int64_t* addresses, const int64_t* lengths, const int64_t* device_ids,
                                      const int8_t* metadata, const int32_t* metadata_lengths) {
  if (n <= 0) throw Error(HICACHE_INVALID_ARGUMENT, "register: " + std::to_string(n) + " descriptors");
  if (addresses == nullptr || lengths == nullptr || device_ids == nullptr) {
    throw Error(HICACHE_INVALID_ARGUMENT, "register: no addresses, lengths or device ids given");
  }
  std::vector<Descriptor> descriptors;
  const char* text = reinterpret_cast<const char*>(metadata);
  for (int64_t i = 0; i < n; ++i) {
    Descriptor descriptor{static_cast<uint64_t>(addresses[i]), static_cast<uint64_t>(lengths[i]),
                          static_cast<uint64_t>(device_ids[i])};
    if (metadata != nullptr && metadata_lengths != nullptr) {
      if (metadata_lengths[i] < 0) throw Error(HICACHE_INVALID_ARGUMENT, "register: metadata of a negative length");
      descriptor.metadata = std::string_view(text, static_cast<size_t>(metadata_lengths[i]));
      text += metadata_lengths[i];
    }
    descriptors.push_back(descriptor);
  }
  return descriptors;
}

MemoryType toMemoryType(int32_t type) {
  if (type != HICACHE_MEMORY_DRAM && type != HICACHE_MEMORY_VRAM && type != HICACHE_MEMORY_OBJECT &&
      type != HICACHE_MEMORY_FILE) {
    throw Error(HICACHE_INVALID_ARGUMENT, "register: " + std::to_string(type) + " is no memory type");
  }
  return static_cast<MemoryType>(type);
}

int64_t submit(hicache_store* store, const BatchRequest& request, hicache_error* error) {
  return guarded<int64_t>(error, 0, [&] { return store->store.submit(request); });
}

}  // namespace
}  // namespace hicache

using namespace hicache;

extern "C" {

hicache_store* hicache_store_open(const int8_t* settings, int64_t settings_length, hicache_error* error) {
  return guarded<hicache_store*>(error, nullptr, [&] {
    StoreConfig config = StoreConfig::parse(Settings(settings, settings_length));
    return new hicache_store{Store(config), config.close_timeout_millis};
  });
}

int32_t hicache_store_close(hicache_store* store, int64_t timeout_millis) {
  return guarded<int32_t>(nullptr, 0, [&] { return store->store.close(toTimeout(timeout_millis)) ? 1 : 0; });
}

void hicache_store_free(hicache_store* store) {
  if (store == nullptr) return;
  hicache_store_close(store, store->close_timeout_millis);
  delete store;
}

int64_t hicache_store_describe(hicache_store* store, int8_t* text, int64_t capacity) {
  return guarded<int64_t>(nullptr, 0, [&] { return copyOut(store->store.describe().encode(), text, capacity); });
}

int32_t hicache_store_evict(hicache_store* store, int64_t timeout_millis, int64_t* pages, int64_t* bytes,
                            hicache_error* error) {
  return guarded<int32_t>(error, 0, [&] {
    EvictionResult result = store->store.evict(toTimeout(timeout_millis));
    if (pages != nullptr) *pages = result.pages;
    if (bytes != nullptr) *bytes = result.bytes;
    return 1;
  });
}

int64_t hicache_submit_set(hicache_store* store, int64_t n, const int8_t* keys, const int32_t* key_lengths,
                           const int32_t* component_lengths, const int32_t* block_counts, const int64_t* addresses,
                           const int64_t* lengths, const int32_t* dtypes, const int32_t* ranks, const int64_t* dims,
                           const int32_t* devices, hicache_fence* fence, int32_t flags, int64_t timeout_millis,
                           hicache_error* error) {
  BatchRequest request{Operation::kSet, n, keys, key_lengths, component_lengths, timeout_millis};
  request.block_counts = block_counts;
  request.addresses = addresses;
  request.lengths = lengths;
  request.dtypes = dtypes;
  request.ranks = ranks;
  request.dims = dims;
  request.devices = devices;
  if (fence != nullptr) request.fence = fence->fence;
  request.skip_existing = (flags & HICACHE_SET_SKIP_EXISTING) != 0;
  request.keep_existing = (flags & HICACHE_SET_KEEP_EXISTING) != 0;
  return submit(store, request, error);
}

int64_t hicache_submit_get(hicache_store* store, int64_t n, const int8_t* keys, const int32_t* key_lengths,
                           const int32_t* component_lengths, const int32_t* block_counts, const int64_t* addresses,
                           const int64_t* lengths, const int32_t* dtypes, const int32_t* devices, hicache_fence* fence,
                           int64_t timeout_millis, hicache_error* error) {
  BatchRequest request{Operation::kGet, n, keys, key_lengths, component_lengths, timeout_millis};
  request.block_counts = block_counts;
  request.addresses = addresses;
  request.lengths = lengths;
  request.dtypes = dtypes;
  request.devices = devices;
  if (fence != nullptr) request.fence = fence->fence;
  return submit(store, request, error);
}

hicache_fence* hicache_fence_create(int32_t n, const int32_t* devices, const int64_t* streams, hicache_error* error) {
  return guarded<hicache_fence*>(error, nullptr, [&] {
    if (n < 1 || devices == nullptr || streams == nullptr) throw Error(HICACHE_INVALID_ARGUMENT, "a fence: no streams given");
    std::vector<CudaStream> marked;
    for (int32_t i = 0; i < n; ++i) marked.push_back({devices[i], static_cast<uint64_t>(streams[i])});
    return new hicache_fence{std::make_shared<const CudaFence>(realCudaApi(), marked)};
  });
}

void hicache_fence_free(hicache_fence* fence) { delete fence; }

int64_t hicache_submit_exists(hicache_store* store, int64_t n, const int8_t* keys, const int32_t* key_lengths,
                              const int32_t* component_lengths, const int64_t* lengths, int64_t timeout_millis,
                              hicache_error* error) {
  BatchRequest request{Operation::kExists, n, keys, key_lengths, component_lengths, timeout_millis};
  request.lengths = lengths;
  return submit(store, request, error);
}

int64_t hicache_submit_delete(hicache_store* store, int64_t n, const int8_t* keys, const int32_t* key_lengths,
                              const int32_t* component_lengths, int64_t timeout_millis, hicache_error* error) {
  return submit(store, {Operation::kDelete, n, keys, key_lengths, component_lengths, timeout_millis}, error);
}

int64_t hicache_submit_pin(hicache_store* store, int64_t n, const int8_t* keys, const int32_t* key_lengths,
                           const int32_t* component_lengths, int64_t lease_millis, int64_t timeout_millis,
                           hicache_error* error) {
  BatchRequest request{Operation::kPin, n, keys, key_lengths, component_lengths, timeout_millis};
  request.lease_millis = lease_millis;
  return submit(store, request, error);
}

int64_t hicache_submit_clear(hicache_store* store, int64_t timeout_millis, hicache_error* error) {
  BatchRequest request;
  request.operation = Operation::kClear;
  request.timeout_millis = timeout_millis;
  return submit(store, request, error);
}

int64_t hicache_next_event(hicache_store* store, int64_t timeout_millis, int32_t* events) {
  return guarded<int64_t>(nullptr, 0, [&]() -> int64_t {
    bool finished = false;
    auto event = store->store.events().next(toTimeout(timeout_millis), &finished);
    if (!event) return finished ? -1 : 0;
    *events = event->bits;
    return event->batch;
  });
}

int32_t hicache_batch_wait(hicache_store* store, int64_t batch, int64_t timeout_millis) {
  return guarded<int32_t>(nullptr, 0, [&] {
    std::shared_ptr<Batch> found = store->store.batch(batch);
    return found == nullptr ? 0 : found->wait(toTimeout(timeout_millis));
  });
}

int32_t hicache_batch_cancel(hicache_store* store, int64_t batch) {
  return guarded<int32_t>(nullptr, 0, [&] { return store->store.cancel(batch) ? 1 : 0; });
}

int64_t hicache_batch_results(hicache_store* store, int64_t batch, int64_t n, int32_t* outcomes, int64_t* page_lengths,
                              int32_t* flags) {
  return guarded<int64_t>(nullptr, -1, [&]() -> int64_t {
    std::shared_ptr<Batch> found = store->store.batch(batch);
    return found == nullptr ? -1 : found->results(n, outcomes, page_lengths, flags);
  });
}

int32_t hicache_batch_cause(hicache_store* store, int64_t batch, int64_t index, hicache_error* cause) {
  return guarded<int32_t>(nullptr, 0, [&] {
    std::shared_ptr<Batch> found = store->store.batch(batch);
    std::shared_ptr<const Error> error = found == nullptr ? nullptr : found->cause(index);
    if (error != nullptr) fill(cause, *error);
    return error != nullptr ? 1 : 0;
  });
}

int64_t hicache_batch_timing(hicache_store* store, int64_t batch, int64_t* nanos) {
  return guarded<int64_t>(nullptr, -1, [&]() -> int64_t {
    std::shared_ptr<Batch> found = store->store.batch(batch);
    return found == nullptr ? -1 : found->timing(nanos);
  });
}

void hicache_batch_free(hicache_store* store, int64_t batch) { store->store.forget(batch); }

int64_t hicache_memory_register(hicache_store* store, int64_t address, int64_t length, hicache_error* error) {
  return guarded<int64_t>(error, 0, [&] { return store->store.registerMemory(static_cast<uint64_t>(address), length); });
}

int32_t hicache_memory_deregister(hicache_store* store, int64_t id, int64_t timeout_millis) {
  return guarded<int32_t>(nullptr, 0, [&] { return store->store.deregisterMemory(id, toTimeout(timeout_millis)) ? 1 : 0; });
}

int32_t hicache_find(hicache_store* store, const int8_t* key, int32_t key_length, int32_t component_length,
                     hicache_page_info* info, hicache_error* error) {
  return guarded<int32_t>(error, -1, [&] {
    std::string text = toString(key, key_length);
    return findPage(store->store.parts(), toName(text, component_length), info) ? 1 : 0;
  });
}

int32_t hicache_remove(hicache_store* store, const int8_t* key, int32_t key_length, int32_t component_length, int64_t version,
                       hicache_error* error) {
  return guarded<int32_t>(error, -1, [&] {
    std::string text = toString(key, key_length);
    return removePage(store->store.parts(), toName(text, component_length), version) ? 1 : 0;
  });
}

hicache_listing* hicache_listing_open(hicache_store* store, hicache_error* error) {
  return guarded<hicache_listing*>(error, nullptr, [&] { return new hicache_listing{PageListing::of(store->store.parts())}; });
}

int32_t hicache_listing_next(hicache_listing* listing, int8_t* key, int32_t capacity, hicache_page_info* info,
                             hicache_error* error) {
  return guarded<int32_t>(error, -1, [&] {
    std::string text;
    return listing->listing->next(&text, info) ? static_cast<int32_t>(copyOut(text, key, capacity)) : 0;
  });
}

void hicache_listing_close(hicache_listing* listing) { delete listing; }

int32_t hicache_page_path(hicache_store* store, const int8_t* key, int32_t key_length, int32_t component_length, int8_t* path,
                          int32_t capacity, hicache_error* error) {
  return guarded<int32_t>(error, -1, [&] {
    std::string text = toString(key, key_length);
    return static_cast<int32_t>(copyOut(pathOfPage(store->store.parts(), toName(text, component_length)), path, capacity));
  });
}

int32_t hicache_object_page(hicache_store* store, const int8_t* name, int32_t name_length, const int8_t* head,
                            int32_t head_length, int64_t object_length, hicache_page_info* info, int8_t* key, int32_t capacity,
                            hicache_error* error) {
  return guarded<int32_t>(error, -1, [&] {
    const LayoutObjects* objects = store->store.parts().objects.get();
    if (objects == nullptr) throw Error(HICACHE_INVALID_ARGUMENT, "this store keeps no objects");
    std::optional<std::string> shown =
        objects->show(toString(name, name_length), toString(head, head_length), object_length, info);
    return shown ? static_cast<int32_t>(copyOut(*shown, key, capacity)) : 0;
  });
}

hicache_agent* hicache_agent_create(const int8_t* name, int32_t name_length, hicache_error* error) {
  return guarded<hicache_agent*>(error, nullptr, [&] { return new hicache_agent{NixlAgent(toString(name, name_length)), {}}; });
}

int32_t hicache_agent_select_backend(hicache_agent* agent, const int8_t* settings, int64_t settings_length,
                                     hicache_error* error) {
  return guarded<int32_t>(error, 0, [&] {
    agent->agent.selectBackend(parseBackendRequest(Settings(settings, settings_length)));
    return 1;
  });
}

int64_t hicache_agent_describe(hicache_agent* agent, int8_t* text, int64_t capacity) {
  return guarded<int64_t>(nullptr, 0, [&] { return copyOut(agent->agent.describe().encode(), text, capacity); });
}

void hicache_agent_free(hicache_agent* agent) {
  if (agent == nullptr) return;
  for (hicache_registration* registration : agent->registrations) {
    registration->registration.reset();
    registration->agent = nullptr;
  }
  delete agent;
}

hicache_registration* hicache_register(hicache_agent* agent, int32_t memory_type, int64_t n, const int64_t* addresses,
                                       const int64_t* lengths, const int64_t* device_ids, const int8_t* metadata,
                                       const int32_t* metadata_lengths, hicache_error* error) {
  return guarded<hicache_registration*>(error, nullptr, [&] {
    std::vector<Descriptor> descriptors = toDescriptors(n, addresses, lengths, device_ids, metadata, metadata_lengths);
    auto* registration =
        new hicache_registration{agent, agent->agent.registerMemory(toMemoryType(memory_type), std::move(descriptors))};
    agent->registrations.insert(registration);
    return registration;
  });
}

void hicache_deregister(hicache_registration* registration) {
  if (registration == nullptr) return;
  if (registration->agent != nullptr) registration->agent->registrations.erase(registration);
  delete registration;
}

int32_t hicache_memory_type_of(int64_t address, int32_t* device) {
  return guarded<int32_t>(nullptr, HICACHE_MEMORY_DRAM, [&] {
    MemoryPlace place = realCudaApi()->placeOf(static_cast<uint64_t>(address));
    if (device != nullptr) *device = place.device;
    return static_cast<int32_t>(place.type);
  });
}

int64_t hicache_memory_allocate(int64_t length, int32_t flags, int32_t* granted, hicache_error* error) {
  return guarded<int64_t>(error, 0, [&] {
    HostRegion region = processHostMemory().allocate(length, flags);
    if (granted != nullptr) *granted = region.granted;
    return static_cast<int64_t>(region.address);
  });
}

int64_t hicache_memory_describe(int64_t address, int8_t* text, int64_t capacity) {
  return guarded<int64_t>(nullptr, 0, [&]() -> int64_t {
    HostRegion region = processHostMemory().find(static_cast<uint64_t>(address));
    return region.address == 0 ? 0 : copyOut(region.describe().encode(), text, capacity);
  });
}

int32_t hicache_memory_free(int64_t address, hicache_error* error) {
  return guarded<int32_t>(error, 0, [&] {
    processHostMemory().free(static_cast<uint64_t>(address));
    return 1;
  });
}

int32_t hicache_cuda_device_count(int8_t* reason, int32_t capacity) {
  return guarded<int32_t>(nullptr, 0, [&] {
    std::string why = realCudaApi()->unavailableReason();
    why.push_back('\0');
    copyOut(why, reason, capacity);
    if (reason != nullptr && capacity > 0) reason[capacity - 1] = 0;
    return realCudaApi()->deviceCount();
  });
}

int32_t hicache_file_open(const int8_t* path, int32_t path_length, int32_t create, hicache_error* error) {
  return guarded<int32_t>(error, -1, [&] {
    std::string name = toString(path, path_length);
    if (name.empty() || name.find('\0') != std::string::npos) {
      throw Error(HICACHE_INVALID_ARGUMENT, "open: the path is empty or holds a NUL");
    }
    std::shared_ptr<FileCalls> calls = realFileCalls();
    int fd = calls->openPath(name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | (create != 0 ? O_CREAT : 0), 0600);
    if (fd < 0) throw errnoError("opening '" + name + "'", -fd);
    FileHandle file(calls.get(), fd);
    struct stat status = {};
    int known = calls->status(fd, &status);
    if (known < 0) throw errnoError("opening '" + name + "'", -known);
    if (!S_ISREG(status.st_mode)) throw Error(HICACHE_IO, "opening '" + name + "': it is no regular file");
    return file.take();
  });
}

int32_t hicache_file_close(int32_t descriptor, hicache_error* error) {
  return guarded<int32_t>(error, 0, [&] {
    int closed = realFileCalls()->close(descriptor);
    if (closed < 0) throw errnoError("closing descriptor " + std::to_string(descriptor), -closed);
    return 1;
  });
}

const char* hicache_version(void) { return HICACHE_VERSION; }

}  // extern "C"
