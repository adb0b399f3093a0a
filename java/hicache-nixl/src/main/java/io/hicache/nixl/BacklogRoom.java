// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * A bounded number of bytes for which nobody waits on a thread: who finds no room gets a future,
 * and room is given in the order of arrival. What is larger than the bound goes alone.
 *
 * <p>Threads: safe from any number of threads. Futures complete on the thread that gives room back,
 * or on a timer's, outside of any lock.
 */
final class BacklogRoom {
  private final long limit;

  // Guarded by this.
  private final Deque<Waiter> waiters = new ArrayDeque<>();
  private long used;
  private boolean closed;

  private record Waiter(
      long bytes, CompletableFuture<Boolean> answer, CompletableFuture<Void> timer) {}

  BacklogRoom(long limit) {
    this.limit = limit;
  }

  /**
   * Takes room.
   *
   * @param timeoutNanos how long to wait for it; 0: not at all
   * @return true when it was taken; false when there was none in time, or it was closed
   */
  CompletableFuture<Boolean> take(long bytes, long timeoutNanos) {
    Waiter waiter;
    synchronized (this) {
      boolean taken = !closed && waiters.isEmpty() && fits(bytes);
      if (taken || closed || timeoutNanos <= 0) {
        used += taken ? bytes : 0;
        return CompletableFuture.completedFuture(taken);
      }
      waiter = new Waiter(bytes, new CompletableFuture<>(), new CompletableFuture<>());
      waiters.add(waiter);
    }
    waiter.timer.completeOnTimeout(null, timeoutNanos, TimeUnit.NANOSECONDS);
    waiter.timer.thenRun(() -> giveUp(waiter));
    return waiter.answer;
  }

  private void giveUp(Waiter waiter) {
    boolean waited;
    List<Waiter> admitted;
    synchronized (this) {
      waited = waiters.remove(waiter);
      admitted = admit(); // a smaller one behind may fit
    }
    if (waited) {
      waiter.answer.complete(false);
    }
    answer(admitted, true);
  }

  /** Ends a wait early: the answer to it is false, unless it was given. */
  void giveUp(CompletableFuture<Boolean> answer) {
    List<Waiter> meant;
    synchronized (this) {
      meant = waiters.stream().filter(waiter -> waiter.answer == answer).toList();
    }
    meant.forEach(waiter -> waiter.timer.complete(null));
  }

  /** Gives room back. */
  void giveBack(long bytes) {
    List<Waiter> admitted;
    synchronized (this) {
      used -= bytes;
      admitted = admit();
    }
    answer(admitted, true);
  }

  /** Refuses everyone who waits or comes later. */
  void close() {
    List<Waiter> refused;
    synchronized (this) {
      closed = true;
      refused = new ArrayList<>(waiters);
      waiters.clear();
    }
    answer(refused, false);
  }

  synchronized long used() {
    return used;
  }

  private List<Waiter> admit() {
    List<Waiter> admitted = new ArrayList<>();
    while (!waiters.isEmpty() && fits(waiters.peek().bytes)) {
      Waiter next = waiters.poll();
      used += next.bytes;
      admitted.add(next);
    }
    return admitted;
  }

  private static void answer(List<Waiter> waiters, boolean taken) {
    for (Waiter waiter : waiters) {
      waiter.answer.complete(taken);
      waiter.timer.complete(null);
    }
  }

  private boolean fits(long bytes) {
    return used == 0 || bytes <= limit - used;
  }
}
