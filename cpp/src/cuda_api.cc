// SPDX-License-Identifier: Apache-2.0
#include "cuda_api.h"

#include <cuda_runtime_api.h>

namespace hicache {
namespace {

class RealCudaApi final : public CudaApi {
 public:
  RealCudaApi() {
    int count = 0;
    cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaSuccess && count > 0) {
      device_count_ = count;
    } else if (status == cudaSuccess) {
      reason_ = "the CUDA driver reports no device";
    } else {
      reason_ = cudaGetErrorString(status);
      cudaGetLastError();  // the failure is sticky until read
    }
  }

  int deviceCount() override { return device_count_; }

  std::string unavailableReason() override { return reason_; }

  MemoryPlace placeOf(uint64_t address) override {
    if (device_count_ == 0) return {};
    cudaPointerAttributes attributes = {};
    if (cudaPointerGetAttributes(&attributes, reinterpret_cast<const void*>(address)) != cudaSuccess) {
      cudaGetLastError();
      return {};
    }
    if (attributes.type != cudaMemoryTypeDevice) return {};
    return {MemoryType::kVram, attributes.device};
  }

  std::string pin(uint64_t address, size_t length) override {
    if (device_count_ == 0) return reason_;
    return reasonOf(cudaHostRegister(reinterpret_cast<void*>(address), length, cudaHostRegisterPortable));
  }

  std::string unpin(uint64_t address) override {
    if (device_count_ == 0) return reason_;
    return reasonOf(cudaHostUnregister(reinterpret_cast<void*>(address)));
  }

 private:
  static std::string reasonOf(cudaError_t status) {
    if (status == cudaSuccess) return "";
    cudaGetLastError();
    return cudaGetErrorString(status);
  }

  int device_count_ = 0;
  std::string reason_;
};

}  // namespace

std::shared_ptr<CudaApi> realCudaApi() {
  static const std::shared_ptr<CudaApi> api = std::make_shared<RealCudaApi>();
  return api;
}

}  // namespace hicache
