// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Objects;

/**
 * The one exception of this library. The message names the operation, the key or path, the backend,
 * the cause and what to do about it; {@link #code()} is for programs.
 *
 * <p>Threads: immutable.
 */
public class HiCacheException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What kind of failure it is. */
  private final ErrorCode code;

  /** Status of the NIXL call that failed, or 0. */
  private final int nixlStatus;

  /** The system's error number, or 0. */
  private final int errno;

  /**
   * An error that neither NIXL nor a system call reported.
   *
   * @param code what kind of failure it is
   * @param message operation, subject, cause and advice in one line
   */
  public HiCacheException(ErrorCode code, String message) {
    this(code, 0, 0, message, null);
  }

  /**
   * An error that neither NIXL nor a system call reported, with the Java exception behind it.
   *
   * @param code what kind of failure it is
   * @param message operation, subject, cause and advice in one line
   * @param cause the exception behind it, or null
   */
  public HiCacheException(ErrorCode code, String message, Throwable cause) {
    this(code, 0, 0, message, cause);
  }

  HiCacheException(ErrorCode code, int nixlStatus, int errno, String message, Throwable cause) {
    super(message, cause);
    this.code = Objects.requireNonNull(code, "code");
    this.nixlStatus = nixlStatus;
    this.errno = errno;
  }

  /**
   * What kind of failure it is.
   *
   * @return never null
   */
  public ErrorCode code() {
    return code;
  }

  /**
   * Status of the NIXL call that failed, a {@code nixl_status_t}.
   *
   * @return a negative number, or 0 when no NIXL call failed
   */
  public int nixlStatus() {
    return nixlStatus;
  }

  /**
   * The system's error number of the call that failed, for example 28 for a full disk.
   *
   * @return a positive number, or 0 when no system call failed
   */
  public int errno() {
    return errno;
  }

  /** The same error, thrown from the caller's thread, with the first one as its cause. */
  HiCacheException here() {
    return new HiCacheException(code, nixlStatus, errno, getMessage(), this);
  }

  /** The same error with its subject in front, unless the message begins with it. */
  HiCacheException about(String subject) {
    return getMessage().startsWith(subject)
        ? this
        : new HiCacheException(code, nixlStatus, errno, subject + ": " + getMessage(), getCause());
  }

  /** Shorthand for the most frequent error. */
  static HiCacheException invalid(String message) {
    return new HiCacheException(ErrorCode.INVALID_ARGUMENT, message);
  }

  /** The code's name and the message: {@code HiCacheException[NO_SPACE]: set 'k_17': ...}. */
  @Override
  public String toString() {
    return "HiCacheException[" + code + "]: " + getMessage();
  }
}
