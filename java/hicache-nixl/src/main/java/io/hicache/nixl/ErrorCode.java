// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_BACKEND_UNAVAILABLE;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_CLOSED;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_CORRUPT;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_INTERNAL;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_INVALID_ARGUMENT;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_IO;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_NOT_FOUND;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_NO_SPACE;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_TIMEOUT;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_TRANSFER_FAILED;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_UNSUPPORTED;

/**
 * Why something failed, as {@link HiCacheException#code()} tells it; numbered as {@code enum
 * hicache_code} of {@code hicache_nixl.h}. A page that is not there is no failure: see {@link
 * PageOutcome#MISS}.
 *
 * <p>Threads: immutable.
 */
public enum ErrorCode {
  /** The caller asked for something that cannot be: a key, tensor, path or setting is wrong. */
  INVALID_ARGUMENT(HICACHE_INVALID_ARGUMENT),
  /** A file or directory that must be there is not. */
  NOT_FOUND(HICACHE_NOT_FOUND),
  /** No backend could be used, or NIXL itself is missing. */
  BACKEND_UNAVAILABLE(HICACHE_BACKEND_UNAVAILABLE),
  /** The backend or the file system cannot do this at all. */
  UNSUPPORTED(HICACHE_UNSUPPORTED),
  /** A system call failed; see {@link HiCacheException#errno()}. */
  IO(HICACHE_IO),
  /** The file system or its quota is full. */
  NO_SPACE(HICACHE_NO_SPACE),
  /** Stored bytes are not what was stored: wrong length or checksum. */
  CORRUPT(HICACHE_CORRUPT),
  /** NIXL reported a failed transfer; see {@link HiCacheException#nixlStatus()}. */
  TRANSFER_FAILED(HICACHE_TRANSFER_FAILED),
  /** The deadline passed first. */
  TIMEOUT(HICACHE_TIMEOUT),
  /** The store, agent or registration was closed before. */
  CLOSED(HICACHE_CLOSED),
  /** A defect of this library; the message says what did not hold. */
  INTERNAL(HICACHE_INTERNAL);

  private static final ErrorCode[] BY_NUMBER = new ErrorCode[values().length + 1];

  static {
    for (ErrorCode code : values()) {
      BY_NUMBER[code.number] = code;
    }
  }

  private final int number;

  ErrorCode(int number) {
    this.number = number;
  }

  /** The value of this code in {@code enum hicache_code}. */
  int number() {
    return number;
  }

  /** The code with a number of {@code enum hicache_code}; {@link #INTERNAL} for any other. */
  static ErrorCode of(int number) {
    return number > 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : INTERNAL;
  }
}
