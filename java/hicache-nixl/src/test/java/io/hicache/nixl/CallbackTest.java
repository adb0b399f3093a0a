// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.AsyncStoreTest.get;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** Callbacks of futures: on which thread they run, and whom they may hold up. */
public class CallbackTest extends StoreFixture {
  private static final String OWN = "hicache-callback";

  /** The thread of a callback, of a future that is not complete when it gets the callback. */
  private static String threadOfACallback(HiCacheNixl store) throws Exception {
    List<String> keys = new ArrayList<>();
    for (int i = 0; i < 5000; i++) {
      keys.add("absent" + i);
    }
    CompletableFuture<List<PageResult>> future = store.batchExistsPagesAsync(keys);
    Thread caller = Thread.currentThread();
    CompletableFuture<String> thread =
        future.thenApply(
            results -> {
              assertThat(Thread.currentThread()).isNotSameAs(caller);
              return Thread.currentThread().getName();
            });
    return get(thread);
  }

  @Test(timeOut = 60_000)
  public void shouldRunCallbacksOnThreadsOfTheirOwn() throws Exception {
    try (HiCacheNixl store = open()) {
      assertThat(threadOfACallback(store)).isEqualTo(OWN);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldRunCallbacksOnTheExecutorOfTheCaller() throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor(r -> new Thread(r, "mine"));
    try (HiCacheNixl store = HiCacheNixl.open(config().completionExecutor(executor).build())) {
      assertThat(threadOfACallback(store)).isEqualTo("mine");
    } finally {
      executor.shutdownNow();
    }
  }

  @DataProvider
  public Object[][] executorsThatDoNotTakeTheCompletionAway() {
    Executor refusing =
        completion -> {
          throw new RejectedExecutionException("full");
        };
    Executor failing =
        completion -> {
          throw new OutOfMemoryError("no thread");
        };
    Executor direct = Runnable::run;
    return new Object[][] {{"refusing", refusing}, {"failing", failing}, {"direct", direct}};
  }

  @Test(dataProvider = "executorsThatDoNotTakeTheCompletionAway", timeOut = 60_000)
  public void shouldNeverRunACallbackOnTheThreadThatSettlesBatches(String kind, Executor executor)
      throws Exception {
    try (HiCacheNixl store = HiCacheNixl.open(config().completionExecutor(executor).build())) {
      assertThat(threadOfACallback(store)).isEqualTo(OWN);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldHoldUpNoOtherBatchWhenCallbacksBlockForEver() throws Exception {
    int blocked = 4 * Runtime.getRuntime().availableProcessors();
    CountDownLatch forEver = new CountDownLatch(1);
    CountDownLatch inside = new CountDownLatch(blocked);
    Tensor page = Tensors.randomFloats(1000);
    Executor whoeverCompletes = onOthersThan(Thread.currentThread());
    try (HiCacheNixl store = open()) {
      List<CompletableFuture<Void>> callbacks = new ArrayList<>();
      for (int i = 0; i < blocked; i++) {
        callbacks.add(
            store
                .batchSetPagesAsync(List.of("page" + i), List.of(page))
                .thenAcceptAsync(
                    results -> {
                      inside.countDown();
                      awaitForEver(forEver);
                    },
                    whoeverCompletes));
      }
      inside.await();

      assertThat(get(store.batchExistsPagesAsync(List.of("page0"))).get(0).isHit()).isTrue();
      Tensor target = Tensors.blankLike(page);
      assertThat(get(store.batchGetPagesAsync(List.of("page1"), List.of(target))).get(0).isHit())
          .isTrue();
      Tensors.assertSame(target, page);
      assertThat(store.set("beside", page)).isTrue();
      assertCleared(store.clear(), blocked + 1);

      forEver.countDown();
      for (CompletableFuture<Void> callback : callbacks) {
        get(callback);
      }
    }
  }

  /**
   * Runs at once, but not on this thread, where the callback of a future lands that is complete.
   */
  private static Executor onOthersThan(Thread thread) {
    return callback -> {
      if (Thread.currentThread() == thread) {
        new Thread(callback).start();
      } else {
        callback.run();
      }
    };
  }

  private static void awaitForEver(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldLetACallbackCallTheStoreAndEvenCloseIt() throws Exception {
    Tensor page = Tensors.randomFloats(1000);
    HiCacheNixl store = open();
    CompletableFuture<Tensor> read =
        store
            .batchSetPagesAsync(List.of("page"), List.of(page))
            .thenCompose(set -> store.batchExistsPagesAsync(List.of("page")))
            .thenApply(found -> store.get("page", Tensors.blankLike(page)))
            .whenComplete((tensor, error) -> store.close());
    Tensors.assertSame(get(read), page);
    refused(ErrorCode.CLOSED, () -> store.exists("page"));
  }

  @Test(timeOut = 60_000)
  public void shouldSurviveCallbacksThatThrow() throws Exception {
    AtomicInteger thrown = new AtomicInteger();
    try (HiCacheNixl store = open()) {
      for (int i = 0; i < 100; i++) {
        CompletableFuture<List<PageResult>> future = store.batchExistsPagesAsync(List.of("absent"));
        future.whenComplete(
            (results, error) -> {
              thrown.incrementAndGet();
              throw new AssertionError("from a callback");
            });
        assertThat(get(future).get(0).outcome()).isEqualTo(PageOutcome.MISS);
      }
    }
    assertThat(thrown.get()).isPositive();
  }

  @Test(timeOut = 60_000)
  public void shouldLeaveNoThreadBehind() throws Exception {
    useCallbacks();
    ProcessState before = ProcessState.now();
    for (int i = 0; i < 5; i++) {
      useCallbacks();
    }
    ProcessState.assertNothingAddedTo(before);
  }

  private void useCallbacks() throws Exception {
    try (HiCacheNixl store = open()) {
      List<CompletableFuture<?>> futures = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        futures.add(store.batchExistsPagesAsync(List.of("absent")));
      }
      get(CompletableFuture.allOf(futures.toArray(CompletableFuture<?>[]::new)));
    }
  }
}
