// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Stream;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;

/**
 * The streams of libtorch. It asks through libtorch's registry of devices, so that nothing of CUDA
 * is loaded here: a CPU build of libtorch just has no entry.
 *
 * <p>Threads: the answer is that of the calling thread.
 */
final class CudaStreams {
  private CudaStreams() {}

  /**
   * The stream of a device on which the calling thread queues work: a {@code cudaStream_t}.
   *
   * @throws HiCacheException UNSUPPORTED when this libtorch knows no CUDA
   */
  static long current(int device) {
    if (!torch.hasDeviceGuardImpl(DeviceType.CUDA)) {
      throw new HiCacheException(
          ErrorCode.UNSUPPORTED,
          "cuda:"
              + device
              + ": this libtorch is built without CUDA; use the classifier linux-x86_64-gpu of"
              + " org.bytedeco:pytorch");
    }
    try (Device place = new Device(DeviceType.CUDA, (byte) device);
        Stream stream = torch.getDeviceGuardImpl(DeviceType.CUDA).getStream(place);
        Pointer handle = stream.native_handle()) {
      return handle == null ? 0 : handle.address();
    }
  }
}
