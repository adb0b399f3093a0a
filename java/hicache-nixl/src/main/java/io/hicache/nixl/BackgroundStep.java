// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * The batch that a thread of the tiers' own waits for, so that a close can cancel it.
 *
 * <p>Threads: {@link #run} on one thread, {@link #end} on any.
 */
final class BackgroundStep {
  private volatile TierStep running;
  private volatile boolean ended;

  /**
   * Waits for a batch that was started.
   *
   * @return null when it did not end in time
   */
  BatchResult run(TierStep step, PageBatch batch, long timeoutMillis) throws InterruptedException {
    batch.submitted();
    running = step;
    if (ended) {
      step.cancel();
    }
    try {
      return step.await(timeoutMillis);
    } finally {
      running = null;
    }
  }

  /** Cancels what runs, and what comes. */
  void end() {
    ended = true;
    TierStep step = running;
    if (step != null) {
      step.cancel();
    }
  }

  /** Whether the memory of a batch may still be in use. */
  static boolean hangs(BatchResult result) {
    if (result == null) {
      return true;
    }
    for (byte number : result.outcomes()) {
      PageOutcome outcome = PageOutcome.of(number);
      if (outcome == PageOutcome.TIMED_OUT || outcome == PageOutcome.CANCELLED) {
        return true;
      }
    }
    return false;
  }
}
