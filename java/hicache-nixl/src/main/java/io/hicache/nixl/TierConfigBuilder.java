// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;
import java.util.Objects;

/** The setters of a configuration for two tiers that work as one store. */
abstract class TierConfigBuilder extends IdentityConfigBuilder {
  TierConfigBuilder() {}

  /**
   * {@code tiers}: a local tier in front of another one, in place of {@code storage_dirs} and
   * {@code layout}; see {@code docs/tiers.md}.
   *
   * @param tiers two, {@code KIND:PLACE} each: {@code segments:DIR} or {@code files:DIR}, then
   *     {@code obj:BUCKET}, {@code azure:CONTAINER}, {@code segments:DIR} or {@code files:DIR}
   * @return this builder
   */
  public HiCacheConfigBuilder tiers(List<String> tiers) {
    return put(ConfigKey.TIERS, List.copyOf(tiers));
  }

  /**
   * As {@link #tiers(List)}.
   *
   * @param local the tier in front
   * @param lower the tier below it
   * @return this builder
   */
  public HiCacheConfigBuilder tiers(String local, String lower) {
    return tiers(List.of(local, lower));
  }

  /**
   * {@code tier_write}: when the lower tier gets what is set.
   *
   * @param write {@code back} (default): soon after the set has returned; {@code through}: before
   * @return this builder
   */
  public HiCacheConfigBuilder tierWrite(String write) {
    return put(ConfigKey.TIER_WRITE, Objects.requireNonNull(write, "write"));
  }

  /**
   * {@code tier_backlog_bytes}: most bytes of pages that wait to be written to the lower tier. The
   * pages themselves are in the local tier, not in memory.
   *
   * @param bytes default 1 GiB
   * @return this builder
   */
  public HiCacheConfigBuilder tierBacklogBytes(long bytes) {
    return put(ConfigKey.TIER_BACKLOG_BYTES, bytes);
  }

  /**
   * {@code tier_promote}: whether a page that a get found in the lower tier is copied into the
   * local one.
   *
   * @param promote default true
   * @return this builder
   */
  public HiCacheConfigBuilder tierPromote(boolean promote) {
    return put(ConfigKey.TIER_PROMOTE, promote);
  }
}
