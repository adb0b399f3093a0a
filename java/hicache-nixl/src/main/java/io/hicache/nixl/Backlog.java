// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * The names of pages that are to be written to the lower tier, bounded by the bytes of the pages. A
 * name is here once; one that is set again while it waits is written once, with its newest bytes.
 *
 * <p>Threads: safe from any number of threads.
 */
final class Backlog {
  /** What an entry costs beside the bytes of its page, so that pages of no bytes are bounded. */
  static final long ENTRY_BYTES = 256;

  private static final long LOOK_MILLIS = 20;

  private final BacklogRoom room;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // Guarded by the lock.
  private final Map<PageName, Entry> entries = new HashMap<>(); // waiting and taken
  private final Deque<Entry> queue = new ArrayDeque<>(); // waiting, and removed ones
  private boolean closed;

  /** A page that waits, or is being written by who took it. */
  static final class Entry {
    final PageName name;
    private final long cost;

    /** How often it has failed; for who took it. */
    int failures;

    private boolean taken;
    private boolean again; // set while it was being written
    private boolean removed; // deleted while it was being written
    private CompletableFuture<Void> settled; // for who deleted it then

    private Entry(PageName name, long cost) {
      this.name = name;
      this.cost = cost;
    }
  }

  Backlog(long limit) {
    room = new BacklogRoom(limit);
  }

  /**
   * Adds pages, all of them as soon as there is room.
   *
   * @param timeoutNanos how long to wait for room; 0: not at all
   * @return false when there was none in time, or it is closed: then none was added that was not
   *     here before
   */
  CompletableFuture<Boolean> add(List<PageName> names, long[] lengths, long timeoutNanos) {
    List<PageName> unknown = new ArrayList<>();
    List<Long> costs = new ArrayList<>();
    lock.lock();
    try {
      for (int i = 0; i < lengths.length; i++) {
        if (!isKnown(names.get(i))) {
          unknown.add(names.get(i));
          costs.add(lengths[i] + ENTRY_BYTES);
        }
      }
    } finally {
      lock.unlock();
    }
    if (unknown.isEmpty()) {
      return CompletableFuture.completedFuture(true);
    }
    CompletableFuture<Boolean> taken =
        room.take(costs.stream().mapToLong(Long::longValue).sum(), timeoutNanos);
    taken.thenAccept(
        yes -> {
          if (yes) {
            enqueue(unknown, costs);
          }
        });
    return taken;
  }

  /** Whether it is here; it is written again then if it is being written. */
  private boolean isKnown(PageName name) {
    Entry known = entries.get(name);
    if (known != null) {
      known.again = known.taken;
      known.removed = false;
    }
    return known != null;
  }

