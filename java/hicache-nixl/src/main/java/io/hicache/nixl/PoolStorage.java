// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * {@link HiCacheStorage}'s calls over registered pools: which files a page is, and from what became
 * of its files what became of the page.
 *
 * <p>Threads: as {@link HiCacheStorage}.
 */
final class PoolStorage {
  private final PageCalls calls;
  private final RegisteredPools pools;
  private final boolean skipExisting;
  private final boolean storesForAllRanks;

  PoolStorage(BatchStore store, PageCalls calls, HiCacheConfig config) {
    this.calls = calls;
    this.pools = new RegisteredPools(store, config);
    this.skipExisting = config.skipExisting();
    // With MLA all tensor-parallel ranks have the same pages, and the first stores them.
    this.storesForAllRanks = !config.mla() || config.tpRank() == 0;
  }

  void register(PoolName name, HostPool pool) {
    pools.register(name, pool);
  }

  /** After the store's close. drained: whether nothing can touch the pools' memory any more. */
  void release(boolean drained) {
    pools.release(drained);
  }

  boolean hasPool() {
    return pools.find(PoolName.KV) != null;
  }

  List<PageResult> setV1(List<String> keys, long[] hostIndices) {
    Arguments.requireKeys("batchSetV1", keys);
    if (!storesForAllRanks) {
      return keys.stream().map(PoolStorage::skipped).toList();
    }
    return run(Operation.SET, pools.require("batchSetV1", PoolName.KV), keys, hostIndices);
  }

  List<PageResult> getV1(List<String> keys, long[] hostIndices) {
    Arguments.requireKeys("batchGetV1", keys);
    return run(Operation.GET, pools.require("batchGetV1", PoolName.KV), keys, hostIndices);
  }

  CompletableFuture<List<PageResult>> setV1Async(List<String> keys, long[] hostIndices) {
    Arguments.requireKeys("batchSetV1", keys);
    if (!storesForAllRanks) {
      return CompletableFuture.completedFuture(keys.stream().map(PoolStorage::skipped).toList());
    }
    RegisteredPools.Entry pool = pools.require("batchSetV1", PoolName.KV);
    return start(Operation.SET, pool, keys, hostIndices);
  }

  CompletableFuture<List<PageResult>> getV1Async(List<String> keys, long[] hostIndices) {
    Arguments.requireKeys("batchGetV1", keys);
    RegisteredPools.Entry pool = pools.require("batchGetV1", PoolName.KV);
    return start(Operation.GET, pool, keys, hostIndices);
  }

  private static PageResult skipped(String key) {
    return new PageResult(key, PageOutcome.SKIPPED, 0, false, null);
  }

  /** Whether pages of the pool of keys and values are there in all files, up to the first gap. */
  List<PageResult> prefix(List<String> keys) {
    return exists(pools.require("batchExists", PoolName.KV), keys, true);
  }

  PoolTransferResult existsV2(List<String> keys, List<PoolTransfer> transfers) {
    Arguments.requireKeys("batchExistsV2", keys);
    List<RegisteredPools.Entry> further = requireAll("batchExistsV2", transfers);
    int kvPages = Verdict.leadingHits(prefix(keys));
    Map<PoolName, Integer> hits = new EnumMap<>(PoolName.class);
    if (kvPages > 0) {
      hits.put(PoolName.KV, kvPages);
    }
    int prefix = kvPages;
    for (int i = 0; i < further.size() && kvPages > 0; i++) {
      boolean allPages = transfers.get(i).hitPolicy() == PoolHitPolicy.ALL_PAGES;
      List<PageResult> found = exists(further.get(i), keys.subList(0, kvPages), allPages);
      int usable = usable(found, transfers.get(i));
      if (usable > 0) {
        hits.put(transfers.get(i).name(), usable);
      }
      prefix = Math.min(prefix, usable);
    }
    return new PoolTransferResult(prefix, Map.copyOf(hits));
  }

  /** The longest prefix for which a pool has what its policy asks for. */
  private static int usable(List<PageResult> found, PoolTransfer transfer) {
    if (transfer.hitPolicy() == PoolHitPolicy.ALL_PAGES) {
      return Verdict.leadingHits(found);
    }
    int needed = Math.max(1, transfer.keys().size());
    for (int prefix = found.size(); prefix > 0; prefix--) {
      if (found.subList(Math.max(0, prefix - needed), prefix).stream()
          .allMatch(PageResult::isHit)) {
        return prefix;
      }
    }
    return 0;
  }

