// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.lang.ref.Reference;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.bytedeco.pytorch.Tensor;

/**
 * A store of KV-cache pages: tensors or plain memory in, files or objects out, through NIXL.
 * Mirrors SGLang's {@code HiCacheNixl}, and beside each of its booleans and nulls stands a form
 * that tells what became of every key ({@code setPage}, {@code batchGetPages}, ...).
 *
 * <p><b>Promise.</b> A get returns exactly the bytes that were set under that key, or it reports a
 * miss or a failure. After anything but a hit the target's content is undefined.
 *
 * <p><b>Errors.</b> A bad argument throws {@link HiCacheException}: INVALID_ARGUMENT (a key that is
 * null, empty, too long or not Unicode; a tensor that is undefined, not contiguous, or not of the
 * page's length and dtype) or UNSUPPORTED (memory that the backend cannot move). In a batch such an
 * entry fails alone. A failure of the storage is false or null here, with one WARN line for the
 * call. Every call on a closed store throws CLOSED. A miss is a value.
 *
 * <p><b>Memory.</b> Tensors and address ranges are borrowed until a call returns. After a time-out
 * the storage may still use them: tensors then stay referenced until it lets go; the owner of a
 * plain address range has to leave it allocated until {@link #close(Duration)} reports that nothing
 * hangs.
 *
 * <p>Threads: safe from any number of threads. Calls block until done, at most for the configured
 * time-out and a grace of two seconds, and are not cut short by an interrupt. The batch forms whose
 * names end in {@code Async} return futures, see {@link AsyncPageStore}.
 */
public final class HiCacheNixl implements PageStore, AsyncPageStore, HiCacheStorage {
  private static final Logger LOG = LogManager.getLogger(HiCacheNixl.class);

  private final BatchStore store;
  private final PageCalls calls;
  private final PoolStorage pools;
  private final PageDirectory directory;
  private final Duration closeTimeout;
  private final LeakNet.Watch watch;

  /** The calls of a store that is open; it is closed with this. */
  HiCacheNixl(BatchStore store, HiCacheConfig config) {
    this.store = store;
    calls = new PageCalls(this, store, config.timeoutMillis());
    pools = new PoolStorage(store, calls, config);
    directory = store.directory(this);
    Duration timeout = Duration.ofMillis(config.closeTimeoutMillis());
    closeTimeout = timeout;
    String name = "the store in " + placeOf(config);
    watch = LeakNet.watch(this, name, store::isClosed, () -> store.close(timeout));
  }

  /** Where the pages are, for messages. */
  private static String placeOf(HiCacheConfig config) {
    if (!config.tiers().isEmpty()) {
      return config.tiers().toString();
    }
    return config.storageDirs().isEmpty()
        ? config.backend() + " below '" + config.objectPrefix() + "'"
        : config.storageDirs().toString();
  }

  /**
   * Opens a store: makes missing directories, chooses and proves a backend, starts the lanes.
   *
   * @param config see {@link HiCacheConfig#builder()}
   * @return to be closed by the caller
   * @throws HiCacheException BACKEND_UNAVAILABLE when NIXL is missing or no backend proves itself,
   *     IO or INVALID_ARGUMENT for a directory that cannot be used, INVALID_ARGUMENT for a
   *     namespace that was made with another identity, CORRUPT when its record of that is damaged;
   *     then nothing is left open
   */
  public static HiCacheNixl open(HiCacheConfig config) {
    if (config == null) {
      throw HiCacheException.invalid("open: the configuration is null");
    }
    BatchStore store = Stores.open(config);
    try {
      StoreDescription about = StoreDescription.of(store.describe());
      LOG.info("Backend {} was instantiated", about.backend());
      LOG.info("store opened: {}", about);
      return new HiCacheNixl(store, config);
    } catch (RuntimeException e) {
      store.close(Duration.ZERO);
      throw e;
    }
  }

  /**
   * Opens a store in one directory, with the environment's settings and defaults for everything
   * else.
   *
   * @param storageDir base directory, made when missing
   * @return to be closed by the caller
   * @throws HiCacheException as {@link #open(HiCacheConfig)}
   */
  public static HiCacheNixl open(Path storageDir) {
    if (storageDir == null) {
      throw HiCacheException.invalid("open: the storage directory is null");
    }
    return open(HiCacheConfig.builder().storageDirs(storageDir).build());
  }

