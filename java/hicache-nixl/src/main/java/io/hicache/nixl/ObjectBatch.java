// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * A delete or a clear of objects under way: settles entry by entry, and at its deadline whole.
 *
 * <p>Threads: safe from any number of threads.
 */
final class ObjectBatch {
  private final BatchResult result;
  private final CompletableFuture<BatchResult> future = new CompletableFuture<>();
  private final CompletableFuture<Void> clock = new CompletableFuture<>();
  private int open;

  /**
   * Starts the clock.
   *
   * @param late says that the time is up; {@code %d} is the time-out
   */
  ObjectBatch(int count, long timeoutMillis, String late) {
    result =
        new BatchResult(
            new byte[count], new long[count], new byte[count], new HiCacheException[count]);
    open = count;
    clock
        .orTimeout(timeoutMillis, TimeUnit.MILLISECONDS)
        .exceptionally(
            expired -> {
              end(new HiCacheException(ErrorCode.TIMEOUT, String.format(late, timeoutMillis)));
              return null;
            });
  }

  /** Completes with the results of all entries, always with a value. */
  CompletableFuture<BatchResult> future() {
    return future;
  }

  /** False once nothing is to be done any more. */
  boolean isOpen() {
    return !future.isDone();
  }

  /**
   * Says what became of an entry, unless that is known already.
   *
   * @param length for {@link PageResult#length()}
   */
  void settle(int index, PageOutcome outcome, long length) {
    settle(index, outcome, length, null);
  }

  /** Says why an entry failed, unless it is settled already. */
  void fail(int index, HiCacheException cause) {
    settle(index, outcomeOf(cause), 0, cause);
  }

  private void settle(int index, PageOutcome outcome, long length, HiCacheException cause) {
    boolean last;
    synchronized (result) {
      if (result.outcomes()[index] != 0) {
        return;
      }
      result.outcomes()[index] = (byte) outcome.number();
      result.pageLengths()[index] = length;
      result.causes()[index] = cause;
      last = --open == 0;
    }
    if (last) {
      clock.complete(null);
      future.complete(result);
    }
  }

  private static PageOutcome outcomeOf(HiCacheException cause) {
    return cause.code() == ErrorCode.TIMEOUT ? PageOutcome.TIMED_OUT : PageOutcome.FAILED;
  }

  /** Fails every entry that is open. */
  void end(Throwable error) {
    HiCacheException cause = CatalogCalls.asHiCache(error);
    end(outcomeOf(cause), cause);
  }

  /**
   * Cancels every entry that is open.
   *
   * @return false when there was none
   */
  boolean cancel() {
    return end(PageOutcome.CANCELLED, null);
  }

  private boolean end(PageOutcome outcome, HiCacheException cause) {
    synchronized (result) {
      if (open == 0) {
        return false;
      }
    }
    for (int i = 0; i < result.outcomes().length; i++) {
      settle(i, outcome, 0, cause);
    }
    return true;
  }
}
