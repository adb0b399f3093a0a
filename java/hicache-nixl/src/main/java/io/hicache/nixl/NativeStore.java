// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.hicache_batch_cancel;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_memory_deregister;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_memory_register;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_store_close;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_store_describe;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_store_evict;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_store_free;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_store_open;

import io.hicache.nixl.core.hicache_store;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * Owner of one {@code hicache_store}. Native calls run under a read lock, the handle is freed under
 * the write lock: it never goes away under a caller.
 *
 * <p>Threads: safe from any number of threads.
 */
final class NativeStore implements BatchStore {
  private static final Logger LOG = LogManager.getLogger(NativeStore.class);
  private static final long THREAD_END_MILLIS = 5000;

  /** Stands for a batch that the core never got. */
  private static final long NO_BATCH = 0;

  /** Memory that a hanging transfer may still touch after its store was freed; never let go. */
  private static final Set<Object> QUARANTINE = ConcurrentHashMap.newKeySet();

  private final ReentrantReadWriteLock handleLock = new ReentrantReadWriteLock();
  private final Lock closeLock = new ReentrantLock();
  private final InFlightBudget budget;
  private final CompletionExecutor executor;
  private final CompletionThread completions;
  private ObjectPages objects; // null unless pages are objects
  private ObjectDeletes deletes;
  private hicache_store handle;
  private volatile boolean closing;
  private boolean drained;

  private NativeStore(hicache_store handle, long maxInFlightBytes, Executor completionExecutor) {
    this.handle = handle;
    budget = new InFlightBudget(maxInFlightBytes);
    executor = new CompletionExecutor(completionExecutor);
    completions = new CompletionThread(handle);
  }

  /**
   * Opens a store from a settings blob, see {@code hicache_store_open}.
   *
   * @param maxInFlightBytes bounds the bytes that the core holds
   * @param completionExecutor where {@link #handOver} runs completions, or null
   */
  static NativeStore open(byte[] settings, long maxInFlightBytes, Executor completionExecutor) {
    NativeLibrary.load();
    try (NativeError error = new NativeError()) {
      hicache_store handle = hicache_store_open(settings, settings.length, error.out());
      if (handle == null || handle.isNull()) {
        throw error.toException();
      }
      return new NativeStore(handle, maxInFlightBytes, completionExecutor);
    }
  }

  /** Opens a store, and where pages are objects what NIXL cannot do with them. */
  static NativeStore open(HiCacheConfig config) {
    NativeStore store =
        open(config.toSettings(), config.maxInFlightBytes(), config.completionExecutor());
    SettingsBlob about = store.describe();
    if (about.text("layout").equals(StorageRules.OBJECTS)) {
      store.takeCatalog(
          new ObjectLocation(
              about.text("backend"),
              config.pluginParams(),
              about.text("object_prefix"),
              Duration.ofMillis(config.timeoutMillis()),
              config.retryAttempts()));
      if (!about.text("probe_object").isEmpty()) {
        store.deletes.removeProbe(about.text("probe_object"));
      }
    }
    return store;
  }

  private void takeCatalog(ObjectLocation location) {
    ObjectNaming naming = new NativeObjectNaming(this);
    CatalogCalls calls =
        new CatalogCalls(() -> ObjectCatalogs.open(location), location.timeout().toMillis());
    objects = new ObjectPages(location.prefix(), naming, calls);
    deletes = new ObjectDeletes(objects, naming, calls);
  }

  /** The pages as objects; null where they are none. */
  ObjectPages objects() {
    return objects;
  }

  /** What every call on a closed store throws. */
  static HiCacheException closed() {
    return new HiCacheException(ErrorCode.CLOSED, "the store is closed; open a new one");
  }

  /** Bounds what this store has in flight. */
  InFlightBudget budget() {
    return budget;
  }

  @Override
  public void requireOpen() {
    if (closing) {
      throw closed();
    }
  }

  @Override
  public boolean isClosed() {
    return closing;
  }

  /** Hands a batch to the core, or to the catalog of its objects. */
  @Override
  public CompletionThread.Submitted submit(PageBatch batch, long timeoutMillis) {
    if (deletes != null && ObjectDeletes.does(batch.operation())) {
      requireOpen();
      return deletes.submit(batch, timeoutMillis);
    }
    long bytes = batch.bytes();
    long timeoutNanos = TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
    long left = budget.acquire(bytes, timeoutNanos);
    if (left == 0) {
      return new CompletionThread.Submitted(
          NO_BATCH, CompletableFuture.completedFuture(noRoom(batch, timeoutMillis)));
    }
    long leftMillis = Math.max(1, TimeUnit.NANOSECONDS.toMillis(left));
    boolean submitted = false;
    try {
      CompletionThread.Submitted started =
          call(
              store ->
                  completions.expect(
                      batch.count(),
                      batch.held(),
                      () -> budget.release(bytes),
                      () -> NativeBatches.start(store, batch, leftMillis)));
      submitted = true;
      return started;
    } finally {
      if (!submitted) {
        budget.release(bytes);
      }
    }
  }