  /**
   * Stores a tensor under a key, replacing what was there.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @param value contiguous, 0 to 8 dimensions, any dtype, any number of elements
   * @return true when it is stored; false when the storage failed, see {@link #setPage(String,
   *     Tensor)}
   */
  public boolean set(String key, Tensor value) {
    return Verdict.isStored(setPage(key, value));
  }

  /**
   * Stores plain memory under a key.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @param address first byte, on the host or a CUDA device; any value when length is 0
   * @param length bytes, 0 or more
   * @return as {@link #set(String, Tensor)}
   */
  public boolean set(String key, long address, long length) {
    return Verdict.isStored(setPage(key, address, length));
  }

  @Override
  public PageResult setPage(String key, Tensor value) {
    return fenced(() -> calls.one(Operation.SET, key, tensor(value), value));
  }

  @Override
  public PageResult setPage(String key, long address, long length) {
    return fenced(() -> calls.one(Operation.SET, key, range(address, length), null));
  }

  /**
   * Fills a tensor with the page under a key.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @param target contiguous, with the page's dtype and number of bytes; its shape may differ
   * @return the target; null for a miss and for a failure, see {@link #getPage(String, Tensor)}
   */
  public Tensor get(String key, Tensor target) {
    return Verdict.isHit("get", getPage(key, target)) ? target : null;
  }

  /**
   * Fills plain memory with the page under a key. (SGLang's form returns None even then; this one
   * tells.)
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @param address first byte
   * @param length the page's number of bytes
   * @return true when the memory holds the page; false for a miss and for a failure
   */
  public boolean get(String key, long address, long length) {
    return Verdict.isHit("get", getPage(key, address, length));
  }

  @Override
  public PageResult getPage(String key, Tensor target) {
    return fenced(() -> calls.one(Operation.GET, key, tensor(target), target));
  }

  @Override
  public PageResult getPage(String key, long address, long length) {
    return fenced(() -> calls.one(Operation.GET, key, range(address, length), null));
  }

  /**
   * Stores many tensors in one call. Of two entries with the same key the later one is stored.
   *
   * @param keys one for each value
   * @param values contiguous tensors
   * @return true when every page is stored; false for an empty batch, as in SGLang
   * @throws HiCacheException INVALID_ARGUMENT when the lists differ in size; nothing is stored then
   */
  public boolean batchSet(List<String> keys, List<Tensor> values) {
    return Verdict.areStored(batchSetPages(keys, values));
  }

  /**
   * Stores many memory ranges in one call.
   *
   * @param keys one for each range
   * @param addresses first bytes
   * @param lengths bytes
   * @return as {@link #batchSet(List, List)}
   */
  public boolean batchSet(List<String> keys, long[] addresses, long[] lengths) {
    return Verdict.areStored(batchSetPages(keys, addresses, lengths));
  }

  @Override
  public List<PageResult> batchSetPages(List<String> keys, List<Tensor> values) {
    Arguments.requireSameSize("batchSet", keys, values);
    return fenced(() -> calls.many(Operation.SET, keys, tensors(values), values));
  }

  @Override
  public List<PageResult> batchSetPages(List<String> keys, long[] addresses, long[] lengths) {
    Arguments.requireSameSize("batchSet", keys, addresses, lengths);
    return fenced(() -> calls.many(Operation.SET, keys, ranges(addresses, lengths), null));
  }

  /**
   * Fills many tensors in one call.
   *
   * @param keys one for each target
   * @param targets contiguous tensors with their pages' dtypes and numbers of bytes
   * @return one element for each key: its target, or null for a miss or a failure
   * @throws HiCacheException INVALID_ARGUMENT when the lists differ in size; nothing is read then
   */
  public List<Tensor> batchGet(List<String> keys, List<Tensor> targets) {
    boolean[] hits = Verdict.areHits(batchGetPages(keys, targets));
    Tensor[] filled = new Tensor[hits.length];
    Arrays.setAll(filled, i -> hits[i] ? targets.get(i) : null);
    return Collections.unmodifiableList(Arrays.asList(filled));
  }

