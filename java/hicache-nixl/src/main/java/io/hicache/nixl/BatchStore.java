// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.time.Duration;

/**
 * What takes batches of pages and settles them: the core's store, or two of them as one, see {@link
 * NativeStore} and {@link TieredStore}.
 *
 * <p>Threads: safe from any number of threads.
 */
interface BatchStore {
  /**
   * Starts a batch, when there is room for its bytes. It reads the batch's arrays before it
   * returns, and not again. The future is always completed with a value, at the latest when the
   * store closes, on a thread that must not be held up.
   *
   * @param timeoutMillis for the wait for room and for the batch together
   * @throws HiCacheException when nothing was started, CLOSED among others
   */
  CompletionThread.Submitted submit(PageBatch batch, long timeoutMillis);

  /** As {@link #submit}, of a batch whose arrays the caller does not need afterwards. */
  default CompletionThread.Submitted take(PageBatch batch, long timeoutMillis) {
    try {
      return submit(batch, timeoutMillis);
    } finally {
      batch.submitted();
    }
  }

  /**
   * Settles what is open of a batch as CANCELLED. Its future completes as ever.
   *
   * @return true when a key was open
   */
  boolean cancel(long batch);

  /** Waits for a batch on this thread; may return before it is settled. */
  void settleHere(long batch, long timeoutMillis);

  /** Completes a caller's future on another thread, see {@link CompletionExecutor#execute}. */
  void handOver(Runnable completion);

  /**
   * Makes memory known that many batches will use.
   *
   * @return an id for {@link #deregisterMemory}
   */
  long registerMemory(long address, long length);

  /** Forgets it; false when a hanging transfer may still use it. */
  boolean deregisterMemory(long id, long timeoutMillis);

  /** Evicts down to the low marks. */
  EvictionResult evict(long timeoutMillis);

  /** What the store is made of and what it is doing, by names. */
  SettingsBlob describe();

  /**
   * The pages as the storage shows them.
   *
   * @param owner kept reachable by it; null for uses inside the store
   */
  PageDirectory directory(HiCacheNixl owner);

  /** Refuses a store whose close has begun. */
  void requireOpen();

  /** True once a close has begun. */
  boolean isClosed();

  /**
   * Refuses to close on a thread that is inside a visitor of the store.
   *
   * @throws HiCacheException INVALID_ARGUMENT
   */
  void requireOutside();

  /**
   * Closes once; a second caller waits for the first. Waits up to timeout for batches in flight,
   * and a bounded time for everything else.
   *
   * @return true when everything drained; the same again when closed before
   * @throws HiCacheException INVALID_ARGUMENT as {@link #requireOutside}
   */
  boolean close(Duration timeout);
}
