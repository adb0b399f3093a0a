// SPDX-License-Identifier: Apache-2.0
//
// What callers have queued on devices before they hand over memory: a mark in each of their streams, which copies of that
// memory wait for.
#pragma once

#include <memory>
#include <vector>

#include "cuda_api.h"

namespace hicache {

// Threads: any, once made.
class CudaFence {
 public:
  // Marks what the streams have been given so far. Throws INVALID_ARGUMENT for a device that there is none of, TRANSFER_FAILED
  // when CUDA refuses; then nothing is left.
  CudaFence(std::shared_ptr<CudaApi> cuda, const std::vector<CudaStream>& streams);
  ~CudaFence();
  CudaFence(const CudaFence&) = delete;
  CudaFence& operator=(const CudaFence&) = delete;

  const std::vector<CudaEvent>& events() const { return events_; }

 private:
  void forget();

  const std::shared_ptr<CudaApi> cuda_;
  std::vector<CudaEvent> events_;
};

}  // namespace hicache
