// SPDX-License-Identifier: Apache-2.0
#include "cuda_fence.h"

#include <string>

#include "error.h"

namespace hicache {

CudaFence::CudaFence(std::shared_ptr<CudaApi> cuda, const std::vector<CudaStream>& streams) : cuda_(std::move(cuda)) {
  events_.reserve(streams.size());
  for (const CudaStream& stream : streams) {
    const std::string device = deviceName(stream.device);
    if (stream.device < 0 || stream.device >= cuda_->deviceCount()) {
      forget();
      throw Error(HICACHE_INVALID_ARGUMENT, "a stream of " + device + ": there are " + std::to_string(cuda_->deviceCount()) +
                                                " devices" +
                                                (cuda_->deviceCount() == 0 ? " (" + cuda_->unavailableReason() + ")" : ""));
    }
    CudaEvent event;
    std::string failure = cuda_->createEvent(stream.device, &event);
    if (failure.empty()) {
      events_.push_back(event);
      failure = cuda_->record(event, stream);
    }
    if (failure.empty()) continue;
    forget();
    throw Error(HICACHE_TRANSFER_FAILED, "marking a stream of " + device + ": " + failure);
  }
}

CudaFence::~CudaFence() { forget(); }

// CUDA keeps a mark that is waited for until then.
void CudaFence::forget() {
  for (const CudaEvent& event : events_) cuda_->destroyEvent(event);
  events_.clear();
}

}  // namespace hicache
