// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.SkipException;
import org.testng.annotations.Test;

/** The batch forms that return futures: outcomes, arguments, deadlines. */
public class AsyncStoreTest extends StoreFixture {

  static <T> T get(Future<T> future) throws Exception {
    return future.get(60, TimeUnit.SECONDS);
  }

  private static List<PageOutcome> outcomes(CompletableFuture<List<PageResult>> future)
      throws Exception {
    return get(future).stream().map(PageResult::outcome).toList();
  }

  @Test(dataProvider = "queues", timeOut = 120_000)
  public void shouldStoreFindAndRemoveTensorsWithOneResultForEachKey(String queue)
      throws Exception {
    List<String> keys = new ArrayList<>();
    List<Tensor> pages = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      keys.add("page" + i);
      pages.add(Tensors.randomFloats(3, 1000 + i));
    }
    try (HiCacheNixl store = open(queue)) {
      AsyncPageStore async = store;
      List<PageResult> stored = get(async.batchSetPagesAsync(keys, pages));
      assertThat(stored).extracting(PageResult::key).isEqualTo(keys);
      for (int i = 0; i < 20; i++) {
        assertThat(stored.get(i).outcome()).isEqualTo(PageOutcome.STORED);
        assertThat(stored.get(i).length()).isEqualTo(pages.get(i).nbytes());
      }
      List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();
      assertThat(get(async.batchGetPagesAsync(keys, targets)))
          .allMatch(PageResult::isHit)
          .allMatch(PageResult::verified);
      for (int i = 0; i < 20; i++) {
        Tensors.assertSame(targets.get(i), pages.get(i));
      }
      assertThat(outcomes(async.batchExistsPagesAsync(List.of("page0", "absent", "page19"))))
          .containsExactly(PageOutcome.HIT, PageOutcome.MISS, PageOutcome.HIT);
      assertThat(outcomes(async.batchDeletePagesAsync(List.of("page0", "page0x"))))
          .containsExactly(PageOutcome.REMOVED, PageOutcome.MISS);
      assertThat(store.exists("page0")).isFalse();
      assertCleared(get(async.clearAsync()), 19);
      assertThat(get(async.clearAsync())).isZero();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldStoreAndFillAddressRanges() throws Exception {
    Tensor page = Tensors.random(ScalarType.Byte, 5000);
    Tensor target = Tensors.blankLike(page);
    long[] length = {5000};
    try (HiCacheNixl store = open()) {
      long[] source = {Tensors.address(page)};
      CompletableFuture<List<PageResult>> set =
          store.batchSetPagesAsync(List.of("k"), source, length);
      source[0] = 0; // arrays are read before the call returns
      assertThat(outcomes(set)).containsExactly(PageOutcome.STORED);
      assertThat(
              outcomes(
                  store.batchGetPagesAsync(
                      List.of("k"), new long[] {Tensors.address(target)}, length)))
          .containsExactly(PageOutcome.HIT);
      Tensors.assertSame(target, page);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldRefuseListsAtOnceAndABadEntryAlone() throws Exception {
    Tensor page = Tensors.randomFloats(8);
    try (HiCacheNixl store = open()) {
      refused(() -> store.batchSetPagesAsync(null, List.of(page)));
      refused(() -> store.batchSetPagesAsync(List.of("a", "b"), List.of(page)));
      refused(() -> store.batchSetPagesAsync(List.of("a"), new long[2], new long[1]));
      refused(() -> store.batchGetPagesAsync(List.of("a"), (List<Tensor>) null));
      refused(() -> store.batchGetPagesAsync(List.of("a"), new long[1], null));
      refused(() -> store.batchExistsPagesAsync(null));
      refused(() -> store.batchDeletePagesAsync(null));

      List<PageResult> mixed =
          get(store.batchSetPagesAsync(Arrays.asList("a", null, "c"), List.of(page, page, page)));
      assertThat(mixed)
          .extracting(PageResult::outcome)
          .containsExactly(PageOutcome.STORED, PageOutcome.FAILED, PageOutcome.STORED);
      assertThat(mixed.get(1).cause().code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);

      CompletableFuture<List<PageResult>> bad =
          store.batchGetPagesAsync(List.of("", "b"), Arrays.asList(page, null));
      assertThat(bad).isDone();
      assertThat(outcomes(bad)).containsExactly(PageOutcome.FAILED, PageOutcome.FAILED);
      assertThat(store.batchExistsPagesAsync(List.of())).isCompletedWithValue(List.of());
    }
  }

  @Test(timeOut = 60_000)
  public void shouldThrowAtOnceOnAClosedStore() {
    Tensor page = Tensors.randomFloats(8);
    HiCacheNixl store = open();
    store.close();
    refused(ErrorCode.CLOSED, () -> store.batchSetPagesAsync(List.of("k"), List.of(page)));
    refused(ErrorCode.CLOSED, () -> store.batchGetPagesAsync(List.of("k"), List.of(page)));
    refused(
        ErrorCode.CLOSED, () -> store.batchSetPagesAsync(List.of("k"), new long[1], new long[1]));
    refused(ErrorCode.CLOSED, () -> store.batchExistsPagesAsync(List.of("k")));
    refused(ErrorCode.CLOSED, () -> store.batchExistsPagesAsync(List.of()));
    refused(ErrorCode.CLOSED, () -> store.batchDeletePagesAsync(List.of("k")));
    refused(ErrorCode.CLOSED, store::clearAsync);
  }

  @Test(timeOut = 120_000)
  public void shouldReportADeadlineAsAnOutcomeAndHoldTheMemory() throws Exception {
    List<String> keys = new ArrayList<>();
    List<Tensor> pages = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      keys.add("page" + i);
      pages.add(Tensors.random(ScalarType.Byte, 1 << 20));
    }
    try (HiCacheNixl store = HiCacheNixl.open(config().timeoutMillis(1).build())) {
      List<PageResult> results = get(store.batchSetPagesAsync(keys, pages));
      assertThat(results)
          .extracting(PageResult::outcome)
          .isSubsetOf(PageOutcome.STORED, PageOutcome.TIMED_OUT)
          .contains(PageOutcome.TIMED_OUT);
      assertThat(results)
          .filteredOn(result -> result.outcome() == PageOutcome.TIMED_OUT)
          .allSatisfy(result -> assertThat(result.cause().code()).isEqualTo(ErrorCode.TIMEOUT))
          .allSatisfy(result -> assertThat(result.cause()).hasMessageContaining(result.key()));
    }
    try (HiCacheNixl patient = open()) {
      for (int i = 0; i < keys.size(); i++) {
        Tensor target = Tensors.blankLike(pages.get(i));
        if (patient.getPage(keys.get(i), target).isHit()) {
          Tensors.assertSame(target, pages.get(i));
        }
      }
    }
  }

  /** A clear has no keys to report by, so its future throws what the blocking form throws. */
  @Test(timeOut = 60_000)
  public void shouldCompleteAFailedClearExceptionally() throws Exception {
    if (inSegments()) {
      throw new SkipException("a clear of segments is over before its time is");
    }
    try (HiCacheNixl patient = open()) {
      List<String> keys = new ArrayList<>();
      for (int i = 0; i < 3000; i++) {
        keys.add("page" + i);
      }
      patient.batchSetPages(keys, new long[3000], new long[3000]);
    }
    try (HiCacheNixl store = HiCacheNixl.open(config().timeoutMillis(1).build())) {
      assertThatExceptionOfType(ExecutionException.class)
          .isThrownBy(() -> get(store.clearAsync()))
          .havingCause()
          .isInstanceOfSatisfying(
              HiCacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.TIMEOUT));
      assertThat(store.close(Duration.ofSeconds(30))).isTrue();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldKeepAStoreOpenAsLongAsAFutureIsPending() throws Exception {
    List<Runnable> completions = new ArrayList<>();
    try (CapturedLog log = new CapturedLog()) {
      CompletableFuture<List<PageResult>> future = startAndForget(completions);
      while (completions(completions) == 0) {
        Thread.sleep(1);
      }
      for (int i = 0; i < 5; i++) {
        System.gc();
        Thread.sleep(20);
      }
      assertThat(log.lines()).noneMatch(line -> line.contains("never closed"));
      assertThat(future).isNotDone();
      completions.remove(0).run();
      assertThat(outcomes(future)).containsExactly(PageOutcome.MISS);
      for (int i = 0; i < 200 && log.lines().stream().noneMatch(AsyncStoreTest::isLeak); i++) {
        System.gc();
        Thread.sleep(50);
      }
      assertThat(log.lines()).as("and no longer").anyMatch(AsyncStoreTest::isLeak);
    }
  }

  private static boolean isLeak(String line) {
    return line.contains("never closed");
  }

  private static int completions(List<Runnable> completions) {
    synchronized (completions) {
      return completions.size();
    }
  }

  private CompletableFuture<List<PageResult>> startAndForget(List<Runnable> completions) {
    HiCacheConfig config =
        config()
            .completionExecutor(
                completion -> {
                  synchronized (completions) {
                    completions.add(completion);
                  }
                })
            .build();
    return HiCacheNixl.open(config).batchExistsPagesAsync(List.of("absent"));
  }
}
