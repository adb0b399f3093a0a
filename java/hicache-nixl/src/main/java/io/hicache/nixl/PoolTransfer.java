// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;

/**
 * Pages of one pool on their way to or from the storage, or to be looked up.
 *
 * <p>Threads: immutable, as long as nobody writes to the array.
 *
 * @param name the pool, which must be registered
 * @param keys one for each page. For {@link HiCacheStorage#batchExistsV2} only their number counts,
 *     with TRAILING_PAGES: how many pages at the end of a prefix the pool needs
 * @param hostIndices tokens of the pages in the pool, its page size for each key; empty for {@link
 *     HiCacheStorage#batchExistsV2}
 * @param hitPolicy which pages a prefix needs
 */
public record PoolTransfer(
    PoolName name, List<String> keys, long[] hostIndices, PoolHitPolicy hitPolicy) {

  /**
   * Checks that nothing is missing.
   *
   * @param name the pool
   * @param keys one for each page
   * @param hostIndices tokens of the pages
   * @param hitPolicy which pages a prefix needs
   * @throws HiCacheException INVALID_ARGUMENT for a null
   */
  public PoolTransfer {
    if (name == null || keys == null || hostIndices == null || hitPolicy == null) {
      throw HiCacheException.invalid(
          "pool transfer: the "
              + (name == null
                  ? "name"
                  : keys == null ? "list of keys" : hostIndices == null ? "host indices" : "policy")
              + " is null");
    }
  }

  /**
   * Pages to be moved.
   *
   * @param name the pool
   * @param keys one for each page
   * @param hostIndices tokens of the pages
   * @return with the policy ALL_PAGES, which moving pages does not ask for
   */
  public static PoolTransfer of(PoolName name, List<String> keys, long[] hostIndices) {
    return new PoolTransfer(name, keys, hostIndices, PoolHitPolicy.ALL_PAGES);
  }

  /**
   * A pool that has to have every page of a prefix.
   *
   * @param name the pool
   * @return for {@link HiCacheStorage#batchExistsV2}
   */
  public static PoolTransfer allPages(PoolName name) {
    return new PoolTransfer(name, List.of(), new long[0], PoolHitPolicy.ALL_PAGES);
  }

  /**
   * A pool that has to have the last pages of a prefix.
   *
   * @param name the pool
   * @param keys as many as it needs; none counts as one
   * @return for {@link HiCacheStorage#batchExistsV2}
   */
  public static PoolTransfer trailingPages(PoolName name, List<String> keys) {
    return new PoolTransfer(name, keys, new long[0], PoolHitPolicy.TRAILING_PAGES);
  }
}
