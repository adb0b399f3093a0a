// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "batch_checks.h"
#include "layout_choice.h"
#include "transfer.h"

namespace hicache {
namespace {

constexpr size_t kLanesMaxByDefault = 4;
constexpr size_t kLanesForObjects = 2;
constexpr int64_t kUringPagesInFlight = 64;
// Below this many bytes, or keys without bytes, a lane, waking a second one costs more than it saves.
constexpr int64_t kLaneBytesMin = 512 << 10;
constexpr int64_t kLaneKeysMin = 16;
constexpr int64_t kChunksOfCapacity = 16;

size_t laneCountOf(const StoreConfig& config) {
  if (config.lanes > 0) return static_cast<size_t>(config.lanes);
  if (config.layout == Layout::kObjects) return kLanesForObjects;
  return std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kLanesMaxByDefault);
}

void fitToDirectories(StoreConfig* config, const std::vector<StorageDirectory>& directories) {
  bool direct = std::any_of(directories.begin(), directories.end(), [](const auto& directory) { return directory.direct_io; });
  if (config->chunk_bytes == 0) config->chunk_bytes = direct ? kChunkBytesDirect : kChunkBytesBuffered;
  if (config->chunks_in_flight == 0) config->chunks_in_flight = direct ? kChunksInFlightDirect : kChunksInFlightBuffered;
  if (config->request_bytes == 0) config->request_bytes = direct ? INT64_MAX : kRequestBytesBuffered;
}

void fitToObjects(StoreConfig* config) {
  if (config->chunk_bytes == 0) config->chunk_bytes = kChunkBytesDirect;
  if (config->chunks_in_flight == 0) config->chunks_in_flight = kObjectsInFlight;
  config->request_bytes = INT64_MAX;
  config->chunk_pages = 1;
}

// Every page in flight holds a file open, and its bucket: leaves half of the process's descriptors to others.
void fitToFileLimit(StoreConfig* config) {
  struct rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  int64_t files_a_lane = static_cast<int64_t>(limit.rlim_cur) / 4 / static_cast<int64_t>(laneCountOf(*config));
  config->chunk_pages = std::clamp<int64_t>(files_a_lane, 1, config->chunk_pages);
  config->chunks_in_flight = std::clamp<int64_t>(files_a_lane / config->chunk_pages, 1, config->chunks_in_flight);
}

// NIXL reports a failed request while its other I/O may still run and touch memory that the caller has got back. Destroying the
// agent waits for Linux AIO, and for no other queue: those get one page a request. A failure in POSIX AIO hits all requests of
// the agent, so there only one is in flight.
void fitToQueue(StoreConfig* config, const std::string& queue) {
  if (queue != "uring" && queue != "posix_aio") return;
  config->chunks_in_flight =
      queue == "uring" ? std::min<int64_t>(config->chunk_pages * config->chunks_in_flight, kUringPagesInFlight) : 1;
  config->chunk_pages = 1;
  config->chunk_blocks = 1;
}

int64_t divideUp(int64_t amount, int64_t unit) { return amount / unit + (amount % unit == 0 ? 0 : 1); }

const char* text(bool value) { return value ? "true" : "false"; }

// Segments count for themselves, in their index.
bool countsFiles(const StoreConfig& config) { return config.limits.counts() && config.layout == Layout::kFiles; }

void openDirectories(const std::shared_ptr<FileCalls>& calls, StoreParts* parts) {
  StoreConfig& config = parts->config;
  parts->files = std::make_shared<FileManager>(calls, config.storage_directories, config.direct_io);
  fitToDirectories(&config, parts->files->directories());
  fitToFileLimit(&config);
  parts->layout = std::make_unique<LayoutFiles>(parts->files, config.naming, config.limits.ttl_seconds);
  if (config.chooses_layout) {
    LayoutChoice choice = chooseLayout(*parts);
    config.layout = choice.layout;
    parts->layout_reason = std::move(choice.reason);
    parts->segments = std::move(choice.segments);
  }
  if (countsFiles(config)) parts->files->startCounting();
  parts->room = std::make_unique<Room>(parts->files, config.limits);
  if (config.layout == Layout::kSegments && parts->segments == nullptr) {
    parts->segments = std::make_unique<LayoutSegments>(parts->files, config);
  }
  config.backend.probe_directory = parts->files->ownFolder(0);
}

void openObjects(StoreParts* parts) {
  StoreConfig& config = parts->config;
  fitToObjects(&config);
  const std::optional<NamedBackend> named = backendNamed(config.backend.backend);
  ObjectEndpoint endpoint = ObjectEndpoint::of(named ? named->name : "OBJ", config.backend.params, config.objects.allow_http,
                                               config.chunks_in_flight);
  endpoint.prepareEnvironment();
  config.backend.params = endpoint.params;
  config.backend.object_prefix = config.objects.prefix;
  config.backend.object_test = true;
  parts->objects = std::make_unique<LayoutObjects>(config, std::move(endpoint));
}

}  // namespace

