// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * Blocking calls as waits on the futures of {@link NativeStore}: gather, submit, wait, merge.
 *
 * <p>A wait ends with its batch, or at the batch's deadline plus a grace. It does not end at an
 * interrupt, since the memory is in use until then; the interrupt is handed on afterwards.
 *
 * <p>Threads: safe from any number of threads.
 */
final class PageCalls {
  private static final Logger LOG = LogManager.getLogger(PageCalls.class);
  private static final long GRACE_MILLIS = 2000;
  private static final long TIMEOUT_MILLIS_MAX = TimeUnit.DAYS.toMillis(3650);

  private final NativeStore store;
  private final long timeoutMillis;
  private final StorageCounters counters = new StorageCounters();

  PageCalls(NativeStore store, long timeoutMillis) {
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

  /** Removes every page; returns how many there were. */
  PageResult clear() {
    return run(PageBatch.ofClear()).get(0);
  }

  /** Runs a batch and waits for it. */
  List<PageResult> run(PageBatch batch) {
    long start = System.nanoTime();
    BatchResult settled;
    if (batch.count() > 0) {
      CompletionThread.Submitted submitted = store.submit(batch, timeoutMillis);
      if (!VirtualThreads.isCurrent()) {
        store.settleHere(submitted.id(), timeoutMillis + GRACE_MILLIS);
      }
      settled = await(batch, submitted.future());
    } else {
      store.requireOpen();
      settled = BatchResult.all(0, PageOutcome.FAILED, null);
    }
    if (LOG.isDebugEnabled()) {
      LOG.debug(
          "{}: {} pages, {} bytes, {} us",
          batch.operation().word(),
          batch.size(),
          Arrays.stream(settled.pageLengths()).sum(),
          (System.nanoTime() - start) / 1000);
    }
    List<PageResult> results = batch.results(settled);
    counters.count(batch.operation(), results);
    return results;
  }

  /** What went through so far. */
  StorageStats stats() {
    return counters.stats();
  }

  private BatchResult await(PageBatch batch, CompletableFuture<BatchResult> future) {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis + GRACE_MILLIS);
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
