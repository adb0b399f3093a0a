// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.AsyncStoreTest.get;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.Test;

/** Set, get and exists at once on one store, from many threads, through futures. */
public class AsyncConcurrencyTest extends StoreFixture {
  private static final int THREADS = 8;
  private static final int KEYS = 12;

  /** Half of each thread's keys are there, the others are not: every result says which. */
  @Test(dataProvider = "queues", timeOut = 120_000)
  public void shouldGiveEachKeyItsOwnOutcomeWhenSetGetAndExistsRunAtOnce(String queue)
      throws Exception {
    try (HiCacheNixl store = open(queue)) {
      onManyThreads(
          thread -> {
            List<String> there = keys(thread, "there");
            List<String> all = new ArrayList<>(there);
            all.addAll(keys(thread, "absent"));
            for (int round = 0; round < 10; round++) {
              List<Tensor> pages = new ArrayList<>();
              for (int i = 0; i < KEYS; i++) {
                pages.add(Tensors.filled(ScalarType.Int, thread * 1000 + round * 16 + i, 700 + i));
              }
              assertThat(get(store.batchSetPagesAsync(there, pages)))
                  .extracting(PageResult::outcome)
                  .containsOnly(PageOutcome.STORED);
              List<Tensor> targets = new ArrayList<>();
              for (int i = 0; i < 2 * KEYS; i++) {
                targets.add(Tensors.blankLike(pages.get(i % KEYS)));
              }
              // All three are in flight at once; the set writes what is there already.
              CompletableFuture<List<PageResult>> got = store.batchGetPagesAsync(all, targets);
              CompletableFuture<List<PageResult>> found = store.batchExistsPagesAsync(all);
              CompletableFuture<List<PageResult>> set = store.batchSetPagesAsync(there, pages);
              for (CompletableFuture<List<PageResult>> each : List.of(got, found)) {
                List<PageResult> results = get(each);
                assertThat(results).extracting(PageResult::key).isEqualTo(all);
                for (int i = 0; i < 2 * KEYS; i++) {
                  assertThat(results.get(i).outcome())
                      .as("%s", results.get(i))
                      .isEqualTo(i < KEYS ? PageOutcome.HIT : PageOutcome.MISS);
                }
              }
              assertThat(get(set)).extracting(PageResult::outcome).containsOnly(PageOutcome.STORED);
              for (int i = 0; i < KEYS; i++) {
                Tensors.assertSame(targets.get(i), pages.get(i));
              }
            }
          });
    }
    assertPageFiles(THREADS * KEYS);
  }

  /** Each page has one byte all over: a torn page shows at once. */
  @Test(timeOut = 120_000)
  public void shouldNeverShowATornPageToGetsAmongSetsAndCancels() throws Exception {
    AtomicLong hits = new AtomicLong();
    List<String> shared = keys(0, "shared").subList(0, 3);
    try (HiCacheNixl store = open()) {
      onManyThreads(
          thread -> {
            for (int round = 0; round < 40; round++) {
              int value = (thread * 31 + round) & 0x7f;
              Tensor page = Tensors.filled(ScalarType.Byte, value, 9000);
              CompletableFuture<List<PageResult>> set =
                  store.batchSetPagesAsync(shared, List.of(page, page, page));
              Tensor target = Tensors.filled(ScalarType.Byte, 0, 9000);
              CompletableFuture<List<PageResult>> got =
                  store.batchGetPagesAsync(shared.subList(0, 1), List.of(target));
              if (round % 3 == 0) {
                set.cancel(true);
              }
              if (get(got).get(0).isHit()) {
                hits.incrementAndGet();
                byte[] bytes = Tensors.bytes(target);
                assertThat(bytes).containsOnly(bytes[0]);
              }
              assertThat(get(set))
                  .extracting(PageResult::outcome)
                  .isSubsetOf(PageOutcome.STORED, PageOutcome.CANCELLED);
            }
          });
    }
    assertThat(hits.get()).isPositive();
    assertPageFiles(3);
  }

  private static List<String> keys(int thread, String kind) {
    List<String> keys = new ArrayList<>();
    for (int i = 0; i < KEYS; i++) {
      keys.add(kind + "_" + thread + "_" + i);
    }
    return keys;
  }

  private interface Work {
    void of(int thread) throws Exception;
  }

  private static void onManyThreads(Work work) throws Exception {
    List<FutureTask<Void>> running = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      int thread = i;
      FutureTask<Void> task =
          new FutureTask<>(
              () -> {
                work.of(thread);
                return null;
              });
      new Thread(task, "worker" + i).start();
      running.add(task);
    }
    for (FutureTask<Void> task : running) {
      get(task);
    }
  }
}