  /**
   * Fills many memory ranges in one call.
   *
   * @param keys one for each range
   * @param addresses first bytes
   * @param lengths the pages' numbers of bytes
   * @return one element for each key: true when its memory holds the page
   */
  public boolean[] batchGet(List<String> keys, long[] addresses, long[] lengths) {
    return Verdict.areHits(batchGetPages(keys, addresses, lengths));
  }

  @Override
  public List<PageResult> batchGetPages(List<String> keys, List<Tensor> targets) {
    Arguments.requireSameSize("batchGet", keys, targets);
    return fenced(() -> calls.many(Operation.GET, keys, tensors(targets), targets));
  }

  @Override
  public List<PageResult> batchGetPages(List<String> keys, long[] addresses, long[] lengths) {
    Arguments.requireSameSize("batchGet", keys, addresses, lengths);
    return fenced(() -> calls.many(Operation.GET, keys, ranges(addresses, lengths), null));
  }

  /**
   * {@inheritDoc}
   *
   * <p>False for a page that is known to be damaged, and for a failure.
   */
  @Override
  public boolean exists(String key) {
    return pools.hasPool()
        ? batchExists(Collections.singletonList(key)) == 1
        : Verdict.isHit("exists", existsPage(key));
  }

  @Override
  public int batchExists(List<String> keys) {
    Arguments.requireKeys("batchExists", keys);
    return fenced(
        () -> Verdict.leadingHits(pools.hasPool() ? pools.prefix(keys) : calls.prefix(keys)));
  }

  @Override
  public PageResult existsPage(String key) {
    return fenced(() -> calls.one(Operation.EXISTS, key, null, null));
  }

  @Override
  public List<PageResult> batchExistsPages(List<String> keys) {
    Arguments.requireKeys("batchExists", keys);
    return fenced(() -> calls.many(Operation.EXISTS, keys, null, null));
  }

  @Override
  public boolean delete(String key) {
    return Verdict.isRemoved(
        pools.hasPool()
            ? fenced(() -> pools.delete(Collections.singletonList(key)).get(0))
            : deletePage(key));
  }

  @Override
  public void registerMemPoolHost(HostKVCache pool) {
    register(PoolName.KV, pool);
  }

  @Override
  public void registerMemHostPoolV2(HostPool pool, PoolName name) {
    register(name, pool);
  }

  private void register(PoolName name, HostPool pool) {
    fenced(
        () -> {
          pools.register(name, pool);
          return null;
        });
  }

  @Override
  public List<PageResult> batchSetPagesV1(List<String> keys, long[] hostIndices) {
    return fenced(() -> pools.setV1(keys, hostIndices));
  }

  @Override
  public List<PageResult> batchGetPagesV1(List<String> keys, long[] hostIndices) {
    return fenced(() -> pools.getV1(keys, hostIndices));
  }

  @Override
  public CompletableFuture<List<PageResult>> batchSetPagesV1Async(
      List<String> keys, long[] hostIndices) {
    return fenced(() -> pools.setV1Async(keys, hostIndices));
  }

  @Override
  public CompletableFuture<List<PageResult>> batchGetPagesV1Async(
      List<String> keys, long[] hostIndices) {
    return fenced(() -> pools.getV1Async(keys, hostIndices));
  }

  @Override
  public boolean[] batchSetV1(List<String> keys, long[] hostIndices) {
    return Verdict.eachStored(batchSetPagesV1(keys, hostIndices));
  }

  @Override
  public boolean[] batchGetV1(List<String> keys, long[] hostIndices) {
    return Verdict.areHits(batchGetPagesV1(keys, hostIndices));
  }

  @Override
  public PoolTransferResult batchExistsV2(List<String> keys, List<PoolTransfer> transfers) {
    return fenced(() -> pools.existsV2(keys, transfers));
  }

  @Override
  public Map<PoolName, List<PageResult>> batchSetPagesV2(List<PoolTransfer> transfers) {
    return fenced(() -> pools.transferV2(Operation.SET, transfers));
  }