  private BatchResult noRoom(PageBatch batch, long timeoutMillis) {
    String message =
        String.format(
            "%d ms passed before there was room for the %d bytes of its batch: %d bytes are in"
                + " flight, max_in_flight_bytes = %d; nothing was started",
            timeoutMillis, batch.bytes(), budget.used(), budget.limit());
    return BatchResult.all(
        batch.count(), PageOutcome.TIMED_OUT, new HiCacheException(ErrorCode.TIMEOUT, message));
  }

  @Override
  public void handOver(Runnable completion) {
    executor.execute(completion);
  }

  /**
   * See {@code hicache_batch_cancel}. Batches of the core have positive ids, those of the catalog
   * negative ones.
   */
  @Override
  public boolean cancel(long batch) {
    if (batch < NO_BATCH) {
      return deletes.cancel(batch);
    }
    handleLock.readLock().lock();
    try {
      return handle != null && hicache_batch_cancel(handle, batch) == 1;
    } finally {
      handleLock.readLock().unlock();
    }
  }

  /**
   * Waits for a batch on this thread, see {@link CompletionThread#settleHere}; returns at once for
   * one that is not in the core.
   */
  @Override
  public void settleHere(long batch, long timeoutMillis) {
    if (batch <= NO_BATCH) {
      return;
    }
    handleLock.readLock().lock();
    try {
      if (handle != null) {
        completions.settleHere(batch, timeoutMillis);
      }
    } finally {
      handleLock.readLock().unlock();
    }
  }

  @Override
  public long registerMemory(long address, long length) {
    return call(
        store -> {
          try (NativeError error = new NativeError()) {
            long id = hicache_memory_register(store, address, length, error.out());
            if (id <= 0) {
              throw error.toException();
            }
            return id;
          }
        });
  }

  @Override
  public boolean deregisterMemory(long id, long timeoutMillis) {
    return call(store -> hicache_memory_deregister(store, id, timeoutMillis) == 1);
  }

  @Override
  public EvictionResult evict(long timeoutMillis) {
    return call(
        store -> {
          long[] pages = new long[1];
          long[] bytes = new long[1];
          try (NativeError error = new NativeError()) {
            if (hicache_store_evict(store, timeoutMillis, pages, bytes, error.out()) != 1) {
              throw error.toException();
            }
            return new EvictionResult(pages[0], bytes[0]);
          }
        });
  }

  /** The text of {@code hicache_store_describe}. */
  @Override
  public SettingsBlob describe() {
    return call(
        store -> SettingsBlob.read((text, room) -> hicache_store_describe(store, text, room)));
  }

  /**
   * Runs a native call that ends soon by itself.
   *
   * @throws HiCacheException CLOSED once a close has begun
   */
  <T> T call(Function<hicache_store, T> nativeCall) {
    handleLock.readLock().lock();
    try {
      requireOpen();
      return nativeCall.apply(handle);
    } finally {
      handleLock.readLock().unlock();
    }
  }

  /** As {@link #call}, also while the store closes: for what a close waits for. */
  <T> T callUntilFreed(Function<hicache_store, T> nativeCall) {
    handleLock.readLock().lock();
    try {
      if (handle == null) {
        throw closed();
      }
      return nativeCall.apply(handle);
    } finally {
      handleLock.readLock().unlock();
    }
  }

  @Override
  public PageDirectory directory(HiCacheNixl owner) {
    return new PageDirectory(owner, this);
  }

  /** Refuses a thread that is inside {@link #call}. */
  @Override
  public void requireOutside() {
    if (handleLock.getReadHoldCount() > 0) {
      throw HiCacheException.invalid(
          "close() inside a visitor of the same store; close it afterwards");
    }
  }

  @Override
  public boolean close(Duration timeout) {
    requireOutside();
    closeLock.lock();
    try {
      if (handle == null) {
        return drained;
      }
      closing = true;
      budget.close();
      long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeout.toMillis());
      if (deletes != null) {
        deletes.close(Math.max(0, timeout.toMillis()));
      }
      long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
      drained = hicache_store_close(handle, Math.max(0, left)) == 1;
      boolean ended = completions.join(THREAD_END_MILLIS);
      executor.close();
      List<Object> unreleased = completions.unreleased();
      if (!unreleased.isEmpty()) {
        QUARANTINE.addAll(unreleased);
        LOG.warn(
            "closing: {} batches hang in the storage; their memory stays referenced",
            unreleased.size());
      }
      free(ended);
      return drained;
    } finally {
      closeLock.unlock();
    }
  }

  /** Frees the handle, or leaves it for ever when somebody still uses it. */
  private void free(boolean threadEnded) {
    Lock nobodyInside = handleLock.writeLock();
    boolean locked = threadEnded && tryLock(nobodyInside);
    if (!locked) {
      LOG.error(
          "closing: the store is still in use after {} ms; its handle is not freed",
          THREAD_END_MILLIS);
      handle = null;
      return;
    }
    try {
      hicache_store_free(handle);
      handle = null;
    } finally {
      nobodyInside.unlock();
    }
  }

  private static boolean tryLock(Lock lock) {
    boolean interrupted = Thread.interrupted();
    try {
      return lock.tryLock(THREAD_END_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      interrupted = true;
      return lock.tryLock();
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
