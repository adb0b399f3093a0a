// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.AsyncStoreTest.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.BeforeClass;
import org.testng.annotations.Test;

/** Batches cancelled in the middle of the work: outcomes for every key, whole pages or none. */
public class CancelTest extends StoreFixture {
  private static final int PAGES = 64;
  private static final int PAGE_BYTES = 1 << 20;
  private static final int ATTEMPTS = 20;

  private final List<String> keys = new ArrayList<>();
  private final List<Tensor> pages = new ArrayList<>();

  @BeforeClass
  public void makePages() {
    for (int i = 0; i < PAGES; i++) {
      keys.add("page" + i);
      pages.add(Tensors.random(ScalarType.Byte, PAGE_BYTES));
    }
  }

  /** Room for one whole batch and no more: a byte that is lost holds up the next batch for good. */
  private HiCacheConfigBuilder tight() {
    return config().maxInFlightBytes((long) PAGES * PAGE_BYTES);
  }

  @Test(dataProvider = "queues", timeOut = 120_000)
  public void shouldSettleWhatIsOpenAndLeaveWholePagesOrNone(String queue) throws Exception {
    try (HiCacheNixl warmUp = open(queue)) {
      assertThat(warmUp.clear()).isZero();
    }
    ProcessState before = ProcessState.now();
    try (HiCacheNixl store = HiCacheNixl.open(tight().queue(queue).build())) {
      boolean cancelled = false;
      for (int i = 0; i < ATTEMPTS && !cancelled; i++) {
        CompletableFuture<List<PageResult>> set = store.batchSetPagesAsync(keys, pages);
        cancelled = set.cancel(true);
        List<PageResult> results = get(set);
        assertThat(set.isCancelled()).as("it has results").isFalse();
        assertThat(set.isCompletedExceptionally()).isFalse();
        assertThat(results).extracting(PageResult::key).isEqualTo(keys);
        assertThat(results)
            .extracting(PageResult::outcome)
            .isSubsetOf(PageOutcome.STORED, PageOutcome.CANCELLED);
        assertThat(results.stream().anyMatch(r -> r.outcome() == PageOutcome.CANCELLED))
            .isEqualTo(cancelled);
        assertThat(results).allSatisfy(result -> assertThat(result.cause()).isNull());
        for (int k = 0; k < PAGES; k++) {
          if (results.get(k).outcome() == PageOutcome.STORED) {
            Tensor target = Tensors.blankLike(pages.get(k));
            Tensors.assertSame(store.get(keys.get(k), target), pages.get(k));
          }
        }
      }
      assertThat(cancelled).isTrue();
      assertThat(get(store.batchSetPagesAsync(keys, pages)))
          .as("all room is given back")
          .extracting(PageResult::outcome)
          .containsOnly(PageOutcome.STORED);
    }
    assertPageFiles(PAGES);
    ProcessState.assertNothingAddedTo(before);
  }

  @Test(timeOut = 120_000)
  public void shouldNotReportACancelledGetAsAHit() throws Exception {
    try (HiCacheNixl store = HiCacheNixl.open(tight().build())) {
      assertThat(store.batchSet(keys, pages)).isTrue();
      boolean cancelled = false;
      for (int i = 0; i < ATTEMPTS && !cancelled; i++) {
        List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();
        CompletableFuture<List<PageResult>> got = store.batchGetPagesAsync(keys, targets);
        cancelled = got.cancel(false);
        List<PageResult> results = get(got);
        for (int k = 0; k < PAGES; k++) {
          assertThat(results.get(k).outcome()).isIn(PageOutcome.HIT, PageOutcome.CANCELLED);
          if (results.get(k).isHit()) {
            Tensors.assertSame(targets.get(k), pages.get(k));
          }
        }
      }
      assertThat(cancelled).isTrue();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldLeaveABatchAloneThatHasCompleted() throws Exception {
    try (HiCacheNixl store = open()) {
      CompletableFuture<List<PageResult>> set =
          store.batchSetPagesAsync(keys.subList(0, 2), pages.subList(0, 2));
      List<PageResult> results = get(set);
      assertThat(set.cancel(true)).isFalse();
      assertThat(get(set))
          .isEqualTo(results)
          .extracting(PageResult::outcome)
          .containsOnly(PageOutcome.STORED);
      CompletableFuture<List<PageResult>> late = store.batchExistsPagesAsync(keys);
      store.close();
      get(late);
      assertThat(late.cancel(true)).isFalse();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldCancelNothingThroughADerivedFuture() throws Exception {
    try (HiCacheNixl store = open()) {
      CompletableFuture<List<PageResult>> set = store.batchSetPagesAsync(keys, pages);
      CompletableFuture<Integer> derived = set.thenApply(List::size);
      derived.cancel(true);
      assertThat(get(set)).extracting(PageResult::outcome).containsOnly(PageOutcome.STORED);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldEndACancelledClearAsCancelled() throws Exception {
    List<String> many = new ArrayList<>();
    for (int i = 0; i < 2000; i++) {
      many.add("page" + i);
    }
    try (HiCacheNixl store = open()) {
      boolean cancelled = false;
      for (int i = 0; i < ATTEMPTS && !cancelled; i++) {
        store.batchSetPages(many, new long[2000], new long[2000]);
        CompletableFuture<Long> clear = store.clearAsync();
        cancelled = clear.cancel(true);
        if (cancelled) {
          assertThatExceptionOfType(CancellationException.class).isThrownBy(() -> get(clear));
          assertThat(clear.isCancelled()).isTrue();
        } else {
          assertThat(get(clear)).isEqualTo(2000);
        }
      }
      assertThat(cancelled).isTrue();
    }
  }
}
