// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * The straight line of every call: gather, submit, and wait or hand on, merge. Blocking calls wait
 * on the futures of a {@link BatchStore}; the others hand its results over to another thread.
 *
 * <p>A wait ends with its batch, or at the batch's deadline plus a grace. It does not end at an
 * interrupt, since the memory is in use until then; the interrupt is handed on afterwards.
 *
 * <p>Threads: safe from any number of threads.
 */
final class PageCalls {
  private static final Logger LOG = LogManager.getLogger(PageCalls.class);

  /** What a wait on this side of the core has beyond its deadline. */
  static final long GRACE_MILLIS = 2000;

  private static final long TIMEOUT_MILLIS_MAX = TimeUnit.DAYS.toMillis(3650);

  /** Reachable from the core's thread while a future is open, so that nobody closes it as lost. */
  @SuppressWarnings("unused")
  private final Object owner;

  private final BatchStore store;
  private final long timeoutMillis;
  private final StorageCounters counters = new StorageCounters();

  /**
   * The calls of one store.
   *
   * @param owner the object that users hold
   */
  PageCalls(Object owner, BatchStore store, long timeoutMillis) {
    this.owner = owner;
    this.store = store;
    this.timeoutMillis = Math.min(timeoutMillis, TIMEOUT_MILLIS_MAX);
  }

  /** One key; a bad argument throws. */
  PageResult one(Operation operation, String key, PageBatch.Memory memory, Object owner) {
    PageBatch batch =
        PageBatch.of(
            operation, Collections.singletonList(key), memory, Collections.singletonList(owner));
    if (batch.refusal(0) != null) {
      throw batch.refusal(0);
    }
    return run(batch).get(0);
  }

  /** Many keys; a bad entry fails alone. */
  List<PageResult> many(
      Operation operation, List<String> keys, PageBatch.Memory memory, List<?> owners) {
    return run(PageBatch.of(operation, keys, memory, owners));
  }

  /** Look-ups of which only those up to the first missing page matter. */
  List<PageResult> prefix(List<String> keys) {
    return run(PageBatch.of(Operation.EXISTS, keys, null, null).prefixOnly());
  }

  /** Many keys, without a wait; a bad entry fails alone. */
  CompletableFuture<List<PageResult>> manyAsync(
      Operation operation, List<String> keys, PageBatch.Memory memory, List<?> owners) {
    return start(PageBatch.of(operation, keys, memory, owners), results -> results);
  }

  /** Removes every page; returns how many there were. */
  long clear() {
    return removed(run(PageBatch.ofClear()));
  }

  /** Removes every page; completes with how many there were, or exceptionally. */
  CompletableFuture<Long> clearAsync() {
    return start(PageBatch.ofClear(), PageCalls::removed);
  }

  private static long removed(List<PageResult> results) {
    return results.get(0).orThrow().length();
  }

  /** Runs a batch and waits for it. */
  List<PageResult> run(PageBatch batch) {
    long start = System.nanoTime();
    if (batch.count() == 0) {
      return nothing(batch);
    }
    long end = start + TimeUnit.MILLISECONDS.toNanos(timeoutMillis + GRACE_MILLIS);
    CompletionThread.Submitted submitted = store.take(batch, timeoutMillis);
    if (!submitted.future().isDone() && !VirtualThreads.isCurrent()) {
      store.settleHere(submitted.id(), timeoutMillis + GRACE_MILLIS);
    }
    return results(batch, await(batch, submitted.future(), end), start);
  }

  /**
   * Starts a batch. It waits for room in flight and for nothing else.
   *
   * @param finish makes what the future gives; what it throws completes the future exceptionally
   * @return completes on another thread, see {@link BatchStore#handOver}; cancels its batch when it
   *     is cancelled
   */
  <T> CompletableFuture<T> start(PageBatch batch, Function<List<PageResult>, T> finish) {
    long start = System.nanoTime();
    if (batch.count() == 0) {
      return CompletableFuture.completedFuture(finish.apply(nothing(batch)));
    }
    CompletionThread.Submitted submitted = store.take(batch, timeoutMillis);
    BatchFuture<T> future = new BatchFuture<>(store, submitted.id());
    submitted
        .future()
        .thenAccept(
            settled ->
                store.handOver(
                    () -> complete(future, () -> finish.apply(results(batch, settled, start)))));
    return future;
  }

  private static <T> void complete(BatchFuture<T> future, Supplier<T> value) {
    try {
      future.complete(value.get());
    } catch (RuntimeException | Error e) {
      future.completeExceptionally(e);
    }
  }

  /** The results of a batch without a good entry. */
  private List<PageResult> nothing(PageBatch batch) {
    store.requireOpen();
    return batch.results(BatchResult.all(0, PageOutcome.FAILED, null));
  }

  private List<PageResult> results(PageBatch batch, BatchResult settled, long start) {
    if (LOG.isDebugEnabled()) {
      LOG.debug(
          "{}: {} pages, {} bytes, {} us",
          batch.operation().word(),
          batch.size(),
          Arrays.stream(settled.pageLengths()).sum(),
          (System.nanoTime() - start) / 1000);
    }
    PageResults results = batch.results(settled);
    counters.count(batch.operation(), results);
    return results;
  }

  /** What went through so far. */
  StorageStats stats() {
    return counters.stats();
  }

  private BatchResult await(PageBatch batch, CompletableFuture<BatchResult> future, long end) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (TimeoutException e) {
      String message =
          batch.subject(0)
              + ": no answer from the core within "
              + timeoutMillis
              + " ms and a grace";
      return BatchResult.all(
          batch.count(), PageOutcome.TIMED_OUT, new HiCacheException(ErrorCode.TIMEOUT, message));
    } catch (ExecutionException e) {
      throw new HiCacheException(ErrorCode.INTERNAL, batch.subject(0) + ": " + e.getMessage(), e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
