// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import io.hicache.nixl.HiCacheStorage;
import io.hicache.nixl.HostKVCache;
import io.hicache.nixl.PageOutcome;
import io.hicache.nixl.PageResult;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * All that the engine asks of the store: which pages of a prompt are there, bring them into the
 * pool, store new ones. A failure of the storage costs time, never an answer: it is logged, and the
 * engine computes what it did not get.
 *
 * <p>Threads: safe from any number of threads.
 */
final class PrefixCache implements AutoCloseable {
  private static final Logger LOG = LogManager.getLogger(PrefixCache.class);

  private final HiCacheStorage storage;
  private final int pageSize;
  private final Set<CompletableFuture<?>> writes = ConcurrentHashMap.newKeySet();

  /**
   * Makes a pool known to a store.
   *
   * @param storage stays the caller's to close, after this
   * @param pool where the engine's pages are
   */
  PrefixCache(HiCacheStorage storage, HostKVCache pool) {
    this.storage = storage;
    this.pageSize = pool.pageSize();
    storage.registerMemPoolHost(pool);
  }

  /** How many pages of a prompt, from its start, are stored: one look-up for all. */
  int lookUp(List<String> keys) {
    return keys.isEmpty() ? 0 : storage.batchExists(keys);
  }

  /**
   * Brings pages into the pool. Between look-up and this a page may have been evicted, and only now
   * its checksum is compared, so a page that was found need not be a hit.
   *
   * @param keys in the order of a prefix
   * @param pages where each goes
   * @return completes with one result for each; what is not a hit left its page undefined
   */
  CompletableFuture<List<PageResult>> prefetch(List<String> keys, List<Integer> pages) {
    if (keys.isEmpty()) {
      return CompletableFuture.completedFuture(List.of());
    }
    return storage
        .batchGetPagesV1Async(keys, hostIndices(pages))
        .thenApply(results -> logged("restored", results));
  }

  /**
   * Stores pages, while the engine goes on. Until it is complete the pages must stay as they are.
   *
   * @param keys in any order
   * @param pages where each is
   * @return completes with one result for each
   */
  CompletableFuture<List<PageResult>> writeThrough(List<String> keys, List<Integer> pages) {
    if (keys.isEmpty()) {
      return CompletableFuture.completedFuture(List.of());
    }
    CompletableFuture<List<PageResult>> write =
        storage
            .batchSetPagesV1Async(keys, hostIndices(pages))
            .thenApply(results -> logged("stored", results));
    writes.add(write);
    write.whenComplete((results, failure) -> writes.remove(write));
    return write;
  }

  /**
   * Whether the storage may still read or write the page of a result: then its memory must not be
   * used for anything else.
   */
  static boolean mayStillMove(PageResult result) {
    return result.outcome() == PageOutcome.TIMED_OUT || result.outcome() == PageOutcome.CANCELLED;
  }

  /** A page's tokens in the pool, for each page: how the store's calls name pages. */
  private long[] hostIndices(List<Integer> pages) {
    long[] indices = new long[pages.size() * pageSize];
    for (int i = 0; i < indices.length; i++) {
      indices[i] = (long) pages.get(i / pageSize) * pageSize + i % pageSize;
    }
    return indices;
  }

  private static List<PageResult> logged(String what, List<PageResult> results) {
    List<PageResult> failed = results.stream().filter(r -> r.outcome().isFailure()).toList();
    if (!failed.isEmpty()) {
      LOG.warn(
          "{} of {} pages were not {}; going on without. The first: {}",
          failed.size(),
          results.size(),
          what,
          failed.get(0).cause().getMessage());
    }
    return results;
  }

  /** Waits for the writes under way; each ends by the store's own deadline. */
  @Override
  public void close() {
    CompletableFuture.allOf(writes.toArray(CompletableFuture[]::new)).join();
  }
}
