// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_MESSAGE_BYTES;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_OK;

import io.hicache.nixl.core.hicache_error;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;

/**
 * A scope with room for one error of the core, and the only place that turns one into a {@link
 * HiCacheException}.
 *
 * <p>Threads: one thread at a time.
 */
final class NativeError implements AutoCloseable {
  /** Errors that are not in use: their allocation costs more than the call they are for. */
  private static final ArrayBlockingQueue<hicache_error> SPARE = new ArrayBlockingQueue<>(32);

  private final hicache_error error;

  NativeError() {
    hicache_error spare = SPARE.poll();
    error = spare == null ? new hicache_error() : spare;
    error.code(HICACHE_OK).nixl_status(0).error_number(0).message(0, (byte) 0);
  }

  /** The place that a native call fills. */
  hicache_error out() {
    return error;
  }

  /** The exception for what the last native call filled in. */
  HiCacheException toException() {
    return toException(error.code(), error.nixl_status(), error.error_number(), message());
  }

  /**
   * The exception for the fields of a {@code hicache_error}; an unknown code becomes INTERNAL and
   * is named.
   */
  static HiCacheException toException(int code, int nixlStatus, int errno, String message) {
    ErrorCode known = ErrorCode.of(code);
    String text = message.isEmpty() ? "the core gave no message" : message;
    if (known.number() != code) {
      text = "error code " + code + " of the core is unknown here: " + text;
    }
    return new HiCacheException(known, nixlStatus, errno, text, null);
  }

  private String message() {
    byte[] bytes = new byte[HICACHE_MESSAGE_BYTES];
    error.message().get(bytes);
    int length = 0;
    while (length < bytes.length && bytes[length] != 0) {
      length++;
    }
    return new String(bytes, 0, length, StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    if (!SPARE.offer(error)) {
      error.close();
    }
  }
}
