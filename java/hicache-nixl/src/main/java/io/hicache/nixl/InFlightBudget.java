// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The back-pressure of a store: bounds the bytes of sets and gets that the core holds. Who finds no
 * room waits; room is given in the order of arrival, so that a large batch is not starved by small
 * ones. A batch larger than the bound goes alone.
 *
 * <p>Threads: safe from any number of threads. A waiting virtual thread gives its carrier away.
 */
final class InFlightBudget {
  private final long limit;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final Queue<Waiter> waiters = new ArrayDeque<>();
  private long used;
  private boolean closed;

  private static final class Waiter {
    final long bytes;
    final Condition turn;
    boolean admitted;

    Waiter(long bytes, Condition turn) {
      this.bytes = bytes;
      this.turn = turn;
    }
  }

  /**
   * A bound of so many bytes.
   *
   * @param limit at least 1
   */
  InFlightBudget(long limit) {
    this.limit = limit;
  }

  /**
   * Takes room, waiting for it if need be; not cut short by an interrupt, which is handed on.
   *
   * @param bytes 0 takes nothing and never waits
   * @return the part of timeoutNanos that is left, at least 1; or 0 when time ran out and nothing
   *     was taken
   * @throws HiCacheException CLOSED, also while it waits; then nothing was taken
   */
  long acquire(long bytes, long timeoutNanos) {
    if (bytes == 0) {
      return timeoutNanos;
    }
    lock.lock();
    try {
      if (closed) {
        throw NativeStore.closed();
      }
      if (waiters.isEmpty() && fits(bytes)) {
        used += bytes;
        return timeoutNanos;
      }
      return await(new Waiter(bytes, lock.newCondition()), System.nanoTime() + timeoutNanos);
    } finally {
      lock.unlock();
    }
  }

  private long await(Waiter waiter, long end) {
    boolean interrupted = false;
    waiters.add(waiter);
    try {
      for (long left = end - System.nanoTime();
          left > 0 && !waiter.admitted && !closed;
          left = end - System.nanoTime()) {
        try {
          waiter.turn.awaitNanos(left);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (!waiter.admitted && closed) {
        throw NativeStore.closed();
      }
      return waiter.admitted ? Math.max(1, end - System.nanoTime()) : 0;
    } finally {
      if (!waiter.admitted) {
        waiters.remove(waiter);
        admit(); // a smaller one behind may fit
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Gives back what {@link #acquire} took. */
  void release(long bytes) {
    if (bytes == 0) {
      return;
    }
    lock.lock();
    try {
      used -= bytes;
      admit();
    } finally {
      lock.unlock();
    }
  }

  /** Refuses everyone who waits or comes later. */
  void close() {
    lock.lock();
    try {
      closed = true;
      waiters.forEach(waiter -> waiter.turn.signal());
    } finally {
      lock.unlock();
    }
  }

  /** Bytes taken now. */
  long used() {
    lock.lock();
    try {
      return used;
    } finally {
      lock.unlock();
    }
  }

  /** Calls that wait now. */
  int waiting() {
    lock.lock();
    try {
      return waiters.size();
    } finally {
      lock.unlock();
    }
  }

  long limit() {
    return limit;
  }

  private void admit() {
    while (!closed && !waiters.isEmpty() && fits(waiters.element().bytes)) {
      Waiter next = waiters.remove();
      used += next.bytes;
      next.admitted = true;
      next.turn.signal();
    }
  }

  private boolean fits(long bytes) {
    return used == 0 || bytes <= limit - used;
  }
}
