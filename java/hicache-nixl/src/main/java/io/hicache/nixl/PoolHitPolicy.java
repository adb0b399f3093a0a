// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * Which pages of a pool a prefix needs.
 *
 * <p>Threads: immutable.
 */
public enum PoolHitPolicy {
  /** Every page of the prefix, as attention over all tokens does. */
  ALL_PAGES,
  /** The last pages of the prefix, as a sliding window or a recurrent state does. */
  TRAILING_PAGES
}
