// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_MESSAGE_BYTES;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_cuda_device_count;

import java.nio.charset.StandardCharsets;

/**
 * The CUDA devices that this process sees.
 *
 * <p>Threads: immutable.
 *
 * @param count number of devices; 0 without a driver
 * @param reason why there are none; empty otherwise
 */
public record CudaDevices(int count, String reason) {

  /**
   * Asks the CUDA runtime.
   *
   * @return what it sees now
   * @throws HiCacheException BACKEND_UNAVAILABLE when the native library or NIXL cannot be loaded
   */
  public static CudaDevices probe() {
    NativeLibrary.load();
    byte[] text = new byte[HICACHE_MESSAGE_BYTES];
    int count = hicache_cuda_device_count(text, text.length);
    int end = 0;
    while (end < text.length && text[end] != 0) {
      end++;
    }
    String reason = new String(text, 0, end, StandardCharsets.UTF_8);
    return new CudaDevices(Math.max(0, count), count > 0 ? "" : reason);
  }
}
