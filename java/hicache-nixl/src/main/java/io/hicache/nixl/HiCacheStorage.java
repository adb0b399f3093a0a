// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.bytedeco.pytorch.Tensor;

/**
 * What an inference engine plugs in: pages of registered host pools, in batches, and the longest
 * prefix that is cached. Mirrors SGLang's {@code HiCacheStorage}; {@link HiCacheNixl} implements
 * it.
 *
 * <p>Beside each form with booleans stands one that tells what became of every page. A page is one
 * unit whatever the number of its files: it is a hit when all of them are.
 *
 * <p><b>Errors.</b> As {@link HiCacheNixl}: a wrong argument throws INVALID_ARGUMENT, a pool that
 * is not registered among them; what the storage does is an outcome.
 *
 * <p>Threads: safe from any number of threads; set, get and exists may run at once. Registering a
 * pool must not run beside transfers of a pool of the same name.
 */
public interface HiCacheStorage extends AutoCloseable {
  /**
   * Makes the pool of keys and values known. Its memory is registered with NIXL once for each lane,
   * and kept until the store is closed or another pool takes its place.
   *
   * @param pool stays the caller's to close; its memory is kept as long as the store uses it
   */
  void registerMemPoolHost(HostKVCache pool);

  /**
   * Makes a further pool known.
   *
   * @param pool as in {@link #registerMemPoolHost}
   * @param name what its pages are called
   */
  void registerMemHostPoolV2(HostPool pool, PoolName name);

  /**
   * Stores pages of the pool of keys and values. A page that is stored already with the same bytes
   * is SKIPPED, unless the configuration says {@code skip_existing = false}. With MLA every page is
   * SKIPPED on all tensor-parallel ranks but the first, which stores it for all.
   *
   * @param keys one for each page
   * @param hostIndices the pages' tokens in the pool, {@link HostPool#pageSize()} for each
   * @return one result for each key: STORED, SKIPPED, or a failure with its cause
   */
  List<PageResult> batchSetPagesV1(List<String> keys, long[] hostIndices);

  /**
   * Fills pages of the pool of keys and values.
   *
   * @param keys one for each page
   * @param hostIndices the pages' tokens in the pool
   * @return one result for each key; after anything but HIT the page's content in the pool is
   *     undefined
   */
  List<PageResult> batchGetPagesV1(List<String> keys, long[] hostIndices);

  /**
   * As {@link #batchSetPagesV1}, without a wait but for room in flight, see {@link AsyncPageStore}.
   *
   * @param keys one for each page
   * @param hostIndices the pages' tokens in the pool; the pages must not change before completion
   * @return completes with one result for each key
   */
  CompletableFuture<List<PageResult>> batchSetPagesV1Async(List<String> keys, long[] hostIndices);

  /**
   * As {@link #batchGetPagesV1}, without a wait but for room in flight, see {@link AsyncPageStore}.
   *
   * @param keys one for each page
   * @param hostIndices the pages' tokens in the pool
   * @return completes with one result for each key
   */
  CompletableFuture<List<PageResult>> batchGetPagesV1Async(List<String> keys, long[] hostIndices);

  /**
   * As {@link #batchSetPagesV1}.
   *
   * @param keys one for each page
   * @param hostIndices the pages' tokens in the pool
   * @return for each key, true when its page is stored, now or before
   */
  boolean[] batchSetV1(List<String> keys, long[] hostIndices);

  /**
   * As {@link #batchGetPagesV1}.
   *
   * @param keys one for each page
   * @param hostIndices the pages' tokens in the pool
   * @return for each key, true when the pool holds its page
   */
  boolean[] batchGetV1(List<String> keys, long[] hostIndices);

  /**
   * As {@link #batchSetV1(List, long[])}.
   *
   * @param keys one for each page
   * @param hostIndices int64, one-dimensional, contiguous, on the CPU
   * @return as {@link #batchSetV1(List, long[])}
   */
  default boolean[] batchSetV1(List<String> keys, Tensor hostIndices) {
    return batchSetV1(keys, HostIndices.read(hostIndices));
  }

  /**
   * As {@link #batchGetV1(List, long[])}.
   *
   * @param keys one for each page
   * @param hostIndices int64, one-dimensional, contiguous, on the CPU
   * @return as {@link #batchGetV1(List, long[])}
   */
  default boolean[] batchGetV1(List<String> keys, Tensor hostIndices) {
    return batchGetV1(keys, HostIndices.read(hostIndices));
  }

  /**
   * Counts the pages that are there, up to the first that is not: pages of the pool of keys and
   * values once it is registered, single pages before.
   *
   * @param keys in the order of a prefix
   * @return 0 to the number of keys
   */
  int batchExists(List<String> keys);

  /**
   * As {@link #batchExists} of one key.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @return true when the page is there
   */
  boolean exists(String key);

  /**
   * Finds the longest prefix that can be restored in all pools.
   *
   * @param keys in the order of a prefix
   * @param transfers what each further pool needs, see {@link PoolTransfer#allPages} and {@link
   *     PoolTransfer#trailingPages}
   * @return its length, and what each pool has
   */
  PoolTransferResult batchExistsV2(List<String> keys, List<PoolTransfer> transfers);

  /**
   * Stores pages of several pools.
   *
   * @param transfers at most one for each pool
   * @return for each pool, one result for each of its keys
   */
  Map<PoolName, List<PageResult>> batchSetPagesV2(List<PoolTransfer> transfers);

  /**
   * Fills pages of several pools.
   *
   * @param transfers at most one for each pool
   * @return for each pool, one result for each of its keys
   */
  Map<PoolName, List<PageResult>> batchGetPagesV2(List<PoolTransfer> transfers);

  /**
   * As {@link #batchSetPagesV2}.
   *
   * @param transfers at most one for each pool
   * @return for each pool and key, true when the page is stored, now or before
   */
  Map<PoolName, boolean[]> batchSetV2(List<PoolTransfer> transfers);

  /**
   * As {@link #batchGetPagesV2}.
   *
   * @param transfers at most one for each pool
   * @return for each pool and key, true when the pool holds the page
   */
  Map<PoolName, boolean[]> batchGetV2(List<PoolTransfer> transfers);

  /**
   * Removes a page, all its files in all registered pools.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @return true when there was something; false for a miss and for a failure
   */
  boolean delete(String key);

  /**
   * Removes every page of this store's model and rank, or of its namespace and ranks, and nothing
   * else.
   *
   * @return number of files removed
   */
  long clear();

  /**
   * What went through this store since it was opened.
   *
   * @return as of now
   */
  StorageStats getStats();

  /** Closes the store; its pools are the caller's to close. */
  @Override
  void close();
}
