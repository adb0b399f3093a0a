// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * When each key was last set or removed through this store, so that bytes which were read before
 * that are not kept afterwards. Keys share a bounded number of marks: a key may seem to have
 * changed that did not, never the other way round.
 *
 * <p>Threads: safe from any number of threads.
 */
final class KeyChanges {
  private static final int MARKS = 4096; // a power of two

  private final AtomicLong clock = new AtomicLong();
  private final AtomicLongArray changed = new AtomicLongArray(MARKS);
  private final AtomicIntegerArray removals = new AtomicIntegerArray(MARKS); // under way

  /** The time now, to ask about later. */
  long now() {
    return clock.get();
  }

  /** A set of a key begins, or has ended. */
  void noteSet(String key) {
    changed.set(mark(key), clock.incrementAndGet());
  }

  /** A delete of a key begins; until it has ended the key is being changed. */
  void beginRemoval(String key) {
    begin(mark(key));
  }

  /** A delete of a key has ended. */
  void endRemoval(String key) {
    end(mark(key));
  }

  /** A clear begins. */
  void beginRemovalOfAll() {
    for (int i = 0; i < MARKS; i++) {
      begin(i);
    }
  }

  /** A clear has ended. */
  void endRemovalOfAll() {
    for (int i = 0; i < MARKS; i++) {
      end(i);
    }
  }

  private void begin(int mark) {
    removals.incrementAndGet(mark);
    note(mark);
  }

  private void end(int mark) {
    note(mark);
    removals.decrementAndGet(mark);
  }

  private void note(int mark) {
    changed.set(mark, clock.incrementAndGet());
  }

  /** Whether a key was, or may have been, set or removed since a time, or is being removed now. */
  boolean isChangedSince(String key, long time) {
    return removals.get(mark(key)) > 0 || changed.get(mark(key)) > time;
  }

  private static int mark(String key) {
    int hash = key.hashCode();
    return (hash ^ hash >>> 16) & (MARKS - 1);
  }
}
