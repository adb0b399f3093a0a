// SPDX-License-Identifier: Apache-2.0
#include "fake_objects.h"

#include <algorithm>
#include <cstring>

namespace hicache {
namespace {

constexpr NixlStatus kFailed = -2;

}  // namespace

void FakeObjects::put(const std::string& name, std::string bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  objects_[name] = std::move(bytes);
}

std::optional<std::string> FakeObjects::get(const std::string& name) const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = objects_.find(name);
  return found == objects_.end() ? std::nullopt : std::optional<std::string>(found->second);
}

std::set<std::string> FakeObjects::names() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::set<std::string> names;
  for (const auto& [name, bytes] : objects_) names.insert(name);
  return names;
}

void FakeObjects::failNext(int64_t count, std::string code) {
  std::lock_guard<std::mutex> lock(mutex_);
  to_fail_ = count;
  failure_ = std::move(code);
}

int64_t FakeObjects::requests() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

int64_t FakeObjects::inFlightMax() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return in_flight_max_;
}

PluginParams FakeObjects::params() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return params_;
}

NixlStatus FakeObjects::createAgent(const std::string& name, NixlAgentHandle** agent) {
  *agent = reinterpret_cast<NixlAgentHandle*>(new std::string(name));
  return kNixlSuccess;
}

void FakeObjects::destroyAgent(NixlAgentHandle* agent) { delete reinterpret_cast<std::string*>(agent); }

NixlStatus FakeObjects::availablePlugins(NixlAgentHandle*, std::vector<std::string>* names) {
  *names = {"OBJ", "AZURE_BLOB"};
  return kNixlSuccess;
}

NixlStatus FakeObjects::pluginInfo(NixlAgentHandle*, const std::string&, PluginInfo* info) {
  info->memory_types = {MemoryType::kDram, MemoryType::kObject};
  return kNixlSuccess;
}

NixlStatus FakeObjects::createBackend(NixlAgentHandle*, const std::string&, const PluginParams& params) {
  std::lock_guard<std::mutex> lock(mutex_);
  params_ = params;
  return kNixlSuccess;
}

NixlStatus FakeObjects::registerMemory(NixlAgentHandle*, MemoryType type, const std::vector<Descriptor>& list) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (type != MemoryType::kObject) return kNixlSuccess;
  for (const Descriptor& each : list) registered_[each.device_id] = each.metadata;
  return kNixlSuccess;
}

NixlStatus FakeObjects::deregisterMemory(NixlAgentHandle*, MemoryType type, const std::vector<Descriptor>& list) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (type != MemoryType::kObject) return kNixlSuccess;
  for (const Descriptor& each : list) registered_.erase(each.device_id);
  return kNixlSuccess;
}

NixlStatus FakeObjects::createRequest(NixlAgentHandle*, TransferOperation operation, MemoryType,
                                      const std::vector<Descriptor>& local, MemoryType storage_type,
                                      const std::vector<Descriptor>& storage, NixlRequestHandle** request) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (storage_type != MemoryType::kObject || local.size() != 1 || storage.size() != 1) return kFailed;
  auto name = registered_.find(storage[0].device_id);
  if (name == registered_.end()) return kFailed;
  *request = reinterpret_cast<NixlRequestHandle*>(new Request{operation, local[0], storage[0], name->second});
  return kNixlSuccess;
}

NixlStatus FakeObjects::postRequest(NixlAgentHandle*, NixlRequestHandle*) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++requests_;
  in_flight_max_ = std::max(in_flight_max_, ++in_flight_);
  return kNixlInProgress;
}

NixlStatus FakeObjects::requestStatus(NixlAgentHandle*, NixlRequestHandle* handle) {
  std::lock_guard<std::mutex> lock(mutex_);
  const Request& request = *reinterpret_cast<Request*>(handle);
  --in_flight_;
  if (to_fail_ > 0) {
    --to_fail_;
    answer(request, failure_);
    return kFailed;
  }
  if (request.operation == TransferOperation::kRead) return read(request) ? kNixlSuccess : kFailed;
  if (request.storage.address != 0) return kFailed;
  objects_[request.name].assign(reinterpret_cast<const char*>(request.local.address), request.local.length);
  return kNixlSuccess;
}

bool FakeObjects::read(const Request& request) {
  auto found = objects_.find(request.name);
  if (found == objects_.end() || found->second.size() <= request.storage.address) {
    answer(request, found == objects_.end() ? "NoSuchKey" : "InvalidRange");
    return false;
  }
  const std::string part = found->second.substr(request.storage.address, request.local.length);
  std::memcpy(reinterpret_cast<void*>(request.local.address), part.data(), part.size());
  return true;
}

void FakeObjects::answer(const Request& request, const std::string& code) const {
  if (code.empty() || silent_ || request.operation == TransferOperation::kWrite) return;
  const std::string document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code +
                               "</Code><Message>As the server says.</Message></Error>";
  std::memcpy(reinterpret_cast<void*>(request.local.address), document.data(),
              std::min<size_t>(document.size(), request.local.length));
}

NixlStatus FakeObjects::releaseRequest(NixlAgentHandle*, NixlRequestHandle* request) {
  delete reinterpret_cast<Request*>(request);
  return kNixlSuccess;
}

NixlStatus FakeObjects::queryObject(NixlAgentHandle*, const std::string& name, bool* present) {
  std::lock_guard<std::mutex> lock(mutex_);
  *present = objects_.contains(name);
  return kNixlSuccess;
}

}  // namespace hicache
