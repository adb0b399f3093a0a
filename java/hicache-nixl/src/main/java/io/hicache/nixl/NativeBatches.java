// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.hicache_fence_create;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_fence_free;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_submit_clear;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_submit_delete;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_submit_exists;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_submit_get;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_submit_pin;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_submit_set;

import io.hicache.nixl.core.hicache_error;
import io.hicache.nixl.core.hicache_fence;
import io.hicache.nixl.core.hicache_store;

/** Hands batches to the core, each operation by its own call. Threads: stateless. */
final class NativeBatches {
  private NativeBatches() {}

  /** Starts a batch and returns its id; what is wrong with it is thrown, and nothing started. */
  static long start(hicache_store store, PageBatch batch, long timeoutMillis) {
    try (NativeError error = new NativeError()) {
      hicache_fence fence = fenceOf(batch.cuda(), error);
      try {
        long id = submit(store, batch, fence, timeoutMillis, error.out());
        if (id <= 0) {
          throw error.toException();
        }
        return id;
      } finally {
        if (fence != null) {
          hicache_fence_free(fence);
        }
      }
    }
  }

  /** What must be done on devices first; null: nothing. */
  private static hicache_fence fenceOf(CudaPages cuda, NativeError error) {
    if (cuda == null) {
      return null;
    }
    int[] devices = cuda.streamDevices();
    hicache_fence fence =
        hicache_fence_create(devices.length, devices, cuda.streams(), error.out());
    if (fence == null) {
      throw error.toException();
    }
    return fence;
  }

  private static long submit(
      hicache_store store,
      PageBatch b,
      hicache_fence fence,
      long timeoutMillis,
      hicache_error error) {
    int[] devices = b.cuda() == null ? null : b.cuda().devices();
    return switch (b.operation()) {
      case SET ->
          hicache_submit_set(
              store,
              b.count(),
              b.keyBytes(),
              b.keyLengths(),
              b.componentLengths(),
              b.blockCounts(),
              b.addresses(),
              b.lengths(),
              b.dtypes(),
              b.ranks(),
              b.dims(),
              devices,
              fence,
              b.setFlags(),
              timeoutMillis,
              error);
      case GET ->
          hicache_submit_get(
              store,
              b.count(),
              b.keyBytes(),
              b.keyLengths(),
              b.componentLengths(),
              b.blockCounts(),
              b.addresses(),
              b.lengths(),
              b.dtypes(),
              devices,
              fence,
              timeoutMillis,
              error);
      case EXISTS ->
          hicache_submit_exists(
              store,
              b.count(),
              b.keyBytes(),
              b.keyLengths(),
              b.componentLengths(),
              b.expectedLengths(),
              timeoutMillis,
              error);
      case DELETE ->
          hicache_submit_delete(
              store,
              b.count(),
              b.keyBytes(),
              b.keyLengths(),
              b.componentLengths(),
              timeoutMillis,
              error);
      case PIN ->
          hicache_submit_pin(
              store,
              b.count(),
              b.keyBytes(),
              b.keyLengths(),
              b.componentLengths(),
              b.leaseMillis(),
              timeoutMillis,
              error);
      case CLEAR -> hicache_submit_clear(store, timeoutMillis, error);
    };
  }
}
