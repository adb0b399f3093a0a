// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * Sets over two tiers. Written through, both have the batch at once; written behind, the local one
 * has it, and the names of what it has stored go into the backlog. What the local tier cannot store
 * goes into the lower one alone, and an older page that the local one has must go then.
 *
 * <p>Threads: safe from any number of threads.
 */
final class TieredSets {
  private static final Logger LOG = LogManager.getLogger(TieredStore.class);

  private final TierParts parts;

  TieredSets(TierParts parts) {
    this.parts = parts;
  }

  void start(TierCall call) {
    noteChanges(call.batch());
    TierStep local = call.start(parts.local(), call.batch());
    if (parts.through()) {
      TierStep lower = call.add(parts.lower().start(call.batch(), call.leftMillis()));
      call.after(
          local,
          result ->
              call.after(
                  lower,
                  below ->
                      afterPromotions(
                          call, () -> afterBoth(call, new TierAnswers(result), below))));
    } else {
      call.after(
          local, result -> afterPromotions(call, () -> afterLocal(call, new TierAnswers(result))));
    }
  }

  /**
   * Goes on when none of the pages is on its way up any more: what was read before this set began
   * must not come into the local tier after it, should the new page be evicted at once. Such a page
   * is gone again by then, and no promotion that begins later takes it.
   */
  private void afterPromotions(TierCall call, Runnable next) {
    if (!parts.promotes() || parts.promotion().isIdle()) {
      next.run();
      return;
    }
    BatchEntries entries = new BatchEntries(call.batch());
    List<PageName> names =
        IntStream.range(0, call.batch().count()).mapToObj(entries::name).toList();
    CompletableFuture<Void> settled = parts.promotion().settled(names);
    if (settled.isDone()) {
      next.run();
      return;
    }
    call.onCancel(() -> settled.complete(null));
    settled
        .completeOnTimeout(null, call.leftNanos(), TimeUnit.NANOSECONDS)
        .thenRun(() -> call.later(parts.steps(), next));
  }

  private void noteChanges(PageBatch batch) {
    for (int i = 0; i < batch.count(); i++) {
      parts.changes().noteSet(batch.keyOfEntry(i));
    }
  }

  private void afterBoth(TierCall call, TierAnswers answers, BatchResult below) {
    noteChanges(call.batch());
    BatchEntries entries = new BatchEntries(call.batch());
    List<Integer> onlyBelow = new ArrayList<>();
    int failures = 0;
    HiCacheException first = null;
    for (int i = 0; i < call.batch().count(); i++) {
      if (isStored(below, i)) {
        parts.outdated().remove(entries.name(i));
        if (answers.isOpen(i)) {
          onlyBelow.add(i);
        }
      } else {
        parts.outdated().add(entries.name(i));
        failures++;
        first = first == null ? TierAnswers.cause(below, i) : first;
      }
    }
    warn(failures, call.batch(), first);
    int[] moved = onlyBelow.stream().mapToInt(Integer::intValue).toArray();
    call.later(parts.steps(), () -> removeOlder(call, answers, moved, below, moved));
  }

  private static boolean isStored(BatchResult result, int entry) {
    PageOutcome outcome = TierAnswers.outcome(result, entry);
    return outcome == PageOutcome.STORED || outcome == PageOutcome.SKIPPED;
  }

  private void warn(int failures, PageBatch batch, HiCacheException first) {
    if (failures > 0) {
      parts.counters().lowerFailures.add(failures);
      LOG.warn(
          "set: {} of {} pages did not reach the lower tier {}; the first: {}",
          failures,
          batch.count(),
          parts.lower().place(),
          first == null ? "cancelled" : first.getMessage());
    }
  }

  private void afterLocal(TierCall call, TierAnswers answers) {
    noteChanges(call.batch());
    BatchEntries entries = new BatchEntries(call.batch());
    int[] stored = answers.entries(i -> isToBeWritten(answers, entries, i));
    int[] failed = answers.entries(answers::isOpen);
    if (stored.length == 0) {
      writeAround(call, answers, entries, failed);
      return;
    }
    List<PageName> names = Arrays.stream(stored).mapToObj(entries::name).toList();
    long[] lengths = Arrays.stream(stored).mapToLong(entries::bytes).toArray();
    // Nobody waits for a tier that takes nothing.
    long patience = parts.lower().isUp() && !call.isCancelled() ? call.leftNanos() : 0;
    CompletableFuture<Boolean> queued = parts.backlog().add(names, lengths, patience);
    call.onCancel(() -> parts.backlog().giveUp(queued));
    queued.thenAccept(
        added -> {
          if (added) {
            names.forEach(parts.outdated()::remove);
          } else {
            names.forEach(parts.outdated()::add);
            parts.counters().dropped.add(names.size());
          }
          writeAround(call, answers, entries, failed);
        });
  }

  /** A page that was there already is written once more if the lower tier never got it. */
  private boolean isToBeWritten(TierAnswers answers, BatchEntries entries, int entry) {
    return switch (answers.local(entry)) {
      case STORED -> true;
      case SKIPPED -> parts.outdated().holds(entries.name(entry));
      default -> false;
    };
  }

  private void writeAround(TierCall call, TierAnswers answers, BatchEntries entries, int[] failed) {
    if (failed.length == 0 || call.isCancelled() || call.leftNanos() == 0) {
      call.finish(answers.result());
      return;
    }
    parts.backlog().remove(Arrays.stream(failed).mapToObj(entries::name).toList());
    call.later(
        parts.steps(),
        () -> {
          TierStep step =
              call.add(parts.lower().start(call.batch().part(failed), call.leftMillis()));
          call.after(
              step,
              below -> {
                int[] at =
                    IntStream.range(0, failed.length).filter(j -> isStored(below, j)).toArray();
                parts.counters().lowerFailures.add(failed.length - at.length);
                int[] moved = BatchEntries.pick(failed, at);
                call.later(parts.steps(), () -> removeOlder(call, answers, moved, below, at));
              });
        });
  }

  /**
   * Pages that only the lower tier could store count as stored once the local one has none under
   * their names that is older.
   *
   * @param at where they are in the lower tier's result
   */
  private void removeOlder(
      TierCall call, TierAnswers answers, int[] moved, BatchResult below, int[] at) {
    if (moved.length == 0) {
      call.finish(answers.result());
      return;
    }
    BatchEntries entries = new BatchEntries(call.batch());
    List<PageName> names = Arrays.stream(moved).mapToObj(entries::name).toList();
    TierStep step = call.start(parts.local(), PageBatch.ofNames(Operation.DELETE, names));
    call.after(
        step,
        removal -> {
          noteChanges(call.batch());
          for (int j = 0; j < moved.length; j++) {
            PageOutcome gone = TierAnswers.outcome(removal, j);
            if (gone == PageOutcome.REMOVED || gone == PageOutcome.MISS) {
              answers.take(moved[j], below, at[j]);
              parts.outdated().remove(names.get(j));
            }
          }
          call.finish(answers.result());
        });
  }
}
