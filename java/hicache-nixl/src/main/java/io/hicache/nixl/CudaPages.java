// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_DEVICE_UNKNOWN;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntToLongFunction;

/**
 * The entries of a batch that are on CUDA devices, and the streams that their tensors are made on.
 *
 * <p>Threads: filled by one thread, then only read.
 */
final class CudaPages {
  private final int[] devices;
  private final Map<Integer, Long> streams = new TreeMap<>();

  /** For a batch of so many entries at most, none of them known to be on a device. */
  CudaPages(int entries) {
    devices = new int[entries];
    Arrays.fill(devices, HICACHE_DEVICE_UNKNOWN);
  }

  /**
   * Takes an entry in.
   *
   * @param currentStream tells the stream of a device on which the calling thread queues work
   */
  void add(int entry, int device, IntToLongFunction currentStream) {
    devices[entry] = device;
    streams.computeIfAbsent(device, currentStream::applyAsLong);
  }

  /** Of some of the entries. */
  CudaPages part(int[] chosen) {
    CudaPages part = new CudaPages(chosen.length);
    for (int i = 0; i < chosen.length; i++) {
      part.devices[i] = devices[chosen[i]];
    }
    part.streams.putAll(streams);
    return part;
  }

  /** For each entry a CUDA ordinal or HICACHE_DEVICE_UNKNOWN. */
  int[] devices() {
    return devices;
  }

  /** The devices of {@link #streams}, each once. */
  int[] streamDevices() {
    return streams.keySet().stream().mapToInt(Integer::intValue).toArray();
  }

  /** The current stream of each device, a {@code cudaStream_t}. */
  long[] streams() {
    return streams.values().stream().mapToLong(Long::longValue).toArray();
  }
}
