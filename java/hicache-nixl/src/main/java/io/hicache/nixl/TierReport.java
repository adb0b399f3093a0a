// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Optional;

/**
 * The lower tier of a store with tiers, and what moved between the two since it was opened.
 *
 * <p>Threads: immutable.
 *
 * @param lowerPlace the lower tier as the configuration names it
 * @param lowerProblem why it is down; empty while it is up
 * @param lower what it says about itself; empty as long as it could not be opened
 * @param write {@code through} or {@code back}
 * @param promote whether pages of the lower tier are copied into the local one when they are read
 * @param backlog what waits to be written to the lower tier
 * @param pages what became of pages between the tiers
 */
public record TierReport(
    String lowerPlace,
    String lowerProblem,
    Optional<StoreDescription> lower,
    String write,
    boolean promote,
    Backlog backlog,
    Pages pages) {

  /**
   * What waits to be written to the lower tier.
   *
   * @param pages that wait
   * @param bytes of those, with a little for each name
   * @param limitBytes how many may wait
   */
  public record Backlog(long pages, long bytes, long limitBytes) {}

  /**
   * Counts of pages; a page counts once for each of its files.
   *
   * @param writtenBack written to the lower tier behind a set
   * @param lostBeforeWriteBack gone from the local tier, by eviction for example, before that
   * @param dropped that stay in the local tier alone, since the backlog was full or the lower tier
   *     refused them
   * @param lowerHits gets and look-ups that the lower tier answered
   * @param promoted copied into the local tier
   * @param promotionSkipped not copied for want of room, or since something changed meanwhile
   * @param lowerFailures pages for which the lower tier failed, whatever was asked of it
   */
  public record Pages(
      long writtenBack,
      long lostBeforeWriteBack,
      long dropped,
      long lowerHits,
      long promoted,
      long promotionSkipped,
      long lowerFailures) {}

  /**
   * True while the lower tier answers and takes pages.
   *
   * @return false while the store works with the local tier alone
   */
  public boolean isLowerUp() {
    return lowerProblem.isEmpty();
  }

  /** Empty for a store without tiers. */
  static Optional<TierReport> of(SettingsBlob described) {
    SettingsBlob tiers = described.under("tiers.");
    if (tiers.isEmpty()) {
      return Optional.empty();
    }
    SettingsBlob lower = described.under("lower.");
    String state = tiers.text("lower");
    return Optional.of(
        new TierReport(
            tiers.text("lower_place"),
            state.equals("up") ? "" : state.substring(Math.min(state.length(), "down: ".length())),
            lower.isEmpty() ? Optional.empty() : Optional.of(StoreDescription.of(lower)),
            tiers.text("write"),
            tiers.flag("promote"),
            new Backlog(
                tiers.number("backlog_pages"),
                tiers.number("backlog_bytes"),
                tiers.number("backlog_limit_bytes")),
            new Pages(
                tiers.number("written_back"),
                tiers.number("lost_before_write_back"),
                tiers.number("dropped"),
                tiers.number("lower_hits"),
                tiers.number("promoted"),
                tiers.number("promotion_skipped"),
                tiers.number("lower_failures"))));
  }

  /** The lower tier, and how it is written to. */
  @Override
  public String toString() {
    return "in front of "
        + lowerPlace
        + " (written "
        + write
        + (isLowerUp() ? "" : ", down: " + lowerProblem)
        + ")";
  }
}