Store::Store(const StoreConfig& config, Outside outside) {
  auto parts = std::make_shared<StoreParts>();
  parts->config = config;
  parts->nixl = outside.nixl;
  parts->cuda = outside.cuda;
  KeyCodec checked(config.naming);  // a bad model name is refused before any directory is made
  if (config.layout == Layout::kObjects) {
    openObjects(parts.get());
  } else {
    openDirectories(outside.files, parts.get());
  }
  BackendSelection selection =
      selectBackend(parts->nixl, parts->cuda, parts->config.backend, "hicache-" + std::to_string(::getpid()) + "-store");
  parts->backend = selection.backend;
  fitToQueue(&parts->config, parts->backend.queue);
  candidates_ = std::move(selection.candidates);
  test_object_ = std::move(selection.test_object);
  parts_ = std::move(parts);
  lanes_ = std::make_unique<LanePool>(parts_, std::move(selection.agent), laneCountOf(config));
  if (countsFiles(parts_->config)) evictor_ = Evictor::start(parts_, lanes_->askingParkedAgain());
}

Store::~Store() {
  lanes_->close(std::chrono::milliseconds(parts_->config.close_timeout_millis));
  if (evictor_ != nullptr) evictor_->stop();
}

int64_t Store::submit(const BatchRequest& request) {
  requireSound(request);
  if (lanes_->closed()) throw Error(HICACHE_CLOSED, "the store is closed");
  std::shared_ptr<Batch> batch = makeBatch(request);
  std::vector<Chunk> chunks = split(batch);
  batch->setChunkCount(chunks.size());
  {
    std::lock_guard<std::mutex> lock(mutex_);
    batches_[batch->id()] = batch;
  }
  if (chunks.empty()) {
    batch->completeEmpty();
    return batch->id();
  }
  try {
    lanes_->submit(batch, std::move(chunks));
  } catch (const Error&) {
    forget(batch->id());
    throw;
  }
  return batch->id();
}

std::shared_ptr<Batch> Store::makeBatch(const BatchRequest& request) {
  int64_t id = 0;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    id = next_batch_++;
  }
  auto deadline = Clock::now() + toTimeout(request.timeout_millis);
  auto batch = std::make_shared<Batch>(id, request.operation, deadline, request.timeout_millis, events_);
  batch->setLease(request.lease_millis);
  batch->setFence(request.fence);
  fillPages(request, *parts_->cuda, batch.get());
  return batch;
}

std::vector<Chunk> Store::split(const std::shared_ptr<Batch>& batch) const {
  const std::vector<Page>& pages = batch->pages();
  std::vector<Chunk> chunks;
  if (batch->allSettled()) return chunks;
  const bool transfers = Transfer::does(*parts_, batch->operation());
  auto bytesOf = [&](size_t i) { return transfers && !batch->settledEarly(i) ? std::max<int64_t>(pages[i].length, 0) : 0; };
  int64_t total = 0;
  for (size_t i = 0; i < pages.size(); ++i) total += bytesOf(i);
  const auto count = static_cast<int64_t>(pages.size());
  const auto lanes = static_cast<int64_t>(lanes_->laneCount());
  int64_t bytes_max = parts_->config.chunk_bytes;
  // A chunk has to find room as a whole.
  const int64_t capacity = parts_->config.limits.capacity_bytes;
  if (capacity > 0) bytes_max = std::min(bytes_max, std::max<int64_t>(capacity / kChunksOfCapacity, 1));
  int64_t pages_max = transfers ? parts_->config.chunk_pages : INT64_MAX;
  // All lanes get the same, and small batches are spread too, as long as each part is worth a lane.
  int64_t parts = std::max(divideUp(total, bytes_max), divideUp(count, pages_max));
  parts = std::min(divideUp(parts, lanes) * lanes,
                   std::max(parts, transfers ? divideUp(total, kLaneBytesMin) : divideUp(count, kLaneKeysMin)));
  bytes_max = std::min(bytes_max, std::max<int64_t>(divideUp(total, parts), 1));
  pages_max = std::min(pages_max, std::max<int64_t>(divideUp(count, parts), 1));
  for (size_t begin = 0, end = 0; begin < pages.size(); begin = end) {
    int64_t bytes = 0;
    size_t blocks = 0;
    while (end < pages.size() && static_cast<int64_t>(end - begin) < pages_max) {
      bytes += bytesOf(end);
      blocks += pages[end].blocks.size();
      if (end > begin && (bytes > bytes_max || static_cast<int64_t>(blocks) > parts_->config.chunk_blocks)) break;
      ++end;
    }
    chunks.push_back({batch, begin, end});
  }
  return chunks;
}

std::shared_ptr<Batch> Store::batch(int64_t id) const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = batches_.find(id);
  return found == batches_.end() ? nullptr : found->second;
}

bool Store::cancel(int64_t id) {
  std::shared_ptr<Batch> found = batch(id);
  return found != nullptr && lanes_->cancel(found);
}

