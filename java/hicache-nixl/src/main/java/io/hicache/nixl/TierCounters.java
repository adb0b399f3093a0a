// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.concurrent.atomic.LongAdder;

/**
 * What two tiers did beside answering, see {@link TierReport}.
 *
 * <p>Threads: safe from any number of threads.
 */
final class TierCounters {
  final LongAdder writtenBack = new LongAdder();
  final LongAdder lostBeforeWriteBack = new LongAdder();
  final LongAdder dropped = new LongAdder();
  final LongAdder promoted = new LongAdder();
  final LongAdder promotionSkipped = new LongAdder();
  final LongAdder lowerHits = new LongAdder();
  final LongAdder lowerFailures = new LongAdder();

  /** Adds them to a description. */
  void describe(SettingsBlob about) {
    about
        .with("tiers.written_back", Long.toString(writtenBack.sum()))
        .with("tiers.lost_before_write_back", Long.toString(lostBeforeWriteBack.sum()))
        .with("tiers.dropped", Long.toString(dropped.sum()))
        .with("tiers.promoted", Long.toString(promoted.sum()))
        .with("tiers.promotion_skipped", Long.toString(promotionSkipped.sum()))
        .with("tiers.lower_hits", Long.toString(lowerHits.sum()))
        .with("tiers.lower_failures", Long.toString(lowerFailures.sum()));
  }
}