  Map<PoolName, List<PageResult>> transferV2(Operation operation, List<PoolTransfer> transfers) {
    String call = operation == Operation.SET ? "batchSetV2" : "batchGetV2";
    List<RegisteredPools.Entry> named = requireAll(call, transfers);
    Map<PoolName, List<PageResult>> results = new EnumMap<>(PoolName.class);
    for (int i = 0; i < named.size(); i++) {
      PoolTransfer transfer = transfers.get(i);
      results.put(
          transfer.name(), run(operation, named.get(i), transfer.keys(), transfer.hostIndices()));
    }
    return results;
  }

  private List<RegisteredPools.Entry> requireAll(String call, List<PoolTransfer> transfers) {
    if (transfers == null) {
      throw HiCacheException.invalid(call + ": the list of transfers is null");
    }
    Set<PoolName> seen = new HashSet<>();
    List<RegisteredPools.Entry> named = new ArrayList<>();
    for (PoolTransfer transfer : transfers) {
      if (transfer == null) {
        throw HiCacheException.invalid(call + ": a transfer is null");
      }
      if (!seen.add(transfer.name())) {
        throw HiCacheException.invalid(
            call + ": two transfers name the pool " + transfer.name().word() + "; join them");
      }
      named.add(pools.require(call, transfer.name()));
    }
    return named;
  }

  /** Removes the files of pages in all registered pools, and what was stored under the bare key. */
  List<PageResult> delete(List<String> keys) {
    List<String> components = new ArrayList<>(List.of(""));
    for (RegisteredPools.Entry pool : pools.all()) {
      pool.files().components().stream()
          .filter(component -> !components.contains(component))
          .forEach(components::add);
    }
    PageBatch batch = PageBatch.ofFiles(Operation.DELETE, keys, components, null, null);
    return PoolResults.fold(calls.run(batch), components.size());
  }

  /** Pins pages in all files that they have in the pool of keys and values. */
  List<PageResult> pin(List<String> keys, long leaseMillis) {
    List<String> components =
        hasPool() ? pools.find(PoolName.KV).files().components() : List.of("");
    PageBatch batch =
        PageBatch.ofFiles(Operation.PIN, keys, components, null, null).lease(leaseMillis);
    return PoolResults.fold(calls.run(batch), components.size());
  }

  /** Reads back pages that a listing showed, components and all. */
  List<PageResult> getListed(List<PageInfo> pages, long[] addresses) {
    return calls.run(PageBatch.ofListed(Operation.GET, pages, addresses));
  }

  /** Stores pages that a listing of another store showed, where there are none. */
  List<PageResult> addListed(List<PageInfo> pages, long[] addresses) {
    return calls.run(PageBatch.ofListed(Operation.SET, pages, addresses));
  }

  private List<PageResult> exists(
      RegisteredPools.Entry pool, List<String> keys, boolean prefixOnly) {
    PageBatch batch =
        PageBatch.ofFiles(
            Operation.EXISTS, keys, pool.files().components(), pool.files().lengths(), null);
    if (prefixOnly) {
      batch.prefixOnly();
    }
    return PoolResults.fold(calls.run(batch), pool.files().count());
  }

  private List<PageResult> run(
      Operation operation, RegisteredPools.Entry pool, List<String> keys, long[] hostIndices) {
    return PoolResults.fold(calls.run(batch(operation, pool, keys, hostIndices)), filesOf(pool));
  }

  private CompletableFuture<List<PageResult>> start(
      Operation operation, RegisteredPools.Entry pool, List<String> keys, long[] hostIndices) {
    int files = filesOf(pool);
    Function<List<PageResult>, List<PageResult>> fold = results -> PoolResults.fold(results, files);
    return calls.start(batch(operation, pool, keys, hostIndices), fold);
  }

  private static int filesOf(RegisteredPools.Entry pool) {
    return pool.files().count();
  }

  private PageBatch batch(
      Operation operation, RegisteredPools.Entry pool, List<String> keys, long[] hostIndices) {
    PageBlocks blocks = pool.pool().getPageBufferMeta(hostIndices);
    if (blocks.pageCount() != keys.size()) {
      throw HiCacheException.invalid(
          operation.word()
              + ": "
              + keys.size()
              + " keys and the host indices of "
              + blocks.pageCount()
              + " pages; give "
              + pool.pool().pageSize()
              + " for each key");
    }
    PageBatch batch =
        PageBatch.ofFiles(
            operation,
            keys,
            pool.files().components(),
            null,
            new PageBatch.PoolPages(pool.files().cut(blocks), pool.pool()));
    return batch.skipExisting(skipExisting);
  }
}