void Store::forget(int64_t id) {
  std::lock_guard<std::mutex> lock(mutex_);
  batches_.erase(id);
}

bool Store::deregisterMemory(int64_t id, std::chrono::milliseconds timeout) {
  return parts_->memory->remove(id, timeout, [this] { lanes_->wake(); });
}

bool Store::close(std::chrono::milliseconds timeout) {
  bool drained = lanes_->close(timeout);
  if (evictor_ != nullptr) evictor_->stop();
  events_->close();
  return drained;
}

EvictionResult Store::evict(std::chrono::milliseconds timeout) {
  if (parts_->segments != nullptr) return parts_->segments->evict();
  if (parts_->objects != nullptr) {
    throw Error(HICACHE_UNSUPPORTED, "evict: a bucket has no capacity; let the server's lifecycle rules remove old objects");
  }
  if (evictor_ == nullptr) {
    throw Error(HICACHE_UNSUPPORTED, "evict: eviction is off; set capacity_bytes, or an l3_cleaner watermark");
  }
  return evictor_->evictNow(timeout);
}

void Store::describeRoom(Settings* description) const {
  if (parts_->objects != nullptr) return;
  const Room& room = *parts_->room;
  description->add("capacity_bytes", std::to_string(room.limits().capacity_bytes));
  description->add("eviction", text(room.limits().evicts));
  if (const LayoutSegments* segments = parts_->segments.get()) {
    description->add("usage_bytes", std::to_string(segments->bytes()));
    description->add("usage_ready", "true");
    description->add("evicted_pages", std::to_string(segments->evictedPages()));
    description->add("evicted_bytes", std::to_string(segments->evictedBytes()));
    description->add("eviction_rounds", std::to_string(segments->rounds()));
    description->add("eviction_problem", "");
    description->add("refused_no_space", std::to_string(segments->refused()));
    return;
  }
  description->add("usage_bytes", std::to_string(room.total()));
  description->add("usage_ready", text(room.ready()));
  description->add("evicted_pages", std::to_string(evictor_ == nullptr ? 0 : evictor_->evictedPages()));
  description->add("evicted_bytes", std::to_string(evictor_ == nullptr ? 0 : evictor_->evictedBytes()));
  description->add("eviction_rounds", std::to_string(evictor_ == nullptr ? 0 : evictor_->rounds()));
  description->add("eviction_problem", evictor_ == nullptr ? "" : evictor_->problem());
  description->add("refused_no_space", std::to_string(room.refused()));
}

Settings Store::describe() const {
  Settings description;
  const StoreConfig& config = parts_->config;
  description.add("backend", parts_->backend.name);
  description.add("nixl_plugin", parts_->backend.plugin);
  description.add("queue", parts_->backend.queue);
  description.add("nixl_path", parts_->nixl->libraryPath());
  description.add("layout", hicache::nameOf(config.layout));
  description.add("layout_reason", parts_->layout_reason);
  description.add("naming", config.naming.word());
  description.add("suffix", KeyCodec(config.naming).suffix());
  description.add("checksum", text(config.verify_checksum));
  description.add("chunk_pages", std::to_string(config.chunk_pages));
  description.add("chunk_bytes", std::to_string(config.chunk_bytes));
  description.add("request_bytes", std::to_string(config.request_bytes == INT64_MAX ? 0 : config.request_bytes));
  description.add("chunks_in_flight", std::to_string(config.chunks_in_flight));
  description.add("lanes", std::to_string(lanes_->laneCount()));
  description.add("lanes_in_quarantine", std::to_string(lanes_->quarantined()));
  description.add("batches", std::to_string(lanes_->activeBatches()));
  description.add("pages_in_flight", std::to_string(lanes_->activePages()));
  describeRoom(&description);
  if (parts_->objects != nullptr) {
    parts_->objects->describe(&description);
    description.add("probe_object", test_object_);
  } else {
    describeDirectories(&description);
  }
  hicache::describe(candidates_, &description);
  return description;
}

void Store::describeDirectories(Settings* description) const {
  for (size_t i = 0; i < parts_->files->directories().size(); ++i) {
    const StorageDirectory& directory = parts_->files->directories()[i];
    std::string prefix = "directory." + std::to_string(i) + ".";
    description->add(prefix + "path", directory.path);
    description->add(prefix + "file_system", directory.file_system);
    description->add(prefix + "direct_io", text(directory.direct_io));
    description->add(prefix + "direct_io_reason", directory.direct_io_reason);
    description->add(prefix + "alignment", std::to_string(kDirectIoAlignment));
    description->add(prefix + "attributes", text(directory.attributes));
    description->add(prefix + "stale_files_swept", std::to_string(directory.stale_files_swept));
    description->add(prefix + "room_bytes", std::to_string(parts_->room->freeSpace(i).room().value_or(-1)));
    description->add(prefix + "free_slot_bytes",
                     std::to_string(parts_->segments == nullptr ? 0 : parts_->segments->directory(i).freeBytes()));
  }
}

}  // namespace hicache