  @Override
  public Map<PoolName, List<PageResult>> batchGetPagesV2(List<PoolTransfer> transfers) {
    return fenced(() -> pools.transferV2(Operation.GET, transfers));
  }

  @Override
  public Map<PoolName, boolean[]> batchSetV2(List<PoolTransfer> transfers) {
    return Verdict.ofEach(batchSetPagesV2(transfers), Verdict::eachStored);
  }

  @Override
  public Map<PoolName, boolean[]> batchGetV2(List<PoolTransfer> transfers) {
    return Verdict.ofEach(batchGetPagesV2(transfers), Verdict::areHits);
  }

  /**
   * Fills plain memory with pages that {@link PageDirectory#forEach} showed, also where a key has
   * several files.
   *
   * @param pages as they were listed
   * @param addresses first bytes of {@link PageInfo#length()} bytes each
   * @return one result for each page, as {@link #getPage(String, long, long)}
   */
  public List<PageResult> getListedPages(List<PageInfo> pages, long[] addresses) {
    if (pages == null || addresses == null || pages.size() != addresses.length) {
      throw HiCacheException.invalid("getListedPages: give one address for each page");
    }
    return fenced(() -> pools.getListed(pages, addresses));
  }

  /**
   * Stores pages that a listing of another store showed, under the same keys and components, with
   * the same dtypes and shapes, where there are none yet. What is there stays, whatever its bytes.
   *
   * @param pages as they were listed there
   * @param addresses first bytes of {@link PageInfo#length()} bytes each
   * @return one result for each page: STORED, SKIPPED where there is one, or FAILED or TIMED_OUT
   *     with the cause
   */
  public List<PageResult> addListedPages(List<PageInfo> pages, long[] addresses) {
    if (pages == null || addresses == null || pages.size() != addresses.length) {
      throw HiCacheException.invalid("addListedPages: give one address for each page");
    }
    return fenced(() -> pools.addListed(pages, addresses));
  }

  /**
   * Keeps pages from being evicted, by any process, for some time from now on. The lease is kept
   * with the page: it outlives this process, and ends by itself. A set keeps it; a delete and a
   * clear do not, and a page past its TTL goes all the same.
   *
   * @param keys the pages
   * @param lease how long, up to 30 days
   * @return one result for each key: HIT when pinned, MISS when there is no such page, FAILED with
   *     UNSUPPORTED where the file system keeps no access times
   */
  public List<PageResult> pin(List<String> keys, Duration lease) {
    Arguments.requireKeys("pin", keys);
    if (lease == null || lease.isNegative() || lease.isZero()) {
      throw HiCacheException.invalid("pin: the lease is " + lease + "; give a positive one");
    }
    return fenced(() -> pools.pin(keys, lease.toMillis()));
  }

  /**
   * Ends the leases of pages; they count as used now.
   *
   * @param keys the pages
   * @return as {@link #pin}
   */
  public List<PageResult> unpin(List<String> keys) {
    Arguments.requireKeys("unpin", keys);
    return fenced(() -> pools.pin(keys, 0));
  }

  /**
   * Evicts now: what has expired, then the pages not used for longest, down to the low marks.
   *
   * @param timeout how long to wait for another process that evicts
   * @return what was removed
   * @throws HiCacheException UNSUPPORTED where eviction is off, TIMEOUT
   */
  public EvictionResult evictNow(Duration timeout) {
    if (timeout == null) {
      throw HiCacheException.invalid("evictNow: the timeout is null");
    }
    return fenced(() -> store.evict(timeout.toMillis()));
  }

  @Override
  public StorageStats getStats() {
    return calls.stats();
  }

  @Override
  public PageResult deletePage(String key) {
    return fenced(() -> calls.one(Operation.DELETE, key, null, null));
  }

  @Override
  public List<PageResult> batchDeletePages(List<String> keys) {
    Arguments.requireKeys("batchDelete", keys);
    return fenced(() -> calls.many(Operation.DELETE, keys, null, null));
  }

  /**
   * {@inheritDoc}
   *
   * @throws HiCacheException when the storage failed; some pages may be gone
   */
  @Override
  public long clear() {
    return fenced(calls::clear);
  }

