// SPDX-License-Identifier: Apache-2.0
#include "backend_selection.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "backend_probe.h"
#include "error.h"

namespace hicache {
namespace {

constexpr std::chrono::seconds kPluginPatience{10};
constexpr const char* kUseAio = "use_aio";
constexpr const char* kUseUring = "use_uring";
constexpr const char* kUsePosixAio = "use_posix_aio";
constexpr const char* kIosPoolSize = "ios_pool_size";

struct KnownBackend {
  const char* name;
  const char* plugin;
  MemoryType storage;
  bool moves_vram;
  bool needs_cuda;
  std::set<std::string> params;
  bool in_auto = true;
};

const std::vector<KnownBackend>& knownBackends() {
  static const std::vector<KnownBackend> known = {
      {"3FS", "HF3FS", MemoryType::kFile, false, false, {"mount_point", "mem_config", "iopool_size"}},
      {"POSIX",
       "POSIX",
       MemoryType::kFile,
       false,
       false,
       {kUseAio, kUseUring, kUsePosixAio, kIosPoolSize, "kernel_queue_size"}},
      {"GDS_MT", "GDS_MT", MemoryType::kFile, true, true, {"thread_count"}},
      {"GDS", "GDS", MemoryType::kFile, true, true, {"batch_pool_size", "batch_limit", "max_request_size"}},
      {"OBJ",
       "OBJ",
       MemoryType::kObject,
       false,
       false,
       {"access_key", "secret_key", "session_token", "bucket", "endpoint_override", "scheme", "region",
        "use_virtual_addressing", "req_checksum", "resp_checksum", "ca_bundle", "num_threads", "crtMinLimit",
        "throughput_target_gbps", "accelerated"}},
      {"AZURE_BLOB",
       "AZURE_BLOB",
       MemoryType::kObject,
       false,
       false,
       {"connection_string", "account_url", "container_name", "ca_bundle", "num_threads"},
       false},
  };
  return known;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::vector<const KnownBackend*> requestedBackends(const std::string& requested) {
  std::vector<const KnownBackend*> result;
  std::string wanted = upper(requested);
  for (const KnownBackend& known : knownBackends()) {
    if ((wanted == "AUTO" && known.in_auto) || wanted == known.name || wanted == known.plugin) result.push_back(&known);
  }
  if (result.empty()) {
    throw Error(HICACHE_INVALID_ARGUMENT,
                "backend = '" + requested + "': must be auto, 3FS, POSIX, GDS_MT, GDS, OBJ or AZURE_BLOB");
  }
  return result;
}

// NIXL accepts misspelt parameters without a word.
void requireKnownParams(const std::vector<const KnownBackend*>& candidates, const PluginParams& params) {
  for (const auto& [name, value] : params) {
    std::string allowed;
    for (const KnownBackend* candidate : candidates) {
      if (candidate->params.count(name) != 0) {
        allowed.clear();
        break;
      }
      for (const std::string& param : candidate->params) allowed += " " + param;
    }
    if (!allowed.empty()) {
      throw Error(HICACHE_INVALID_ARGUMENT, "plugin." + name + ": no parameter of " +
                                                (candidates.size() == 1 ? candidates[0]->name : "any backend") + "; known are" +
                                                allowed);
    }
  }
}

// What is passed over, and what to do about it.
struct PassedOver {
  std::string reason;
  std::string advice;
};

// Why a backend should not even be loaded here; nothing when it should.
std::optional<PassedOver> checkBeforeLoad(const KnownBackend& known, CudaApi& cuda, const BackendRequest& request) {
  if (known.needs_cuda && cuda.deviceCount() == 0) {
    return PassedOver{"no CUDA device: " + cuda.unavailableReason(), "needs an NVIDIA GPU, its driver and libcufile"};
  }
  if (known.needs_cuda && ::access("/proc/modules", R_OK) != 0) {
    return PassedOver{"/proc/modules cannot be read, and cuFile never returns without it",
                      "run on a kernel with module support"};
  }
  if (request.memory == MemoryType::kVram && !known.moves_vram) {
    return PassedOver{"moves host memory only, GPU memory was asked for", "use GDS_MT or GDS for GPU memory"};
  }
  if (request.storage == MemoryType::kFile && known.storage != MemoryType::kFile) {
    return PassedOver{"moves objects, and the layout keeps pages in files", "set layout = objects"};
  }
  if (request.storage == MemoryType::kObject && known.storage != MemoryType::kObject) {
    return PassedOver{"moves files, and the layout keeps pages in objects", "use OBJ or AZURE_BLOB for layout objects"};
  }
  const std::string_view name = known.name;
  if (name == "OBJ" && request.params.count("bucket") == 0 && std::getenv("AWS_DEFAULT_BUCKET") == nullptr) {
    return PassedOver{"no bucket is configured", "set plugin.bucket or AWS_DEFAULT_BUCKET"};
  }
  if (name == "AZURE_BLOB" && request.params.count("container_name") == 0 &&
      std::getenv("AZURE_STORAGE_CONTAINER_NAME") == nullptr) {
    return PassedOver{"no container is configured", "set plugin.container_name or AZURE_STORAGE_CONTAINER_NAME"};
  }
  return std::nullopt;
}

PluginParams paramsFor(const KnownBackend& known, const BackendRequest& request) {
  PluginParams params;
  for (const auto& [name, value] : request.params) {
    if (known.params.count(name) != 0) params[name] = value;
  }
  // NIXL's default of 65536 slots costs 10 MB and 10 ms a backend; lanes bound what is in flight.
  if (known.params.count(kIosPoolSize) != 0 && params.count(kIosPoolSize) == 0) {
    params[kIosPoolSize] = std::to_string(std::clamp<int64_t>(request.descriptors_in_flight, 1024, 65536));
  }
  return params;
}

std::string queueOf(const KnownBackend& known, const PluginParams& params) {
  if (std::string_view(known.name) != "POSIX") return "";
  auto on = [&](const char* name) {
    auto found = params.find(name);
    return found != params.end() && (found->second == "true" || found->second == "1");
  };
  return on(kUseUring) ? "uring" : on(kUsePosixAio) ? "posix_aio" : "aio";
}

bool choosesQueue(const PluginParams& params) {
  return params.count(kUseAio) + params.count(kUseUring) + params.count(kUsePosixAio) != 0;
}

// Short reads are provoked once for each library and queue in a process: NIXL prints two error lines each time.
std::mutex short_reads_mutex;
std::set<std::pair<std::string, std::string>> short_reads_proved;

bool shortReadsProved(const std::shared_ptr<NixlApi>& nixl, const std::string& queue) {
  std::lock_guard<std::mutex> lock(short_reads_mutex);
  return short_reads_proved.count({nixl->libraryPath(), queue}) != 0;
}

void rememberShortReads(const std::shared_ptr<NixlApi>& nixl, const std::string& queue) {
  std::lock_guard<std::mutex> lock(short_reads_mutex);
  short_reads_proved.insert({nixl->libraryPath(), queue});
}

// A live and tested backend.
struct Proof {
  std::unique_ptr<Agent> agent;
  std::string test_object;
};

// Loads, creates and tests one backend. Throws Error saying which step failed.
Proof prove(const std::shared_ptr<NixlApi>& nixl, const Backend& backend, const BackendRequest& request,
            const std::string& agent_name) {
  {
    Agent probe(nixl, agent_name + "-load");
    std::vector<std::string> plugins;
    NixlStatus status = nixl->availablePlugins(probe.handle(), &plugins);
    // Asking NIXL for a plugin that it does not have prints a warning.
    if (status != kNixlSuccess || std::count(plugins.begin(), plugins.end(), backend.plugin) == 0) {
      throw Error(HICACHE_BACKEND_UNAVAILABLE, "this NIXL has no plugin " + backend.plugin, status);
    }
    PluginInfo info;
    status = nixl->pluginInfo(probe.handle(), backend.plugin, &info);
    if (status != kNixlSuccess) {
      throw Error(HICACHE_BACKEND_UNAVAILABLE,
                  "its plugin libplugin_" + backend.plugin + ".so does not load: a library that it needs is missing", status);
    }
    if (std::count(info.memory_types.begin(), info.memory_types.end(), request.memory) == 0) {
      throw Error(HICACHE_UNSUPPORTED, "its plugin does not move the memory asked for");
    }
  }
  std::unique_ptr<Agent> agent = makeAgent(nixl, backend, agent_name);
  if (backend.storage == MemoryType::kObject && request.object_test) {
    std::string left = proveObjects(*agent, request.object_prefix);
    return {std::move(agent), std::move(left)};
  }
  if (backend.storage == MemoryType::kFile && !request.probe_directory.empty()) {
    proveRoundTrip(*agent, request.probe_directory);
    // POSIX AIO is spoilt for ever by one failed request, so the failure is provoked in an agent of its own.
    if (backend.plugin == "POSIX" && !shortReadsProved(nixl, backend.queue)) {
      std::unique_ptr<Agent> other = makeAgent(nixl, backend, agent_name + "-short");
      proveShortReadFails(*other, request.probe_directory);
      rememberShortReads(nixl, backend.queue);
    }
  }
  return {std::move(agent), ""};
}

// Runs prove on a thread of its own, because a plugin's create call can spin for ever.
Proof proveInTime(const std::shared_ptr<NixlApi>& nixl, const Backend& backend, const BackendRequest& request,
                  const std::string& agent_name) {
  std::packaged_task<Proof()> task([nixl, backend, request, agent_name] { return prove(nixl, backend, request, agent_name); });
  std::future<Proof> result = task.get_future();
  std::thread thread(std::move(task));
  if (result.wait_for(kPluginPatience) != std::future_status::ready) {
    thread.detach();
    throw Error(HICACHE_TIMEOUT, "it did not answer within " + std::to_string(kPluginPatience.count()) + " s");
  }
  thread.join();
  return result.get();
}

std::string adviceFor(const KnownBackend& known) {
  std::string_view name = known.name;
  if (name == "3FS") return "install 3FS's libhf3fs_api_shared.so and NIXL's HF3FS plugin, and give plugin.mount_point";
  if (name == "POSIX") return "check that the directory is writable and that the sandbox allows io_setup or POSIX AIO";
  if (name == "AZURE_BLOB") return "use the NIXL of the nixl-cu12 package, and check account, container and credentials";
  if (name == "OBJ")
    return "use the NIXL of the nixl-cu12 package, and check endpoint, bucket, credentials and, for https, ca_bundle";
  return "install libcufile for this CUDA version and check the GPU driver";
}

void select(const std::shared_ptr<NixlApi>& nixl, const BackendRequest& request, const std::string& agent_name,
            const KnownBackend& known, BackendSelection* selection) {
  Backend backend{known.name, known.plugin, "", paramsFor(known, request), known.storage};
  backend.needs_own_memory = backend.hides_short_reads = backend.name == "3FS";
  backend.queue = queueOf(known, backend.params);
  Proof proof;
  try {
    proof = proveInTime(nixl, backend, request, agent_name);
  } catch (const Error& error) {
    // Container profiles deny io_setup; POSIX AIO works with plain threads. Storage that hangs does so in every queue.
    if (backend.queue != "aio" || choosesQueue(backend.params) || error.code() == HICACHE_TIMEOUT) throw;
    backend.params[kUsePosixAio] = "true";
    backend.queue = "posix_aio";
    proof = proveInTime(nixl, backend, request, agent_name);
  }
  selection->agent = std::move(proof.agent);
  selection->test_object = std::move(proof.test_object);
  selection->backend = std::move(backend);
}

}  // namespace

std::optional<NamedBackend> backendNamed(const std::string& name) {
  const std::string wanted = upper(name);
  for (const KnownBackend& known : knownBackends()) {
    if (wanted == known.name || wanted == known.plugin) return NamedBackend{known.name, known.storage};
  }
  return std::nullopt;
}

std::unique_ptr<Agent> makeAgent(const std::shared_ptr<NixlApi>& nixl, const Backend& backend, const std::string& agent_name) {
  auto agent = std::make_unique<Agent>(nixl, agent_name);
  NixlStatus status = nixl->createBackend(agent->handle(), backend.plugin, backend.params);
  if (status != kNixlSuccess) {
    throw nixlError(HICACHE_BACKEND_UNAVAILABLE,
                    "creating the backend " + backend.plugin + (backend.queue.empty() ? "" : " (" + backend.queue + ")"),
                    status);
  }
  return agent;
}

BackendSelection selectBackend(const std::shared_ptr<NixlApi>& nixl, const std::shared_ptr<CudaApi>& cuda,
                               const BackendRequest& request, const std::string& agent_name) {
  std::vector<const KnownBackend*> wanted = requestedBackends(request.backend);
  requireKnownParams(wanted, request.params);
  BackendSelection selection;
  std::string tried;
  for (const KnownBackend* known : wanted) {
    BackendCandidate candidate;
    candidate.name = known->name;
    candidate.plugin = known->plugin;
    if (selection.agent == nullptr) {
      candidate.state = "passed over";
      if (std::optional<PassedOver> passed = checkBeforeLoad(*known, *cuda, request)) {
        candidate.reason = passed->reason;
        candidate.advice = passed->advice;
      } else {
        try {
          select(nixl, request, agent_name, *known, &selection);
          candidate.state = "selected";
        } catch (const Error& error) {
          candidate.reason = error.what();
          candidate.advice = adviceFor(*known);
        }
      }
      if (!candidate.reason.empty()) tried += "\n  " + candidate.name + ": " + candidate.reason + "; " + candidate.advice;
    } else {
      candidate.reason = selection.backend.name + " comes first in the order of choice";
    }
    selection.candidates.push_back(std::move(candidate));
  }
  if (selection.agent == nullptr)
    throw Error(HICACHE_BACKEND_UNAVAILABLE, "no NIXL backend is usable for '" + request.backend + "':" + tried);
  return selection;
}

void describe(const std::vector<BackendCandidate>& candidates, Settings* description) {
  for (size_t i = 0; i < candidates.size(); ++i) {
    std::string prefix = "candidate." + std::to_string(i) + ".";
    description->add(prefix + "backend", candidates[i].name);
    description->add(prefix + "plugin", candidates[i].plugin);
    description->add(prefix + "state", candidates[i].state);
    description->add(prefix + "reason", candidates[i].reason);
    description->add(prefix + "advice", candidates[i].advice);
  }
}

}  // namespace hicache
