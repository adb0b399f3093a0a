// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_EVENT_COMPLETED;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_EVENT_RELEASED;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_batch_free;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_batch_wait;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_next_event;

import io.hicache.nixl.core.hicache_store;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.LongSupplier;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * The thread that takes the events of one store and settles its futures. It also holds what the
 * core still reads or writes: a batch's tensors stay referenced here until its RELEASED event,
 * which after a time-out comes long after its COMPLETED event.
 *
 * <p>Futures are completed on this thread. Only waiting threads hang on them, and what hands a
 * caller's own future over to another thread: a callback here would hold up every other batch.
 *
 * <p>Threads: {@link #expect} from any number of threads.
 */
final class CompletionThread {
  private static final Logger LOG = LogManager.getLogger(CompletionThread.class);
  private static final long EVENT_WAIT_MILLIS = 1000;
  private static final int ALL_EVENTS = HICACHE_EVENT_COMPLETED | HICACHE_EVENT_RELEASED;

  private final hicache_store store;
  private final ReentrantReadWriteLock announcing = new ReentrantReadWriteLock();
  private final Map<Long, Expected> expected = new ConcurrentHashMap<>();
  private final Thread thread;

  /** One batch in the core. */
  private record Expected(
      int count,
      CompletableFuture<BatchResult> future,
      Object held,
      Runnable released,
      AtomicInteger handled) {}

  /** A batch that the core has taken: its id there, and the future that is always completed. */
  record Submitted(long id, CompletableFuture<BatchResult> future) {}

  /** Starts the thread. */
  CompletionThread(hicache_store store) {
    this.store = store;
    thread = new Thread(this::takeEvents, "hicache-completion");
    thread.setDaemon(true);
    thread.start();
  }

  /**
   * Submits a batch and announces it to this thread.
   *
   * @param held what must stay referenced until the batch is released
   * @param released runs once when it is released; must not throw
   * @param submission gives the batch id; what it throws is passed on, and nothing was started
   * @return its future is always completed with a value, at the latest when the store closes
   */
  Submitted expect(int count, Object held, Runnable released, LongSupplier submission) {
    CompletableFuture<BatchResult> future = new CompletableFuture<>();
    announcing.readLock().lock();
    try {
      long id = submission.getAsLong();
      expected.put(id, new Expected(count, future, held, released, new AtomicInteger()));
      return new Submitted(id, future);
    } finally {
      announcing.readLock().unlock();
    }
  }

  /**
   * Waits inside the core for one batch and settles it here and now: for a caller that would only
   * wait anyway, it saves the way through this class's thread. Returns without having settled it
   * when that thread has its event already, or when time ran out. Not for virtual threads, whose
   * carrier it would hold.
   */
  void settleHere(long batch, long timeoutMillis) {
    int events = hicache_batch_wait(store, batch, timeoutMillis);
    if (events != 0) {
      settle(batch, events);
    }
  }

  /**
   * Waits for the thread's end, which follows the store's close. False when it did not come in
   * time.
   */
  boolean join(long millis) {
    boolean interrupted = false;
    long end = System.nanoTime() + millis * 1_000_000;
    while (thread.isAlive()) {
      long left = (end - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        break;
      }
      try {
        thread.join(left);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return !thread.isAlive();
  }

  /** The memory of batches that the core never let go of. */
  List<Object> unreleased() {
    List<Object> held = new ArrayList<>();
    expected.values().forEach(batch -> held.add(batch.held));
    return held;
  }

  private void takeEvents() {
    int[] events = new int[1];
    while (true) {
      long batch = hicache_next_event(store, EVENT_WAIT_MILLIS, events);
      if (batch < 0) {
        return;
      }
      if (batch > 0) {
        settle(batch, events[0]);
      }
    }
  }

  /** A waiting caller goes on only after the core has let go of everything it lets go of. */
  private void settle(long batch, int events) {
    Expected entry = find(batch);
    if (entry == null) {
      LOG.error("the core reports batch {}, which nobody submitted", batch);
      return;
    }
    BatchResult result = (events & HICACHE_EVENT_COMPLETED) == 0 ? null : read(batch, entry.count);
    if ((events & HICACHE_EVENT_RELEASED) != 0) {
      entry.released.run();
    }
    // After a time-out or a cancel a waiting caller and this class's thread each have one of the
    // events.
    if (entry.handled.accumulateAndGet(events, (a, b) -> a | b) == ALL_EVENTS) {
      hicache_batch_free(store, batch);
      expected.remove(batch);
    }
    if (result != null) {
      entry.future.complete(result);
    }
  }

  /** Whatever goes wrong here, the caller gets an answer and this thread goes on. */
  private BatchResult read(long batch, int count) {
    try {
      return BatchResult.read(store, batch, count);
    } catch (RuntimeException | Error e) {
      LOG.error("the results of a batch could not be read", e);
      HiCacheException error =
          new HiCacheException(ErrorCode.INTERNAL, "the results could not be read", e);
      return BatchResult.all(count, PageOutcome.FAILED, error);
    }
  }

  /**
   * A fast batch can settle before its submitter has announced it: let every submitter through
   * first.
   */
  private Expected find(long batch) {
    Expected entry = expected.get(batch);
    if (entry == null) {
      announcing.writeLock().lock();
      try {
        entry = expected.get(batch);
      } finally {
        announcing.writeLock().unlock();
      }
    }
    return entry;
  }
}
