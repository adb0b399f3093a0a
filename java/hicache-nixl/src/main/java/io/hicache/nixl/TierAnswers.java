// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * The outcomes of a batch while two tiers make them: begins as what the local one said.
 *
 * <p>Threads: one thread at a time.
 */
final class TierAnswers {
  private final BatchResult local;
  private BatchResult merged; // the local one until something is changed

  TierAnswers(BatchResult local) {
    this.local = local;
    merged = local;
  }

  static PageOutcome outcome(BatchResult result, int entry) {
    return PageOutcome.of(result.outcomes()[entry]);
  }

  static HiCacheException cause(BatchResult result, int entry) {
    return result.causes() == null ? null : result.causes()[entry];
  }

  /** Whether a failure has one of these codes. */
  static boolean failedWith(BatchResult result, int entry, ErrorCode... codes) {
    HiCacheException cause = cause(result, entry);
    return cause != null && List.of(codes).contains(cause.code());
  }

  PageOutcome local(int entry) {
    return outcome(local, entry);
  }

  BatchResult localResult() {
    return local;
  }

  /**
   * Whether the local tier leaves the answer to the one below: it has no such page, or could not
   * read it. A page that does not fit its target is there, and a transfer that may still be under
   * way must not be followed by another one.
   */
  boolean isOpen(int entry) {
    return switch (local(entry)) {
      case MISS, CORRUPT -> true;
      case FAILED ->
          !failedWith(
              local, entry, ErrorCode.INVALID_ARGUMENT, ErrorCode.UNSUPPORTED, ErrorCode.CLOSED);
      default -> false;
    };
  }

  int[] entries(IntPredicate chosen) {
    return IntStream.range(0, local.outcomes().length).filter(chosen).toArray();
  }

  /** Takes the answer of another result for an entry. */
  void take(int entry, BatchResult from, int at) {
    change();
    merged.outcomes()[entry] = from.outcomes()[at];
    merged.pageLengths()[entry] = from.pageLengths()[at];
    merged.flags()[entry] = from.flags()[at];
    merged.causes()[entry] = cause(from, at);
  }

  void set(int entry, PageOutcome outcome, HiCacheException cause) {
    change();
    merged.outcomes()[entry] = (byte) outcome.number();
    merged.causes()[entry] = cause;
  }

  void setLength(int entry, long length) {
    change();
    merged.pageLengths()[entry] = length;
  }

  private void change() {
    if (merged == local) {
      merged = local.copyWithCauses();
    }
  }

  BatchResult result() {
    return merged;
  }
}
