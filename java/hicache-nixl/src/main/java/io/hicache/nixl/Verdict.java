// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * SGLang's booleans, nulls and counts out of outcomes; the one place that makes them. What they
 * hide is logged: one WARN line for a call, with the first cause.
 *
 * <p>Threads: stateless.
 */
final class Verdict {
  private static final Logger LOG = LogManager.getLogger(HiCacheNixl.class);

  private Verdict() {}

  static boolean isStored(PageResult result) {
    return one("set", result).outcome() == PageOutcome.STORED;
  }

  static boolean isHit(String call, PageResult result) {
    return one(call, result).outcome() == PageOutcome.HIT;
  }

  static boolean isRemoved(PageResult result) {
    return one("delete", result).outcome() == PageOutcome.REMOVED;
  }

  /** A superseded entry counts as stored: its key holds what the batch wanted. */
  static boolean areStored(List<PageResult> results) {
    many("batchSet", results);
    for (int i = 0; i < results.size(); i++) {
      if (!isKept(PageResults.outcomeOf(results, i))) {
        return false;
      }
    }
    return !results.isEmpty();
  }

  private static boolean isKept(PageOutcome outcome) {
    return outcome == PageOutcome.STORED || outcome == PageOutcome.SKIPPED;
  }

  /** For each page, whether its key holds what the batch wanted: stored now, or before. */
  static boolean[] eachStored(List<PageResult> results) {
    boolean[] stored = new boolean[results.size()];
    for (int i = 0; i < stored.length; i++) {
      stored[i] = isKept(PageResults.outcomeOf(results, i));
    }
    many("batchSet", results);
    return stored;
  }

  /** The booleans of several pools. */
  static Map<PoolName, boolean[]> ofEach(
      Map<PoolName, List<PageResult>> results, Function<List<PageResult>, boolean[]> verdict) {
    Map<PoolName, boolean[]> verdicts = new EnumMap<>(PoolName.class);
    results.forEach((name, pages) -> verdicts.put(name, verdict.apply(pages)));
    return verdicts;
  }

  static boolean[] areHits(List<PageResult> results) {
    boolean[] hits = new boolean[results.size()];
    for (int i = 0; i < hits.length; i++) {
      hits[i] = PageResults.outcomeOf(results, i) == PageOutcome.HIT;
    }
    many("batchGet", results);
    return hits;
  }

  static int leadingHits(List<PageResult> results) {
    many("batchExists", results);
    int count = 0;
    while (count < results.size() && PageResults.outcomeOf(results, count) == PageOutcome.HIT) {
      count++;
    }
    return count;
  }

  /** Throws where the caller has to change something, logs where the storage failed. */
  private static PageResult one(String call, PageResult result) {
    if (result.outcome().isFailure()) {
      switch (result.cause().code()) {
        case INVALID_ARGUMENT, UNSUPPORTED, CLOSED -> throw result.cause().here();
        default -> LOG.warn("{} failed: {}", call, result.cause().getMessage());
      }
    }
    return result;
  }

  private static void many(String call, List<PageResult> results) {
    int failures = 0;
    PageResult first = null;
    for (int i = 0; i < results.size(); i++) {
      if (PageResults.outcomeOf(results, i).isFailure()) {
        first = first == null ? results.get(i) : first;
        failures++;
      }
    }
    if (failures > 0) {
      LOG.warn(
          "{}: {} of {} pages failed; the first: {}",
          call,
          failures,
          results.size(),
          first.cause().getMessage());
    }
  }
}
