// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.StoreFixture.refused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import org.testng.annotations.Test;

/** SGLang's answers, for every outcome. */
public class VerdictTest {

  private static PageResult result(PageOutcome outcome) {
    return result(outcome, ErrorCode.IO);
  }

  private static PageResult result(PageOutcome outcome, ErrorCode code) {
    HiCacheException cause = outcome.isFailure() ? new HiCacheException(code, "why") : null;
    return new PageResult("k", outcome, 0, false, cause);
  }

  @Test
  public void shouldAnswerTrueForOneOutcomeOnly() {
    for (PageOutcome outcome : PageOutcome.values()) {
      assertThat(Verdict.isStored(result(outcome))).isEqualTo(outcome == PageOutcome.STORED);
      assertThat(Verdict.isHit("get", result(outcome))).isEqualTo(outcome == PageOutcome.HIT);
      assertThat(Verdict.isRemoved(result(outcome))).isEqualTo(outcome == PageOutcome.REMOVED);
      assertThat(result(outcome).isHit()).isEqualTo(outcome == PageOutcome.HIT);
    }
  }

  @Test
  public void shouldThrowWhatOnlyTheCallerCanChange() {
    for (ErrorCode code : ErrorCode.values()) {
      PageResult failed = result(PageOutcome.FAILED, code);
      switch (code) {
        case INVALID_ARGUMENT, UNSUPPORTED, CLOSED -> {
          refused(code, () -> Verdict.isStored(failed));
          refused(code, () -> Verdict.isHit("get", failed));
          refused(code, () -> Verdict.isRemoved(failed));
        }
        default -> {
          assertThat(Verdict.isStored(failed)).isFalse();
          assertThat(Verdict.isHit("get", failed)).isFalse();
          assertThat(Verdict.isRemoved(failed)).isFalse();
        }
      }
      refused(code, failed::orThrow);
      assertThat(Verdict.areHits(List.of(failed)))
          .as("never thrown for a batch")
          .containsExactly(false);
    }
  }

  @Test
  public void shouldCountAsStoredOnlyABatchThatIsWhole() {
    PageResult stored = result(PageOutcome.STORED);
    assertThat(Verdict.areStored(List.of())).isFalse();
    assertThat(Verdict.areStored(List.of(stored, result(PageOutcome.SKIPPED), stored))).isTrue();
    for (PageOutcome outcome : PageOutcome.values()) {
      if (outcome != PageOutcome.STORED && outcome != PageOutcome.SKIPPED) {
        assertThat(Verdict.areStored(List.of(stored, result(outcome)))).as("%s", outcome).isFalse();
      }
    }
  }

  @Test
  public void shouldCountHitsUpToTheFirstThatIsNone() {
    for (PageOutcome outcome : PageOutcome.values()) {
      List<PageResult> results = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        results.add(result(PageOutcome.HIT));
      }
      results.add(result(outcome));
      results.add(result(PageOutcome.HIT));
      assertThat(Verdict.leadingHits(results)).isEqualTo(outcome == PageOutcome.HIT ? 5 : 3);
    }
    assertThat(Verdict.leadingHits(List.of())).isZero();
  }

  @Test
  public void shouldLetNoCancelPassForDone() {
    PageResult cancelled = result(PageOutcome.CANCELLED);
    assertThat(cancelled.outcome().isFailure()).as("nothing went wrong").isFalse();
    assertThat(cancelled.cause()).isNull();
    assertThatExceptionOfType(CancellationException.class)
        .isThrownBy(cancelled::orThrow)
        .withMessageContaining("'k'");
    assertThat(result(PageOutcome.MISS).orThrow()).isEqualTo(result(PageOutcome.MISS));
  }

  @Test
  public void shouldLogFailuresOnceForACallAndMissesNever() {
    try (CapturedLog log = new CapturedLog()) {
      Verdict.areHits(List.of(result(PageOutcome.MISS), result(PageOutcome.HIT)));
      Verdict.isHit("get", result(PageOutcome.MISS));
      assertThat(log.lines()).isEmpty();
      Verdict.areHits(
          List.of(
              result(PageOutcome.CORRUPT),
              result(PageOutcome.MISS),
              result(PageOutcome.TIMED_OUT)));
      assertThat(log.lines()).containsExactly("WARN batchGet: 2 of 3 pages failed; the first: why");
    }
  }
}
