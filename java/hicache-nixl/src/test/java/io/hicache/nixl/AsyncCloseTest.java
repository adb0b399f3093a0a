// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.AsyncStoreTest.get;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.Test;

/** Closing with futures open: each completes with results, and nothing is left. */
public class AsyncCloseTest extends StoreFixture {
  private static final int SUBMITTERS = 4;

  @Test(dataProvider = "queues", timeOut = 120_000)
  public void shouldCompleteEveryFutureWhenAStoreClosesUnderManySubmitters(String queue)
      throws Exception {
    useOnce(queue);
    ProcessState before = ProcessState.now();
    List<String> keys = new ArrayList<>();
    List<Tensor> pages = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      keys.add("page" + i);
      pages.add(Tensors.randomFloats(4096));
    }
    // Less room than the submitters want, so that some wait for it when the store closes.
    HiCacheNixl store =
        HiCacheNixl.open(config().queue(queue).maxInFlightBytes(2L * 16 * 4096 * 4).build());
    Queue<CompletableFuture<?>> futures = new ConcurrentLinkedQueue<>();
    CountDownLatch running = new CountDownLatch(SUBMITTERS);
    List<FutureTask<ErrorCode>> submitters = new ArrayList<>();
    for (int t = 0; t < SUBMITTERS; t++) {
      FutureTask<ErrorCode> submitter =
          new FutureTask<>(() -> submitUntilRefused(store, keys, pages, futures, running));
      submitters.add(submitter);
      new Thread(submitter, "submitter").start();
    }
    running.await();
    Thread.sleep(100);

    assertThat(store.close(Duration.ofSeconds(30))).isTrue();

    for (Future<ErrorCode> submitter : submitters) {
      assertThat(get(submitter)).isEqualTo(ErrorCode.CLOSED);
    }
    assertThat(futures).hasSizeGreaterThan(2 * SUBMITTERS);
    for (CompletableFuture<?> future : futures) {
      assertThat((List<?>) get(future))
          .allSatisfy(
              result ->
                  assertThat(((PageResult) result).outcome())
                      .isIn(PageOutcome.STORED, PageOutcome.HIT, PageOutcome.MISS));
    }
    ProcessState.assertNothingAddedTo(before);
  }

  private static ErrorCode submitUntilRefused(
      HiCacheNixl store,
      List<String> keys,
      List<Tensor> pages,
      Queue<CompletableFuture<?>> futures,
      CountDownLatch running) {
    try {
      while (true) {
        futures.add(store.batchSetPagesAsync(keys, pages));
        futures.add(store.batchExistsPagesAsync(keys));
        running.countDown();
      }
    } catch (HiCacheException e) {
      return e.code();
    }
  }

  private void useOnce(String queue) throws Exception {
    try (HiCacheNixl store = open(queue)) {
      get(store.batchExistsPagesAsync(List.of("absent")));
    }
  }

  @Test(timeOut = 60_000)
  public void shouldTimeOutWhatIsInFlightWhenClosedWithoutWaiting() throws Exception {
    List<String> keys = new ArrayList<>();
    List<Tensor> pages = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      keys.add("page" + i);
      pages.add(Tensors.randomFloats(1 << 18));
    }
    HiCacheNixl store = open();
    List<CompletableFuture<List<PageResult>>> futures = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      futures.add(store.batchSetPagesAsync(keys, pages));
    }

    store.close(Duration.ZERO);

    for (CompletableFuture<List<PageResult>> future : futures) {
      assertThat(get(future))
          .extracting(PageResult::outcome)
          .isSubsetOf(PageOutcome.STORED, PageOutcome.TIMED_OUT);
    }
    try (HiCacheNixl again = open()) {
      for (int i = 0; i < keys.size(); i++) {
        Tensor target = Tensors.blankLike(pages.get(i));
        if (again.getPage(keys.get(i), target).isHit()) {
          Tensors.assertSame(target, pages.get(i));
        }
      }
    }
  }

  @Test(timeOut = 60_000)
  public void shouldCloseUnderCancelsWithoutLosingAFuture() throws Exception {
    Tensor page = Tensors.randomFloats(1 << 16);
    HiCacheNixl store = open();
    Queue<CompletableFuture<List<PageResult>>> futures = new ConcurrentLinkedQueue<>();
    FutureTask<ErrorCode> canceller =
        new FutureTask<>(
            () -> {
              try {
                while (true) {
                  futures.add(store.batchSetPagesAsync(List.of("a", "b"), List.of(page, page)));
                  futures.forEach(future -> future.cancel(true));
                }
              } catch (HiCacheException e) {
                return e.code();
              }
            });
    new Thread(canceller, "canceller").start();
    Thread.sleep(100);

    assertThat(store.close(Duration.ofSeconds(30))).isTrue();

    assertThat(get(canceller)).isEqualTo(ErrorCode.CLOSED);
    for (CompletableFuture<List<PageResult>> future : futures) {
      assertThat(get(future))
          .extracting(PageResult::outcome)
          .isSubsetOf(PageOutcome.STORED, PageOutcome.CANCELLED);
      assertThat(future.cancel(true)).isFalse();
    }
  }
}
