// SPDX-License-Identifier: Apache-2.0
#include "cuda_api.h"

#include <cuda_runtime_api.h>

namespace hicache {
namespace {

void* pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

cudaStream_t nativeOf(const CudaStream& stream) { return reinterpret_cast<cudaStream_t>(stream.handle); }

cudaEvent_t nativeOf(const CudaEvent& event) { return reinterpret_cast<cudaEvent_t>(event.handle); }

// The failure stays with the thread until it is read.
std::string reasonOf(cudaError_t status) {
  if (status == cudaSuccess) return "";
  cudaGetLastError();
  return std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status);
}

// Runs a call with a device chosen, and gives the thread its own back.
template <typename Call>
std::string onDevice(int device, Call call) {
  int before = 0;
  cudaError_t status = cudaGetDevice(&before);
  if (status != cudaSuccess) return reasonOf(status);
  if (before == device) return reasonOf(call());
  status = cudaSetDevice(device);
  if (status != cudaSuccess) return reasonOf(status);
  const std::string reason = reasonOf(call());
  const std::string back = reasonOf(cudaSetDevice(before));
  return reason.empty() ? back : reason;
}

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
      cudaGetLastError();
    }
  }

  int deviceCount() override { return device_count_; }

  std::string unavailableReason() override { return reason_; }

  MemoryPlace placeOf(uint64_t address) override {
    if (device_count_ == 0) return {};
    cudaPointerAttributes attributes = {};
    if (cudaPointerGetAttributes(&attributes, pointer(address)) != cudaSuccess) {
      cudaGetLastError();
      return {};
    }
    if (attributes.type != cudaMemoryTypeDevice) return {};
    return {MemoryType::kVram, attributes.device};
  }

  std::string pin(uint64_t address, size_t length) override {
    if (device_count_ == 0) return reason_;
    return reasonOf(cudaHostRegister(pointer(address), length, cudaHostRegisterPortable));
  }

  std::string unpin(uint64_t address) override {
    if (device_count_ == 0) return reason_;
    return reasonOf(cudaHostUnregister(pointer(address)));
  }

  std::string allocate(int device, size_t length, uint64_t* address) override {
    return onDevice(device, [&] {
      void* memory = nullptr;
      const cudaError_t status = cudaMalloc(&memory, length);
      *address = reinterpret_cast<uint64_t>(memory);
      return status;
    });
  }

  std::string release(int device, uint64_t address) override {
    return onDevice(device, [&] { return cudaFree(pointer(address)); });
  }

  std::string createStream(int device, CudaStream* stream) override {
    return onDevice(device, [&] {
      cudaStream_t native = nullptr;
      const cudaError_t status = cudaStreamCreateWithFlags(&native, cudaStreamNonBlocking);
      *stream = {device, reinterpret_cast<uint64_t>(native)};
      return status;
    });
  }

  std::string destroyStream(const CudaStream& stream) override {
    return onDevice(stream.device, [&] { return cudaStreamDestroy(nativeOf(stream)); });
  }

  std::string copy(const CudaStream& stream, uint64_t to, uint64_t from, size_t length) override {
    return onDevice(stream.device,
                    [&] { return cudaMemcpyAsync(pointer(to), pointer(from), length, cudaMemcpyDefault, nativeOf(stream)); });
  }

  std::string createEvent(int device, CudaEvent* event) override {
    return onDevice(device, [&] {
      cudaEvent_t native = nullptr;
      const cudaError_t status = cudaEventCreateWithFlags(&native, cudaEventDisableTiming);
      *event = {device, reinterpret_cast<uint64_t>(native)};
      return status;
    });
  }

  std::string destroyEvent(const CudaEvent& event) override {
    return onDevice(event.device, [&] { return cudaEventDestroy(nativeOf(event)); });
  }

  std::string record(const CudaEvent& event, const CudaStream& stream) override {
    return onDevice(stream.device, [&] { return cudaEventRecord(nativeOf(event), nativeOf(stream)); });
  }

  std::string wait(const CudaStream& stream, const CudaEvent& event) override {
    return onDevice(stream.device, [&] { return cudaStreamWaitEvent(nativeOf(stream), nativeOf(event), 0); });
  }

  std::string query(const CudaEvent& event, bool* done) override {
    const cudaError_t status = cudaEventQuery(nativeOf(event));
    *done = status != cudaErrorNotReady;
    if (status != cudaErrorNotReady) return reasonOf(status);
    cudaGetLastError();
    return "";
  }

 private:
  int device_count_ = 0;
  std::string reason_;
};

}  // namespace

std::shared_ptr<CudaApi> realCudaApi() {
  static const std::shared_ptr<CudaApi> api = std::make_shared<RealCudaApi>();
  return api;
}

}  // namespace hicache
