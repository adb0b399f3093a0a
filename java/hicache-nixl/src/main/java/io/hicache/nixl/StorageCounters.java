// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * Counts outcomes as they pass.
 *
 * <p>Threads: safe from any number of threads.
 */
final class StorageCounters {
  private final Map<Operation, Map<PageOutcome, LongAdder>> pages = new EnumMap<>(Operation.class);
  private final LongAdder storedBytes = new LongAdder();
  private final LongAdder hitBytes = new LongAdder();
  private final LongAdder cleared = new LongAdder();

  StorageCounters() {
    for (Operation operation : Operation.values()) {
      Map<PageOutcome, LongAdder> row = new EnumMap<>(PageOutcome.class);
      for (PageOutcome outcome : PageOutcome.values()) {
        row.put(outcome, new LongAdder());
      }
      pages.put(operation, row);
    }
  }

  void count(Operation operation, PageResults results) {
    Map<PageOutcome, LongAdder> row = pages.get(operation);
    for (int i = 0; i < results.size(); i++) {
      PageOutcome outcome = results.outcome(i);
      row.get(outcome).increment();
      if (outcome == PageOutcome.STORED) {
        storedBytes.add(results.length(i));
      } else if (operation == Operation.GET && outcome == PageOutcome.HIT) {
        hitBytes.add(results.length(i));
      } else if (operation == Operation.CLEAR && outcome == PageOutcome.REMOVED) {
        cleared.add(results.length(i));
      }
    }
  }

  StorageStats stats() {
    return new StorageStats(
        of(Operation.SET, PageOutcome.STORED),
        storedBytes.sum(),
        of(Operation.SET, PageOutcome.SKIPPED),
        of(Operation.GET, PageOutcome.HIT),
        hitBytes.sum(),
        of(Operation.GET, PageOutcome.MISS),
        of(Operation.EXISTS, PageOutcome.HIT),
        of(Operation.EXISTS, PageOutcome.MISS),
        of(Operation.DELETE, PageOutcome.REMOVED) + cleared.sum(),
        all(PageOutcome.CORRUPT),
        all(PageOutcome.FAILED),
        all(PageOutcome.TIMED_OUT));
  }

  private long of(Operation operation, PageOutcome outcome) {
    return pages.get(operation).get(outcome).sum();
  }

  private long all(PageOutcome outcome) {
    return pages.values().stream().mapToLong(row -> row.get(outcome).sum()).sum();
  }
}
