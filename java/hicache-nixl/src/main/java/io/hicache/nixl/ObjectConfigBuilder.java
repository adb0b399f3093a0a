// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Objects;

/** The setters of a configuration for pages that are objects in a bucket. */
abstract class ObjectConfigBuilder extends TierConfigBuilder {
  ObjectConfigBuilder() {}

  /**
   * {@code object_prefix}: what the name of every object begins with.
   *
   * @param prefix up to 512 bytes, no {@code /} first; default empty
   * @return this builder
   */
  public HiCacheConfigBuilder objectPrefix(String prefix) {
    return put(ConfigKey.OBJECT_PREFIX, Objects.requireNonNull(prefix, "prefix"));
  }

  /**
   * {@code object_format}: what an object holds.
   *
   * @param format {@code sealed} (default): a header that tells whether the page is whole, then the
   *     page; {@code raw}: the page alone, as SGLang writes it, of which nothing but the length can
   *     be verified
   * @return this builder
   */
  public HiCacheConfigBuilder objectFormat(String format) {
    return put(ConfigKey.OBJECT_FORMAT, Objects.requireNonNull(format, "format"));
  }

  /**
   * {@code allow_http}: whether pages may cross the network in the clear. http to this very machine
   * always may.
   *
   * @param allow default false
   * @return this builder
   */
  public HiCacheConfigBuilder allowHttp(boolean allow) {
    return put(ConfigKey.ALLOW_HTTP, allow);
  }

  /**
   * {@code retry_attempts}: how often a request is made, with pauses between, before its page
   * fails.
   *
   * @param attempts 1 to 10, default 3
   * @return this builder
   */
  public HiCacheConfigBuilder retryAttempts(int attempts) {
    return put(ConfigKey.RETRY_ATTEMPTS, attempts);
  }

  /**
   * {@code breaker_failures}: failures in a row after which requests are refused at once, until one
   * is let through and succeeds.
   *
   * @param failures 1 to 1000, default 5; 0: never
   * @return this builder
   */
  public HiCacheConfigBuilder breakerFailures(int failures) {
    return put(ConfigKey.BREAKER_FAILURES, failures);
  }

  /**
   * {@code breaker_pause_millis}: how long they are refused before one is let through; twice as
   * long after each that fails, up to a minute.
   *
   * @param pauseMillis 1 to 60000, default 5000
   * @return this builder
   */
  public HiCacheConfigBuilder breakerPauseMillis(long pauseMillis) {
    return put(ConfigKey.BREAKER_PAUSE_MILLIS, pauseMillis);
  }
}
