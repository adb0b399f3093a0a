// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A batch that one tier has.
 *
 * <p>Threads: immutable.
 *
 * @param store null when it has ended without reaching a store
 */
record TierStep(BatchStore store, CompletionThread.Submitted submitted) {
  CompletableFuture<BatchResult> future() {
    return submitted.future();
  }

  /** True when a key was open. */
  boolean cancel() {
    return store != null && store.cancel(submitted.id());
  }

  void settleHere(long timeoutMillis) {
    if (store != null && !future().isDone()) {
      store.settleHere(submitted.id(), timeoutMillis);
    }
  }

  /**
   * Waits for the end, on a thread of the tiers' own.
   *
   * @return null when it did not come in time
   */
  BatchResult await(long timeoutMillis) throws InterruptedException {
    try {
      return future().get(timeoutMillis + PageCalls.GRACE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      return null;
    } catch (ExecutionException e) {
      throw new HiCacheException(ErrorCode.INTERNAL, String.valueOf(e.getMessage()), e);
    }
  }
}
