// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.concurrent.CompletableFuture;

/**
 * The future of a batch in the core. A cancel goes to the core, and the future completes with what
 * became of every key.
 *
 * <p>Threads: safe from any number of threads.
 *
 * @param <T> what the batch gives
 */
final class BatchFuture<T> extends CompletableFuture<T> {
  private final BatchStore store;
  private final long batch;

  /** Holds the store and not its owner: a complete future keeps no forgotten store open. */
  BatchFuture(BatchStore store, long batch) {
    this.store = store;
    this.batch = batch;
  }

  /**
   * As {@link AsyncPageStore} says; there is nothing to interrupt, so both values mean the same.
   */
  @Override
  public boolean cancel(boolean mayInterruptIfRunning) {
    return !isDone() && store.cancel(batch);
  }
}