  private void enqueue(List<PageName> names, List<Long> costs) {
    long unused = 0;
    lock.lock();
    try {
      for (int i = 0; i < names.size(); i++) {
        if (isKnown(names.get(i))) {
          unused += costs.get(i);
        } else {
          Entry entry = new Entry(names.get(i), costs.get(i));
          entries.put(entry.name, entry);
          queue.addLast(entry);
        }
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (unused > 0) {
      room.giveBack(unused);
    }
  }

  /** Ends the wait of an {@link #add} early. */
  void giveUp(CompletableFuture<Boolean> added) {
    room.giveUp(added);
  }

  /**
   * Takes pages to be written, waiting for some. Each has to be given to {@link #finish} or {@link
   * #putBack}.
   *
   * @param most pages
   * @param mostBytes of them; a larger page goes alone
   * @return null once it is closed
   */
  List<Entry> take(int most, long mostBytes) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      List<Entry> taken = new ArrayList<>();
      long sum = 0;
      while (!closed) {
        while (!queue.isEmpty()
            && taken.size() < most
            && (taken.isEmpty() || sum + queue.peek().cost <= mostBytes)) {
          Entry entry = queue.poll();
          if (entries.get(entry.name) == entry && !entry.taken) {
            entry.taken = true;
            sum += entry.cost;
            taken.add(entry);
          }
        }
        if (!taken.isEmpty()) {
          return taken;
        }
        changed.await(1, TimeUnit.SECONDS);
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  /**
   * The page is in the lower tier, or never will be.
   *
   * @return false when it was deleted meanwhile: then what was written has to be removed, and this
   *     called again
   */
  boolean finish(Entry entry) {
    CompletableFuture<Void> settled;
    boolean again;
    lock.lock();
    try {
      if (entry.removed) {
        entry.removed = false;
        return false;
      }
      entry.failures = 0;
      settled = leave(entry);
      again = entry.again;
      entry.again = false;
      if (again) {
        queue.addLast(entry);
      } else {
        entries.remove(entry.name);
      }
    } finally {
      lock.unlock();
    }
    if (!again) {
      room.giveBack(entry.cost);
    }
    settled.complete(null);
    return true;
  }

  /** Nobody writes the page any more; returns who waits for that. */
  private CompletableFuture<Void> leave(Entry entry) {
    CompletableFuture<Void> waiting =
        entry.settled == null ? new CompletableFuture<>() : entry.settled;
    entry.settled = null;
    entry.taken = false;
    changed.signalAll();
    return waiting;
  }

  /** A page that is still taken is to be tried again, before others. */
  void putBack(Entry entry) {
    CompletableFuture<Void> settled;
    lock.lock();
    try {
      if (!entry.taken) {
        return;
      }
      settled = leave(entry);
      entry.again = false;
      queue.addFirst(entry);
    } finally {
      lock.unlock();
    }
    settled.complete(null);
  }

  /** Whether a taken page was deleted meanwhile. */
  boolean isRemoved(Entry entry) {
    lock.lock();
    try {
      return entry.removed;
    } finally {
      lock.unlock();
    }
  }

  /** Whether a page is here, so that the lower tier may have an older one under its name. */
  boolean holds(PageName name) {
    lock.lock();
    try {
      return entries.containsKey(name);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Pages are deleted: they are not written, or what is being written goes again.
   *
   * @return completes when none of them is being written any more
   */
  CompletableFuture<Void> remove(List<PageName> names) {
    long freed = 0;
    List<CompletableFuture<Void>> written = new ArrayList<>();
    lock.lock();
    try {
      for (PageName name : names) {
        Entry entry = entries.get(name);
        if (entry != null && entry.taken) {
          entry.removed = true;
          entry.again = false;
          entry.settled = entry.settled == null ? new CompletableFuture<>() : entry.settled;
          written.add(entry.settled);
        } else if (entry != null) {
          entries.remove(name); // and out of the queue when its turn comes
          freed += entry.cost;
        }
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (freed > 0) {
      room.giveBack(freed);
    }
    return CompletableFuture.allOf(written.toArray(CompletableFuture[]::new));
  }

  /** As above, all pages. */
  CompletableFuture<Void> removeAll() {
    lock.lock();
    List<PageName> all;
    try {
      all = List.copyOf(entries.keySet());
    } finally {
      lock.unlock();
    }
    return remove(all);
  }

  /** Waits until it is empty, for a time or until somebody gives up. */
  boolean awaitEmpty(long timeoutMillis, BooleanSupplier givenUp) {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
    lock.lock();
    try {
      while (!entries.isEmpty() && System.nanoTime() < end && !givenUp.getAsBoolean()) {
        changed.awaitNanos(
            Math.min(TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS), end - System.nanoTime()));
      }
      return entries.isEmpty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return entries.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /** Waits for a time, or until it is closed. */
  void pause(long millis) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    lock.lockInterruptibly();
    try {
      for (long left = millis; left > 0 && !closed; ) {
        changed.await(left, TimeUnit.MILLISECONDS);
        left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
      }
    } finally {
      lock.unlock();
    }
  }

  /** Lets nobody wait or take any more; what is here stays countable. */
  void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    room.close();
  }

  int pages() {
    lock.lock();
    try {
      return entries.size();
    } finally {
      lock.unlock();
    }
  }

  /** Bytes of what is here, and of what its entries cost. */
  long bytes() {
    return room.used();
  }
}
