// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.StoreFixture.refused;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.testng.annotations.AfterClass;
import org.testng.annotations.Test;

/** Room in flight: bounded, given in the order of arrival, never lost. */
public class InFlightBudgetTest {
  private static final long LONG = TimeUnit.MINUTES.toNanos(1);

  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterClass
  public void endThreads() {
    threads.shutdownNow();
  }

  /** A caller that waits for room, and is seen in the queue before this returns. */
  private Future<Long> waiter(InFlightBudget budget, long bytes, long timeoutNanos)
      throws InterruptedException {
    int before = budget.waiting();
    Future<Long> waiter = threads.submit(() -> budget.acquire(bytes, timeoutNanos));
    while (budget.waiting() == before && !waiter.isDone()) {
      Thread.sleep(1);
    }
    return waiter;
  }

  @Test(timeOut = 60_000)
  public void shouldGiveRoomUpToTheBoundAndMakeTheRestWait() throws Exception {
    InFlightBudget budget = new InFlightBudget(100);
    assertThat(budget.acquire(60, LONG)).isEqualTo(LONG);
    assertThat(budget.acquire(40, LONG)).isEqualTo(LONG);
    Future<Long> third = waiter(budget, 1, LONG);
    assertThat(third.isDone()).isFalse();
    assertThat(budget.acquire(0, 5)).as("what has no bytes never waits").isEqualTo(5);

    budget.release(40);

    assertThat(third.get()).isPositive().isLessThanOrEqualTo(LONG);
    assertThat(budget.used()).isEqualTo(61);
  }

  @Test(timeOut = 60_000)
  public void shouldServeInTheOrderOfArrivalSoThatALargeOneIsNotStarved() throws Exception {
    InFlightBudget budget = new InFlightBudget(100);
    budget.acquire(50, LONG);
    budget.acquire(50, LONG);
    Future<Long> large = waiter(budget, 100, LONG);
    Future<Long> small = waiter(budget, 1, LONG);

    budget.release(50);

    assertThat(budget.waiting()).as("a small one does not overtake").isEqualTo(2);
    budget.release(50);
    assertThat(large.get()).isPositive();
    assertThat(budget.waiting()).isEqualTo(1);
    budget.release(100);
    assertThat(small.get()).isPositive();
    assertThat(budget.used()).isEqualTo(1);
  }

  @Test(timeOut = 60_000)
  public void shouldAdmitOneThatIsLargerThanTheBoundAlone() throws Exception {
    InFlightBudget budget = new InFlightBudget(100);
    budget.acquire(1, LONG);
    Future<Long> huge = waiter(budget, Long.MAX_VALUE, LONG);
    assertThat(huge.isDone()).isFalse();
    budget.release(1);
    assertThat(huge.get()).isPositive();
    Future<Long> beside = waiter(budget, 1, LONG);
    assertThat(beside.isDone()).isFalse();
    budget.release(Long.MAX_VALUE);
    assertThat(beside.get()).isPositive();
    assertThat(budget.used()).isEqualTo(1);
  }

  @Test(timeOut = 60_000)
  public void shouldGiveUpWhenTimeRunsOutAndLetTheNextOneIn() throws Exception {
    InFlightBudget budget = new InFlightBudget(100);
    budget.acquire(90, LONG);
    Future<Long> large = waiter(budget, 50, TimeUnit.MILLISECONDS.toNanos(300));
    Future<Long> small = waiter(budget, 10, LONG);
    assertThat(large.get()).isZero();
    assertThat(small.get()).as("it fits once the one before is gone").isPositive();
    assertThat(budget.waiting()).isZero();
    assertThat(budget.acquire(1, 1)).isZero();
    budget.release(90);
    budget.release(10);
    assertThat(budget.used()).isZero();
  }

  @Test(timeOut = 60_000)
  public void shouldRefuseWhoWaitsAndWhoComesLaterOnceClosed() throws Exception {
    InFlightBudget budget = new InFlightBudget(100);
    budget.acquire(100, LONG);
    List<Future<Long>> waiters = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      waiters.add(waiter(budget, 100, LONG));
    }
    budget.close();
    for (Future<Long> waiter : waiters) {
      refused(
          ErrorCode.CLOSED,
          () -> {
            try {
              waiter.get();
            } catch (ExecutionException e) {
              throw e.getCause();
            }
          });
    }
    refused(ErrorCode.CLOSED, () -> budget.acquire(1, LONG));
    budget.release(100);
    assertThat(budget.used()).isZero();
    assertThat(budget.waiting()).isZero();
  }

  @Test(timeOut = 60_000)
  public void shouldWaitThroughAnInterruptAndHandItOn() throws Exception {
    InFlightBudget budget = new InFlightBudget(1);
    budget.acquire(1, LONG);
    CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
    Thread waiter =
        new Thread(
            () -> {
              budget.acquire(1, LONG);
              interrupted.complete(Thread.currentThread().isInterrupted());
            });
    waiter.start();
    while (budget.waiting() == 0) {
      Thread.sleep(1);
    }
    waiter.interrupt();
    Thread.sleep(20);
    assertThat(interrupted).isNotDone();
    budget.release(1);
    assertThat(interrupted.get(30, TimeUnit.SECONDS)).isTrue();
  }

  @Test(timeOut = 120_000)
  public void shouldNeverExceedTheBoundNorLoseRoomUnderManyThreads() throws Exception {
    long limit = 64;
    InFlightBudget budget = new InFlightBudget(limit);
    AtomicLong taken = new AtomicLong();
    AtomicLong timedOut = new AtomicLong();
    long seed = Tensors.random().nextLong();
    List<Future<?>> workers = new ArrayList<>();
    for (int t = 0; t < 8; t++) {
      Random random = new Random(seed + t);
      workers.add(
          threads.submit(
              () -> {
                for (int i = 0; i < 3000; i++) {
                  long bytes = 1 + random.nextInt(80); // some are larger than the bound
                  if (budget.acquire(bytes, random.nextInt(200_000)) == 0) {
                    timedOut.incrementAndGet();
                    continue;
                  }
                  long now = taken.addAndGet(bytes);
                  assertThat(now).isLessThanOrEqualTo(Math.max(limit, bytes));
                  Thread.yield();
                  taken.addAndGet(-bytes);
                  budget.release(bytes);
                }
                return null;
              }));
    }
    for (Future<?> worker : workers) {
      worker.get();
    }
    assertThat(timedOut.get()).as("time-outs were part of it").isPositive();
    assertThat(budget.used()).isZero();
    assertThat(budget.waiting()).isZero();
  }
}
