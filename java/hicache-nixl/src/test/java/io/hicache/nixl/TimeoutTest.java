// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.SkipException;
import org.testng.annotations.BeforeClass;
import org.testng.annotations.Test;

/**
 * Deadlines that pass in the middle of the work: whole pages or none, and memory that stays held.
 */
public class TimeoutTest extends StoreFixture {
  private static final int PAGES = 64;
  private static final int PAGE_BYTES = 1 << 20;

  private final List<String> keys = new ArrayList<>();
  private final List<Tensor> pages = new ArrayList<>();

  @BeforeClass
  public void makePages() {
    for (int i = 0; i < PAGES; i++) {
      keys.add("page" + i);
      pages.add(Tensors.random(ScalarType.Byte, PAGE_BYTES));
    }
  }

  private HiCacheNixl impatient(String queue) {
    try {
      return HiCacheNixl.open(config().queue(queue).timeoutMillis(1).build());
    } catch (HiCacheException e) {
      if (queue.equals("uring") && e.code() == ErrorCode.BACKEND_UNAVAILABLE) {
        throw new SkipException("no io_uring here: " + e.getMessage());
      }
      throw e;
    }
  }

  @Test(dataProvider = "queues", timeOut = 120_000)
  public void shouldLeaveWholePagesOrNoneWhenASetTimesOut(String queue) throws Exception {
    try (HiCacheNixl warmUp = open(queue)) {
      assertThat(warmUp.clear()).isZero();
    }
    ProcessState before = ProcessState.now();
    try (HiCacheNixl store = impatient(queue)) {
      List<PageResult> results = store.batchSetPages(keys, pages);

      assertThat(results)
          .extracting(PageResult::outcome)
          .isSubsetOf(PageOutcome.STORED, PageOutcome.TIMED_OUT)
          .contains(PageOutcome.TIMED_OUT);
      assertThat(results)
          .filteredOn(r -> r.outcome() == PageOutcome.TIMED_OUT)
          .allSatisfy(r -> assertThat(r.cause().code()).isEqualTo(ErrorCode.TIMEOUT))
          .allSatisfy(r -> assertThat(r.cause()).hasMessageContaining(r.key()));
      assertThat(store.batchSet(keys, pages)).isFalse();
      awaitDrained(store);
    }
    try (HiCacheNixl patient = open(queue)) {
      for (int i = 0; i < PAGES; i++) {
        Tensor target = Tensors.blankLike(pages.get(i));
        PageResult get = patient.getPage(keys.get(i), target);
        assertThat(get.outcome()).isIn(PageOutcome.HIT, PageOutcome.MISS);
        if (get.isHit()) {
          Tensors.assertSame(target, pages.get(i));
        }
      }
      assertThat(patient.batchSet(keys, pages)).isTrue();
    }
    assertPageFiles(PAGES);
    ProcessState.assertNothingAddedTo(before);
  }

  @Test(dataProvider = "queues", timeOut = 120_000)
  public void shouldNotReportALateGetAsAHit(String queue) throws Exception {
    try (HiCacheNixl patient = open(queue)) {
      assertThat(patient.batchSet(keys, pages)).isTrue();
    }
    List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();
    try (HiCacheNixl store = impatient(queue)) {
      List<PageResult> results = store.batchGetPages(keys, targets);

      assertThat(results)
          .extracting(PageResult::outcome)
          .isSubsetOf(PageOutcome.HIT, PageOutcome.TIMED_OUT)
          .contains(PageOutcome.TIMED_OUT);
      for (int i = 0; i < PAGES; i++) {
        if (results.get(i).isHit()) {
          Tensors.assertSame(targets.get(i), pages.get(i));
        }
      }
      awaitDrained(store);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldTimeOutWhatIsInFlightWhenClosedWithoutWaiting() throws Exception {
    HiCacheNixl store = open();
    CompletableFuture<List<PageResult>> results =
        CompletableFuture.supplyAsync(() -> store.batchSetPages(keys, pages));
    while (store.describe().batches() == 0 && !results.isDone()) {
      Thread.onSpinWait();
    }

    store.close(Duration.ZERO);

    assertThat(results.get(10, TimeUnit.SECONDS))
        .extracting(PageResult::outcome)
        .isSubsetOf(PageOutcome.STORED, PageOutcome.TIMED_OUT);
    refused(ErrorCode.CLOSED, () -> store.exists("page0"));
  }

  private static void awaitDrained(HiCacheNixl store) throws InterruptedException {
    for (int i = 0; i < 500 && store.describe().batches() > 0; i++) {
      Thread.sleep(20);
    }
    assertThat(store.describe().batches()).isZero();
  }
}
