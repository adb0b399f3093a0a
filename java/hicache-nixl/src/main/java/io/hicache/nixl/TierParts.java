// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * What the operations over two tiers share.
 *
 * <p>Threads: each part is safe from any number of threads.
 *
 * @param local the tier in front
 * @param lower the tier below
 * @param through whether a set is written to both before it returns; else it is written behind
 * @param backlog what is to be written behind; always empty with through
 * @param outdated what the lower tier may have older bytes of
 * @param promotion null where nothing is promoted
 * @param steps threads on which steps are made that may wait for room
 */
record TierParts(
    BatchStore local,
    LowerTier lower,
    boolean through,
    Backlog backlog,
    OutdatedPages outdated,
    KeyChanges changes,
    Promotion promotion,
    TierCounters counters,
    CompletionExecutor steps) {

  static final int OUTDATED_MAX = 1 << 16;

  static TierParts of(
      BatchStore local, LowerTier lower, TieredStore.Settings settings, CompletionExecutor steps) {
    Backlog backlog = new Backlog(settings.backlogBytes());
    OutdatedPages outdated = new OutdatedPages(OUTDATED_MAX);
    KeyChanges changes = new KeyChanges();
    TierCounters counters = new TierCounters();
    Promotion promotion =
        settings.promote()
            ? new Promotion(
                local, lower, backlog, outdated, changes, counters, settings.timeoutMillis())
            : null;
    return new TierParts(
        local, lower, settings.through(), backlog, outdated, changes, promotion, counters, steps);
  }

  boolean promotes() {
    return promotion != null;
  }

  /** Whether the lower tier must not be asked for a page, since it may have an older one. */
  boolean isOutdatedBelow(PageName name) {
    return backlog.holds(name) || outdated.holds(name);
  }
}
