// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;

/** A real store that fails, or holds its answers back, as a test wants it. */
final class FaultyStore implements BatchStore {
  private final BatchStore store;
  private final AtomicLong heldIds = new AtomicLong(1L << 40);
  private final Map<Long, Held> held = new ConcurrentHashMap<>();

  private record Held(int count, CompletableFuture<BatchResult> future) {}

  /** What every batch got so far. */
  final List<Operation> batches = new CopyOnWriteArrayList<>();

  /** The keys of all look-ups, in order. */
  final List<String> lookedUp = new CopyOnWriteArrayList<>();

  /** With this every page fails; null: none. */
  volatile HiCacheException failure;

  /** Fails sets alone. */
  volatile HiCacheException setFailure;

  /** Sets wait for this before they begin; null: they do not. */
  volatile CountDownLatch setGate;

  /** Gets begin, and are told about only after this; null: at once. */
  volatile CountDownLatch getGate;

  /** Batches never end unless they are cancelled. */
  volatile boolean hangs;

  FaultyStore(BatchStore store) {
    this.store = store;
  }

  static HiCacheException unavailable() {
    return new HiCacheException(ErrorCode.BACKEND_UNAVAILABLE, "the breaker is open");
  }

  long count(Operation operation) {
    return batches.stream().filter(one -> one == operation).count();
  }

  @Override
  public CompletionThread.Submitted submit(PageBatch batch, long timeoutMillis) {
    batches.add(batch.operation());
    if (batch.operation() == Operation.EXISTS) {
      IntStream.range(0, batch.count()).forEach(i -> lookedUp.add(batch.keyOfEntry(i)));
    }
    HiCacheException cause =
        failure == null && batch.operation() == Operation.SET ? setFailure : failure;
    if (cause != null) {
      BatchResult failed = BatchResult.all(batch.count(), PageOutcome.FAILED, cause);
      return new CompletionThread.Submitted(0, CompletableFuture.completedFuture(failed));
    }
    if (hangs) {
      return hold(batch, timeoutMillis);
    }
    if (batch.operation() == Operation.SET && setGate != null) {
      await(setGate);
    }
    CompletionThread.Submitted submitted = store.submit(batch, timeoutMillis);
    CountDownLatch gate = getGate;
    if (batch.operation() != Operation.GET || gate == null) {
      return submitted;
    }
    return new CompletionThread.Submitted(
        submitted.id(),
        submitted
            .future()
            .thenApplyAsync(
                result -> {
                  await(gate);
                  return result;
                }));
  }

  private CompletionThread.Submitted hold(PageBatch batch, long timeoutMillis) {
    long id = heldIds.incrementAndGet();
    CompletableFuture<BatchResult> future = new CompletableFuture<>();
    BatchResult late =
        BatchResult.all(
            batch.count(),
            PageOutcome.TIMED_OUT,
            new HiCacheException(ErrorCode.TIMEOUT, "the tier hangs"));
    future.completeOnTimeout(late, timeoutMillis, java.util.concurrent.TimeUnit.MILLISECONDS);
    held.put(id, new Held(batch.count(), future));
    return new CompletionThread.Submitted(id, future);
  }

  private static void await(CountDownLatch gate) {
    try {
      gate.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public boolean cancel(long batch) {
    Held open = held.remove(batch);
    return open == null
        ? store.cancel(batch)
        : open.future.complete(BatchResult.all(open.count, PageOutcome.CANCELLED, null));
  }

  @Override
  public void settleHere(long batch, long timeoutMillis) {}

  @Override
  public void handOver(Runnable completion) {
    store.handOver(completion);
  }

  @Override
  public long registerMemory(long address, long length) {
    return store.registerMemory(address, length);
  }

  @Override
  public boolean deregisterMemory(long id, long timeoutMillis) {
    return store.deregisterMemory(id, timeoutMillis);
  }

  @Override
  public EvictionResult evict(long timeoutMillis) {
    return store.evict(timeoutMillis);
  }

  @Override
  public SettingsBlob describe() {
    return store.describe();
  }

  @Override
  public PageDirectory directory(HiCacheNixl owner) {
    return store.directory(owner);
  }

  @Override
  public void requireOpen() {
    store.requireOpen();
  }

  @Override
  public boolean isClosed() {
    return store.isClosed();
  }

  @Override
  public void requireOutside() {
    store.requireOutside();
  }

  @Override
  public boolean close(Duration timeout) {
    return store.close(timeout);
  }
}
