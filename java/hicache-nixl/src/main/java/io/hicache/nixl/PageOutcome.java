// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_CANCELLED;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_FAILED;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_HIT;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_MISS;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_OUTCOME_CORRUPT;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_REMOVED;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_SKIPPED;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_STORED;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_TIMED_OUT;

/**
 * What became of one key of a call; numbered as {@code enum hicache_outcome} of {@code
 * hicache_nixl.h}, whose PENDING never reaches a caller: every result is settled.
 *
 * <p>Threads: immutable.
 */
public enum PageOutcome {
  /** Set: the page is whole under its key, and what was there before is gone. */
  STORED(HICACHE_STORED),
  /**
   * Get: the target holds the page. Exists: the page is there, with the length that it must have.
   */
  HIT(HICACHE_HIT),
  /** Get, exists, delete: there is no such page. Not a failure. */
  MISS(HICACHE_MISS),
  /**
   * Set: a later entry of the same batch has the same key and was stored instead, or the page is
   * there already.
   */
  SKIPPED(HICACHE_SKIPPED),
  /** Get: length or checksum of what is stored is wrong; the target's content is undefined. */
  CORRUPT(HICACHE_OUTCOME_CORRUPT),
  /** Something went wrong, see {@link PageResult#cause()}; a get leaves its target undefined. */
  FAILED(HICACHE_FAILED),
  /**
   * The deadline passed first. A late set leaves the whole page or nothing; the memory of the call
   * stays referenced until the storage lets go of it.
   */
  TIMED_OUT(HICACHE_TIMED_OUT),
  /** Delete, clear: what was there is gone. */
  REMOVED(HICACHE_REMOVED),
  /**
   * The caller cancelled the batch first. A set leaves the whole page or nothing, a get leaves its
   * target undefined; the memory of the call stays referenced until the storage lets go of it. Not
   * a failure, and without a cause: nothing went wrong.
   */
  CANCELLED(HICACHE_CANCELLED);

  private static final PageOutcome[] BY_NUMBER = new PageOutcome[values().length + 1];

  static {
    for (PageOutcome outcome : values()) {
      BY_NUMBER[outcome.number] = outcome;
    }
  }

  private final int number;

  PageOutcome(int number) {
    this.number = number;
  }

  /** The value of this outcome in {@code enum hicache_outcome}. */
  int number() {
    return number;
  }

  /**
   * The outcome with a number of {@code enum hicache_outcome}; null for PENDING and unknown ones.
   */
  static PageOutcome of(int number) {
    return number > 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : null;
  }

  /**
   * True for the outcomes that have a {@link PageResult#cause()}.
   *
   * @return true for {@link #CORRUPT}, {@link #FAILED} and {@link #TIMED_OUT}
   */
  public boolean isFailure() {
    return this == CORRUPT || this == FAILED || this == TIMED_OUT;
  }
}
