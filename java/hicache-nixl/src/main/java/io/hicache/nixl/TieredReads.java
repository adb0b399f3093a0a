// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Arrays;

/**
 * Gets and look-ups over two tiers: what the local one has not, the lower one is asked for, in what
 * is left of the time.
 *
 * <p>Threads: safe from any number of threads.
 */
final class TieredReads {
  /**
   * Pages that are looked up below at first when only a prefix is asked for; then twice as many.
   */
  private static final int FIRST_OF_PREFIX = 32;

  private final TierParts parts;

  TieredReads(TierParts parts) {
    this.parts = parts;
  }

  void start(TierCall call) {
    TierStep step = call.start(parts.local(), call.batch());
    call.after(step, result -> afterLocal(call, new TierAnswers(result)));
  }

  private void afterLocal(TierCall call, TierAnswers answers) {
    int[] open = answers.entries(answers::isOpen);
    if (open.length == 0 || !parts.lower().isOpen()) {
      call.finish(answers.result());
    } else {
      // Starting a batch may wait for room, and this thread settles others.
      call.later(parts.steps(), () -> askLower(call, answers, open));
    }
  }

  private void askLower(TierCall call, TierAnswers answers, int[] open) {
    BatchEntries entries = new BatchEntries(call.batch());
    int[] asked =
        Arrays.stream(open).filter(i -> !parts.isOutdatedBelow(entries.name(i))).toArray();
    if (call.batch().isPrefixOnly()) {
      askPrefix(call, answers, beforeTheGap(answers, asked), 0, FIRST_OF_PREFIX);
    } else {
      ask(call, answers, asked, () -> settle(call, answers, entries, asked));
    }
  }

  /** Those behind a page that is nowhere do not matter. */
  private static int[] beforeTheGap(TierAnswers answers, int[] asked) {
    int used = 0;
    for (int i = 0; i < answers.localResult().outcomes().length; i++) {
      if (used < asked.length && asked[used] == i) {
        used++;
      } else if (answers.local(i) != PageOutcome.HIT) {
        break;
      }
    }
    return Arrays.copyOf(asked, used);
  }

  private void askPrefix(TierCall call, TierAnswers answers, int[] asked, int from, int most) {
    int to = Math.min(asked.length, from + most);
    int[] part = Arrays.copyOfRange(asked, from, to);
    ask(
        call,
        answers,
        part,
        () -> {
          boolean goesOn =
              Arrays.stream(part)
                  .allMatch(i -> TierAnswers.outcome(answers.result(), i) == PageOutcome.HIT);
          if (goesOn && to < asked.length) {
            call.later(parts.steps(), () -> askPrefix(call, answers, asked, to, most * 2));
          } else {
            call.finish(answers.result());
          }
        });
  }

  private void ask(TierCall call, TierAnswers answers, int[] asked, Runnable next) {
    if (call.isCancelled()) {
      Arrays.stream(asked).forEach(i -> answers.set(i, PageOutcome.CANCELLED, null));
      call.finish(answers.result());
    } else if (asked.length == 0 || call.leftNanos() == 0) {
      call.finish(answers.result());
    } else {
      TierStep step = call.add(parts.lower().start(call.batch().part(asked), call.leftMillis()));
      call.after(
          step,
          result -> {
            for (int at = 0; at < asked.length; at++) {
              merge(answers, asked[at], result, at);
            }
            next.run();
          });
    }
  }

  /** An unavailable tier has no pages; every other failure of it is told where nothing else is. */
  private void merge(TierAnswers answers, int entry, BatchResult lower, int at) {
    switch (TierAnswers.outcome(lower, at)) {
      case HIT -> {
        answers.take(entry, lower, at);
        parts.counters().lowerHits.increment();
      }
      case TIMED_OUT, CANCELLED -> answers.take(entry, lower, at);
      case MISS -> {}
      default -> {
        if (!TierAnswers.failedWith(lower, at, ErrorCode.INVALID_ARGUMENT)) {
          parts.counters().lowerFailures.increment();
        }
        boolean away =
            TierAnswers.failedWith(lower, at, ErrorCode.BACKEND_UNAVAILABLE, ErrorCode.CLOSED);
        if (!away && answers.local(entry) == PageOutcome.MISS) {
          answers.take(entry, lower, at);
        }
      }
    }
  }

  /** The target is the caller's again once the call ends, so its bytes are copied before that. */
  private void settle(TierCall call, TierAnswers answers, BatchEntries entries, int[] asked) {
    BatchResult result = answers.result();
    int[] hits =
        Arrays.stream(asked)
            .filter(i -> TierAnswers.outcome(result, i) == PageOutcome.HIT)
            .toArray();
    if (call.batch().operation() != Operation.GET || hits.length == 0 || !parts.promotes()) {
      call.finish(result);
      return;
    }
    call.later(
        parts.steps(),
        () -> {
          // Who has waited beyond the deadline may have freed the target.
          if (call.leftNanos() > 0) {
            parts.promotion().offer(entries, hits, call.began());
          }
          call.finish(result);
        });
  }
}
