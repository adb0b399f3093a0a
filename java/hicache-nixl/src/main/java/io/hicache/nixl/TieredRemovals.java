// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;

/**
 * Deletes and clears over two tiers, in both at once. A page that the lower tier could not remove
 * is a failure, for it might come back from there; until this store closes it does not.
 *
 * <p>Threads: safe from any number of threads.
 */
final class TieredRemovals {
  private final TierParts parts;

  TieredRemovals(TierParts parts) {
    this.parts = parts;
  }

  void delete(TierCall call) {
    PageBatch batch = call.batch();
    BatchEntries entries = new BatchEntries(batch);
    List<PageName> names = IntStream.range(0, batch.count()).mapToObj(entries::name).toList();
    names.forEach(name -> parts.changes().beginRemoval(name.key()));
    call.atTheEnd(() -> names.forEach(name -> parts.changes().endRemoval(name.key())));
    CompletableFuture<Void> written = parts.backlog().remove(names);
    inBoth(
        call,
        (answers, below) -> {
          for (int i = 0; i < names.size(); i++) {
            merge(answers, below, i, names.get(i));
          }
          finish(
              call,
              answers,
              written,
              parts.promotes() ? parts.promotion().settled(names) : written);
        });
  }

  private void merge(TierAnswers answers, BatchResult below, int entry, PageName name) {
    PageOutcome lower = TierAnswers.outcome(below, entry);
    boolean gone = lower == PageOutcome.REMOVED || lower == PageOutcome.MISS;
    if (gone) {
      parts.outdated().remove(name);
    } else {
      parts.outdated().add(name);
      parts.counters().lowerFailures.increment();
    }
    switch (answers.local(entry)) {
      case MISS -> answers.take(entry, explained(below, entry), entry);
      case REMOVED -> {
        if (!gone) {
          answers.take(entry, explained(below, entry), entry);
        }
      }
      default -> {} // the local tier's failure
    }
  }

  /** A failure below with what it means. */
  private BatchResult explained(BatchResult below, int entry) {
    HiCacheException cause = TierAnswers.cause(below, entry);
    if (cause == null) {
      return below;
    }
    BatchResult copy = below.copyWithCauses();
    copy.causes()[entry] =
        new HiCacheException(
            cause.code(),
            "the lower tier "
                + parts.lower().place()
                + " may still have what the local one has not any more; try again later: "
                + cause.getMessage(),
            cause);
    return copy;
  }

  void clear(TierCall call) {
    parts.changes().beginRemovalOfAll();
    call.atTheEnd(parts.changes()::endRemovalOfAll);
    CompletableFuture<Void> written = parts.backlog().removeAll();
    inBoth(
        call,
        (answers, below) -> {
          if (answers.local(0) == PageOutcome.REMOVED) {
            long there = answers.localResult().pageLengths()[0];
            answers.take(0, explained(below, 0), 0);
            if (TierAnswers.outcome(below, 0) == PageOutcome.REMOVED) {
              parts.outdated().clear();
              answers.setLength(0, there + below.pageLengths()[0]);
            } else {
              parts.counters().lowerFailures.increment();
            }
          }
          finish(call, answers, written, parts.promotes() ? parts.promotion().settled() : written);
        });
  }

  /** A page that is just on its way down or up goes again before the call ends. */
  private static void finish(
      TierCall call,
      TierAnswers answers,
      CompletableFuture<Void> written,
      CompletableFuture<Void> promoted) {
    CompletableFuture<Void> wait = CompletableFuture.allOf(written, promoted);
    call.onCancel(() -> wait.complete(null));
    wait.completeOnTimeout(null, call.leftNanos(), TimeUnit.NANOSECONDS)
        .thenRun(() -> call.finish(answers.result()));
  }

  private void inBoth(TierCall call, BiConsumer<TierAnswers, BatchResult> next) {
    TierStep local = call.start(parts.local(), call.batch());
    TierStep lower = call.add(parts.lower().start(call.batch(), call.leftMillis()));
    call.after(
        local, result -> call.after(lower, below -> next.accept(new TierAnswers(result), below)));
  }
}