  @Override
  public CompletableFuture<List<PageResult>> batchSetPagesAsync(
      List<String> keys, List<Tensor> values) {
    Arguments.requireSameSize("batchSet", keys, values);
    return fenced(() -> calls.manyAsync(Operation.SET, keys, tensors(values), values));
  }

  @Override
  public CompletableFuture<List<PageResult>> batchSetPagesAsync(
      List<String> keys, long[] addresses, long[] lengths) {
    Arguments.requireSameSize("batchSet", keys, addresses, lengths);
    return fenced(() -> calls.manyAsync(Operation.SET, keys, ranges(addresses, lengths), null));
  }

  @Override
  public CompletableFuture<List<PageResult>> batchGetPagesAsync(
      List<String> keys, List<Tensor> targets) {
    Arguments.requireSameSize("batchGet", keys, targets);
    return fenced(() -> calls.manyAsync(Operation.GET, keys, tensors(targets), targets));
  }

  @Override
  public CompletableFuture<List<PageResult>> batchGetPagesAsync(
      List<String> keys, long[] addresses, long[] lengths) {
    Arguments.requireSameSize("batchGet", keys, addresses, lengths);
    return fenced(() -> calls.manyAsync(Operation.GET, keys, ranges(addresses, lengths), null));
  }

  @Override
  public CompletableFuture<List<PageResult>> batchExistsPagesAsync(List<String> keys) {
    Arguments.requireKeys("batchExists", keys);
    return fenced(() -> calls.manyAsync(Operation.EXISTS, keys, null, null));
  }

  @Override
  public CompletableFuture<List<PageResult>> batchDeletePagesAsync(List<String> keys) {
    Arguments.requireKeys("batchDelete", keys);
    return fenced(() -> calls.manyAsync(Operation.DELETE, keys, null, null));
  }

  @Override
  public CompletableFuture<Long> clearAsync() {
    return fenced(calls::clearAsync);
  }

  /**
   * The pages as the directories show them: look-up, listing, paths.
   *
   * @return usable as long as the store is open; holds this store open for the garbage collector
   */
  public PageDirectory directory() {
    return directory;
  }

  /**
   * What the store is made of and what it is doing.
   *
   * @return as of now
   */
  public StoreDescription describe() {
    return fenced(() -> StoreDescription.of(store.describe()));
  }

  /**
   * Closes the store, waiting for work in flight as long as the configuration says (5 seconds
   * unless set). Work that takes longer ends as TIMED_OUT. Calling it again does nothing.
   */
  @Override
  public void close() {
    close(closeTimeout);
  }

  /**
   * Closes the store.
   *
   * @param timeout how long to wait for work in flight; work that takes longer ends as TIMED_OUT
   * @return true when nothing is in flight any more; false when a transfer hangs in the storage,
   *     whose tensors stay referenced and whose plain memory must stay allocated; the same answer
   *     again when closed before
   * @throws HiCacheException INVALID_ARGUMENT for null, and inside {@link PageDirectory#forEach}
   */
  public boolean close(Duration timeout) {
    if (timeout == null) {
      throw HiCacheException.invalid("close: the timeout is null");
    }
    return fenced(
        () -> {
          boolean first = !store.isClosed();
          boolean drained = store.close(timeout);
          pools.release(drained);
          watch.end();
          if (first) {
            LOG.info("store closed{}", drained ? "" : ", with transfers hanging in the storage");
          }
          return drained;
        });
  }

  /** Runs a call during which the net below must not take this store for forgotten. */
  private <T> T fenced(Supplier<T> call) {
    try {
      return call.get();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  private static PageBatch.Memory tensor(Tensor tensor) {
    return (i, subject) -> TensorDescriptor.of(tensor, subject);
  }

  private static PageBatch.Memory tensors(List<Tensor> tensors) {
    return (i, subject) -> TensorDescriptor.of(tensors.get(i), subject);
  }

  private static PageBatch.Memory range(long address, long length) {
    return (i, subject) -> TensorDescriptor.of(address, length, subject);
  }

  private static PageBatch.Memory ranges(long[] addresses, long[] lengths) {
    return new PageBatch.Ranges(addresses, lengths);
  }
}
