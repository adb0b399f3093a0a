// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import org.bytedeco.javacpp.Loader;

/**
 * Loads the core, NIXL and the glue between them, once per process.
 *
 * <p>Threads: safe from any number of threads.
 */
final class NativeLibrary {
  private static HiCacheException failure;
  private static boolean loaded;

  private NativeLibrary() {}

  /**
   * Loads what is not loaded yet.
   *
   * @throws HiCacheException BACKEND_UNAVAILABLE with the places that were tried; the same again on
   *     every later call, since a class that failed to load stays so
   */
  static synchronized void load() {
    if (loaded) {
      return;
    }
    if (failure != null) {
      throw failure.here();
    }
    try {
      Loader.load(io.hicache.nixl.presets.hicache_nixl.class);
      loaded = true;
    } catch (LinkageError | RuntimeException e) {
      failure =
          new HiCacheException(
              ErrorCode.BACKEND_UNAVAILABLE,
              "the native library cannot be loaded: " + reason(e),
              e);
      throw failure;
    }
  }

  /** The message of the innermost cause, which is the one that knows. */
  private static String reason(Throwable e) {
    Throwable innermost = e;
    while (innermost.getCause() != null && innermost.getCause() != innermost) {
      innermost = innermost.getCause();
    }
    return innermost.getMessage() == null ? innermost.toString() : innermost.getMessage();
  }
}
