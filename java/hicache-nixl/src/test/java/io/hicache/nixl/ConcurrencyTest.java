// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.Test;

/** Many threads on one store: each sees whole pages only. */
public class ConcurrencyTest extends StoreFixture {
  private static final int THREADS = 8;
  private static final int ROUNDS = 60;

  /** Each page has one byte all over, and that byte's length: a torn page shows at once. */
  @Test(dataProvider = "queues", timeOut = 120_000)
  public void shouldShowTheOldOrTheNewPageNeverATornOne(String queue) throws Exception {
    AtomicLong hits = new AtomicLong();
    try (HiCacheNixl store = open(queue)) {
      run(
          thread -> {
            Tensor target = Tensors.filled(ScalarType.Byte, 0, 9000);
            for (int round = 0; round < ROUNDS; round++) {
              String key = "shared" + round % 3;
              if ((thread + round) % 2 == 0) {
                int value = (thread * 31 + round) & 0x7f;
                PageResult set = store.setPage(key, Tensors.filled(ScalarType.Byte, value, 9000));
                assertThat(set.outcome()).as("%s", set.cause()).isEqualTo(PageOutcome.STORED);
              } else {
                PageResult get = store.getPage(key, target);
                assertThat(get.outcome())
                    .as("%s", get.cause())
                    .isIn(PageOutcome.HIT, PageOutcome.MISS);
                if (get.isHit()) {
                  hits.incrementAndGet();
                  byte[] bytes = Tensors.bytes(target);
                  assertThat(bytes).containsOnly(bytes[0]);
                }
              }
            }
          });
    }
    assertThat(hits.get()).isPositive();
    assertPageFiles(3);
  }

  @Test(timeOut = 120_000)
  public void shouldKeepThreadsWithTheirOwnKeysApart() throws Exception {
    try (HiCacheNixl store = open()) {
      run(
          thread -> {
            for (int round = 0; round < 20; round++) {
              List<String> keys = new ArrayList<>();
              List<Tensor> pages = new ArrayList<>();
              for (int i = 0; i < 16; i++) {
                keys.add(thread + "_" + i);
                pages.add(Tensors.filled(ScalarType.Int, thread * 16 + i, 100 + round));
              }
              assertThat(store.batchSet(keys, pages)).isTrue();
              List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();
              assertThat(store.batchGet(keys, targets)).doesNotContainNull();
              for (int i = 0; i < 16; i++) {
                Tensors.assertSame(targets.get(i), pages.get(i));
              }
            }
          });
    }
  }

  @Test(timeOut = 60_000)
  public void shouldFinishACallDespiteAnInterruptAndHandItOn() {
    Tensor page = Tensors.randomFloats(1000);
    try (HiCacheNixl store = open()) {
      Thread.currentThread().interrupt();
      assertThat(store.set("page", page)).isTrue();
      assertThat(Thread.interrupted()).isTrue();
      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
    }
  }

  private interface Work {
    void of(int thread) throws Exception;
  }

  private static void run(Work work) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    try {
      List<Callable<Void>> calls = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        int thread = i;
        calls.add(
            () -> {
              work.of(thread);
              return null;
            });
      }
      for (Future<Void> done : pool.invokeAll(calls)) {
        done.get();
      }
    } finally {
      pool.shutdownNow();
      assertThat(pool.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
    }
  }
}
