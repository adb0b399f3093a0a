// SPDX-License-Identifier: Apache-2.0
#include "lane_devices.h"

#include <algorithm>
#include <string>

namespace hicache {

LaneDevices::~LaneDevices() {
  for (const auto& [key, stream] : streams_) cuda_->destroyStream(stream);
}

const CudaStream& LaneDevices::stream(int device, CopyDirection direction) {
  const auto found = streams_.find({device, direction});
  if (found != streams_.end()) return found->second;
  CudaStream made;
  const std::string failure = cuda_->createStream(device, &made);
  if (!failure.empty()) throw Error(HICACHE_TRANSFER_FAILED, "making a stream on " + deviceName(device) + ": " + failure);
  return streams_.emplace(std::pair(device, direction), made).first->second;
}

DeviceCopies::~DeviceCopies() {
  for (const Queued& queued : queued_) {
    if (queued.end) lane_.cuda().destroyEvent(*queued.end);
  }
}

void DeviceCopies::failed(int device, size_t bytes, const std::string& reason) {
  if (failure_) return;
  failure_ = Error(HICACHE_TRANSFER_FAILED, "copying " + std::to_string(bytes) + " bytes " +
                                                (direction_ == CopyDirection::kToHost ? "from " : "to ") + deviceName(device) +
                                                ": " + reason);
}

DeviceCopies::Queued* DeviceCopies::queueOf(int device) {
  const auto found = std::find_if(queued_.begin(), queued_.end(), [&](const Queued& q) { return q.stream.device == device; });
  if (found != queued_.end()) return &*found;
  const CudaStream& stream = lane_.stream(device, direction_);
  if (fence_ != nullptr) {
    for (const CudaEvent& event : fence_->events()) {
      const std::string reason = lane_.cuda().wait(stream, event);
      if (!reason.empty())
        throw Error(HICACHE_TRANSFER_FAILED, "waiting for the stream of " + deviceName(event.device) + ": " + reason);
    }
  }
  queued_.push_back({stream, 0, std::nullopt});
  return &queued_.back();
}

void DeviceCopies::add(int device, uint64_t to, uint64_t from, size_t length) {
  if (failure_ || length == 0) return;
  try {
    Queued* queued = queueOf(device);
    const std::string reason = lane_.cuda().copy(queued->stream, to, from, length);
    if (!reason.empty()) return failed(device, length, reason);
    queued->bytes += length;
  } catch (const Error& error) {
    failure_ = error;
  }
}

std::string DeviceCopies::markEnd(Queued* queued) {
  if (!queued->end) {
    CudaEvent event;
    const std::string reason = lane_.cuda().createEvent(queued->stream.device, &event);
    if (!reason.empty()) return reason;
    queued->end = event;
  }
  return lane_.cuda().record(*queued->end, queued->stream);
}

void DeviceCopies::mark() {
  for (Queued& queued : queued_) {
    // Without a mark nobody knows when the copies end: worth a second attempt.
    if (queued.bytes == 0 || markEnd(&queued).empty()) continue;
    const std::string reason = markEnd(&queued);
    if (reason.empty()) continue;
    failed(queued.stream.device, queued.bytes, reason);
    lost_ = true;
    queued.bytes = 0;
  }
}

bool DeviceCopies::running() {
  bool running = false;
  for (Queued& queued : queued_) {
    if (queued.bytes == 0) continue;
    bool done = false;
    const std::string reason = lane_.cuda().query(*queued.end, &done);
    if (!reason.empty()) failed(queued.stream.device, queued.bytes, reason);
    if (done) queued.bytes = 0;
    running = running || !done;
  }
  return running;
}

}  // namespace hicache
