// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.AsyncStoreTest.get;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.Test;

/** Calls that find no room in flight: they wait, they time out, they lose nothing. */
public class BackPressureTest extends StoreFixture {
  private static final long BOUND = 100_000;
  private static final long LONG = TimeUnit.MINUTES.toNanos(1);

  private NativeStore store;
  private PageCalls calls;
  private final Tensor page = Tensors.random(ScalarType.Byte, 4096);

  @BeforeMethod
  public void openStore() {
    store = NativeStore.open(config().build().toSettings(), BOUND, null);
    calls = new PageCalls(this, store, 20_000);
  }

  @AfterMethod(alwaysRun = true)
  public void closeStore() {
    store.close(Duration.ofSeconds(10));
  }

  private PageBatch set(String... keys) {
    return PageBatch.of(
        Operation.SET, List.of(keys), (i, subject) -> TensorDescriptor.of(page, subject), null);
  }

  private CompletableFuture<List<PageResult>> onAnotherThread(PageBatch batch)
      throws InterruptedException {
    int before = store.budget().waiting();
    CompletableFuture<List<PageResult>> call =
        CompletableFuture.supplyAsync(() -> calls.run(batch));
    while (store.budget().waiting() == before && !call.isDone()) {
      Thread.sleep(1);
    }
    return call;
  }

  @Test(timeOut = 60_000)
  public void shouldWaitForRoomAndThenGoOn() throws Exception {
    store.budget().acquire(BOUND, LONG);
    CompletableFuture<List<PageResult>> waiting = onAnotherThread(set("a", "b"));
    assertThat(waiting).isNotDone();
    PageBatch exists = PageBatch.of(Operation.EXISTS, List.of("a"), null, null);
    assertThat(calls.run(exists).get(0).outcome())
        .as("what moves no bytes does not wait, and nothing is stored yet")
        .isEqualTo(PageOutcome.MISS);

    store.budget().release(BOUND);

    assertThat(get(waiting)).extracting(PageResult::outcome).containsOnly(PageOutcome.STORED);
    assertThat(store.budget().used()).isZero();
  }

  @Test(timeOut = 60_000)
  public void shouldTimeOutEveryEntryWhenNoRoomComesAndSayWhy() throws Exception {
    PageCalls impatient = new PageCalls(this, store, 50);
    store.budget().acquire(BOUND, LONG);
    List<PageResult> blocking = impatient.run(set("a", "b"));
    List<PageResult> async = get(impatient.start(set("a", "b"), results -> results));
    for (List<PageResult> results : List.of(blocking, async)) {
      assertThat(results)
          .hasSize(2)
          .extracting(PageResult::outcome)
          .containsOnly(PageOutcome.TIMED_OUT);
      assertThat(results.get(1).cause().code()).isEqualTo(ErrorCode.TIMEOUT);
      assertThat(results.get(1).cause())
          .hasMessageContainingAll(
              "set 'b'",
              "50 ms",
              "8192 bytes",
              "max_in_flight_bytes = 100000",
              "nothing was started");
    }
    store.budget().release(BOUND);
    assertThat(store.budget().used()).isZero();
    PageBatch exists = PageBatch.of(Operation.EXISTS, List.of("a"), null, null);
    assertThat(calls.run(exists).get(0).outcome()).isEqualTo(PageOutcome.MISS);
  }

  @Test(timeOut = 60_000)
  public void shouldSpendOneTimeoutOnTheWaitAndTheBatchTogether() throws Exception {
    PageCalls brief = new PageCalls(this, store, 1500);
    store.budget().acquire(BOUND, LONG);
    CompletableFuture<List<PageResult>> waiting =
        CompletableFuture.supplyAsync(() -> brief.run(set("a")));
    while (store.budget().waiting() == 0) {
      Thread.sleep(1);
    }
    Thread.sleep(200);
    store.budget().release(BOUND);
    assertThat(get(waiting)).extracting(PageResult::outcome).containsOnly(PageOutcome.STORED);
  }

  @Test(timeOut = 60_000)
  public void shouldAdmitABatchThatIsLargerThanTheBound() throws Exception {
    List<String> keys = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      keys.add("page" + i);
    }
    List<PageResult> results = calls.run(set(keys.toArray(String[]::new)));
    assertThat(results).extracting(PageResult::outcome).containsOnly(PageOutcome.STORED);
    assertThat(store.budget().used()).isZero();
  }

  @Test(timeOut = 60_000)
  public void shouldWakeWhoWaitsForRoomWhenTheStoreCloses() throws Exception {
    store.budget().acquire(BOUND, LONG);
    CompletableFuture<List<PageResult>> first = onAnotherThread(set("a"));
    CompletableFuture<List<PageResult>> second = onAnotherThread(set("b"));
    assertThat(store.close(Duration.ofSeconds(10))).isTrue();
    for (CompletableFuture<List<PageResult>> waiter : List.of(first, second)) {
      refused(
          ErrorCode.CLOSED,
          () -> {
            try {
              get(waiter);
            } catch (ExecutionException e) {
              throw e.getCause();
            }
          });
    }
    store.budget().release(BOUND);
    assertThat(store.budget().used()).isZero();
  }

  @Test(timeOut = 120_000)
  public void shouldGiveBackAllRoomAfterFailuresCancelsAndTimeOuts() throws Exception {
    PageBatch.Memory memory = (i, subject) -> TensorDescriptor.of(page, subject);
    PageCalls impatient = new PageCalls(this, store, 1);
    for (int round = 0; round < 50; round++) {
      List<String> keys = List.of("a" + round, "b", "c", "b");
      CompletableFuture<List<PageResult>> cancelled =
          calls.manyAsync(Operation.SET, keys, memory, null);
      cancelled.cancel(true);
      impatient.run(PageBatch.of(Operation.SET, keys, memory, null));
      calls.run(PageBatch.of(Operation.GET, List.of("", "absent"), memory, null));
      PageBatch wrongLength =
          PageBatch.of(
              Operation.GET,
              List.of("b"),
              (i, subject) -> TensorDescriptor.of(Tensors.address(page), 100, subject),
              null);
      assertThat(calls.run(wrongLength).get(0).outcome())
          .isIn(PageOutcome.FAILED, PageOutcome.MISS);
      get(cancelled);
      awaitAllRoom();
    }
    store.close(Duration.ofSeconds(10));
    refused(ErrorCode.CLOSED, () -> calls.run(set("late")));
    assertThat(store.budget().used()).isZero();
  }

  /** What timed out or was cancelled is released when it has drained; then its lanes end. */
  private void awaitAllRoom() throws InterruptedException {
    for (int i = 0; i < 2000 && (store.budget().used() != 0 || lanesInQuarantine() > 0); i++) {
      Thread.sleep(5);
    }
    assertThat(store.budget().used()).isZero();
    assertThat(lanesInQuarantine()).isZero();
  }

  private long lanesInQuarantine() {
    return store.describe().number("lanes_in_quarantine");
  }
}
