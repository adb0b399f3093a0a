// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.hicache_object_page;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_page_path;

import io.hicache.nixl.core.hicache_page_info;
import io.hicache.nixl.core.hicache_store;
import java.nio.charset.StandardCharsets;

/**
 * The names of pages as the core of one store makes and reads them.
 *
 * <p>Threads: safe from any number of threads.
 */
final class NativeObjectNaming implements ObjectNaming {
  private static final int PATH_BYTES_MAX = 4096;

  private final NativeStore store;

  NativeObjectNaming(NativeStore store) {
    this.store = store;
  }

  /** The path or the object's name of a page. Opens nothing. */
  static String path(hicache_store handle, byte[] key, int componentLength) {
    try (NativeError error = new NativeError()) {
      byte[] path = new byte[PATH_BYTES_MAX];
      int length =
          hicache_page_path(
              handle, key, key.length, componentLength, path, path.length, error.out());
      if (length < 0) {
        throw error.toException();
      }
      return new String(path, 0, length, StandardCharsets.UTF_8);
    }
  }

  @Override
  public String name(byte[] key, int componentLength) {
    return store.callUntilFreed(handle -> path(handle, key, componentLength));
  }

  @Override
  public PageInfo page(ObjectEntry object, byte[] start) {
    byte[] name = object.name().getBytes(StandardCharsets.UTF_8);
    return store.callUntilFreed(
        handle -> {
          try (NativeError error = new NativeError();
              hicache_page_info info = new hicache_page_info()) {
            byte[] key = new byte[name.length + start.length]; // it comes from one of them
            int length =
                hicache_object_page(
                    handle,
                    name,
                    name.length,
                    start,
                    start.length,
                    object.length(),
                    info,
                    key,
                    key.length,
                    error.out());
            if (length < 0) {
              throw error.toException();
            }
            String text = new String(key, 0, length, StandardCharsets.UTF_8);
            return length == 0 ? null : PageInfo.of(text, info, object.modified());
          }
        });
  }
}
