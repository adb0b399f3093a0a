// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * One batch on its way through two tiers: what it has in either of them, and the one deadline for
 * all of it. The batch's arrays stay until it ends.
 *
 * <p>Threads: safe from any number of threads.
 */
final class TierCall {
  private static final Logger LOG = LogManager.getLogger(TieredStore.class);

  private final PageBatch batch;
  private final long end;
  private final long began;
  private final List<TierStep> steps = new CopyOnWriteArrayList<>();
  private final CompletableFuture<BatchResult> future = new CompletableFuture<>();
  private volatile boolean between;
  private volatile boolean cancelled;
  private volatile Runnable ending = () -> {};
  private volatile Runnable last = () -> {};
  private final AtomicBoolean finished = new AtomicBoolean();

  /**
   * A call that has not begun.
   *
   * @param began the time of {@link KeyChanges} before anything was read
   */
  TierCall(PageBatch batch, long timeoutMillis, long began) {
    this.batch = batch;
    this.end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
    this.began = began;
  }

  PageBatch batch() {
    return batch;
  }

  long began() {
    return began;
  }

  CompletableFuture<BatchResult> future() {
    return future;
  }

  /** What is left for further steps; 0 when nothing is. */
  long leftNanos() {
    return Math.max(0, end - System.nanoTime());
  }

  /** As above, at least 1: for a step that has to be made. */
  long leftMillis() {
    return Math.max(1, TimeUnit.NANOSECONDS.toMillis(leftNanos()));
  }

  boolean isCancelled() {
    return cancelled;
  }

  /** Makes a step one of this call: a cancel reaches it. */
  TierStep add(TierStep step) {
    steps.add(step);
    between = false;
    if (cancelled) {
      step.cancel();
    }
    return step;
  }

  /** Starts a batch in a store that may refuse it. */
  TierStep start(BatchStore store, PageBatch part) {
    return add(new TierStep(store, store.submit(part, leftMillis())));
  }

  /** Goes on when a step ends, on the thread that ends it. */
  void after(TierStep step, Consumer<BatchResult> next) {
    step.future().thenAccept(result -> guard(() -> next.accept(result)));
  }

  /** Goes on soon on another thread; a cancel meanwhile counts as one of open keys. */
  void later(CompletionExecutor executor, Runnable next) {
    between = true;
    executor.execute(
        () -> {
          if (!future.isDone()) {
            guard(next);
          }
        });
  }

  /** While the call waits for something else than a step: what a cancel does then. */
  void onCancel(Runnable endWait) {
    ending = endWait;
    if (cancelled) {
      endWait.run();
    }
  }

  /** Whatever goes wrong on a way, the caller gets an answer. */
  private void guard(Runnable next) {
    try {
      next.run();
    } catch (RuntimeException | Error e) {
      LOG.error("{}: a step between the tiers failed", batch.subject(0), e);
      HiCacheException cause =
          e instanceof HiCacheException known
              ? known
              : new HiCacheException(ErrorCode.INTERNAL, "between the tiers: " + e, e);
      finish(BatchResult.all(batch.count(), PageOutcome.FAILED, cause));
    }
  }

  /** Cancels what is open; true when something was. */
  boolean cancel() {
    boolean open = between && !future.isDone();
    cancelled = true;
    ending.run();
    for (TierStep step : steps) {
      open |= step.cancel();
    }
    return open;
  }

  /** Waits for the first step on this thread. */
  void settleHere(long timeoutMillis) {
    steps.get(0).settleHere(timeoutMillis);
  }

  /** What is done before anybody learns of the end. */
  void atTheEnd(Runnable undo) {
    last = undo;
  }

  /** The last step, made once. */
  void finish(BatchResult result) {
    if (finished.compareAndSet(false, true)) {
      last.run();
      batch.submitted();
      future.complete(result);
    }
  }
}
