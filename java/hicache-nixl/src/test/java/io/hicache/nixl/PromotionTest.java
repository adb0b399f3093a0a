// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/**
 * A page that comes up never takes the place of a newer one, and none comes back after a delete.
 */
public class PromotionTest extends TierFixture {

  /** A get that is told about only when the test has done something else. */
  private Future<Tensor> heldGet(HiCacheNixl store, Tensor like, CountDownLatch gate)
      throws InterruptedException {
    lower.getGate = gate;
    long before = lower.count(Operation.GET);
    ExecutorService thread = Executors.newSingleThreadExecutor();
    Future<Tensor> get = thread.submit(() -> store.get("page", Tensors.blankLike(like)));
    thread.shutdown();
    await("it is being read below", () -> lower.count(Operation.GET) > before);
    return get;
  }

  private void setBelow(Tensor page) {
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.set("page", page)).isTrue();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldNotAddAPageThatWasSetWhileItWasRead() throws Exception {
    Tensor older = Tensors.randomFloats(600);
    Tensor newer = Tensors.randomFloats(600);
    setBelow(older);
    try (HiCacheNixl store = openFaulty(tiers())) {
      CountDownLatch gate = new CountDownLatch(1);
      Future<Tensor> get = heldGet(store, older, gate);
      assertThat(store.set("page", newer)).isTrue();
      try (HiCacheNixl local = openTier(0)) {
        assertThat(local.delete("page")).as("evicted before the promotion").isTrue();
      }
      gate.countDown();
      Tensors.assertSame(get.get(20, TimeUnit.SECONDS), older);
      await("skipped", () -> report(store).pages().promotionSkipped() == 1);
      assertThat(report(store).pages().promoted()).isZero();
      awaitWritten(store);
      // It may have been written to the lower tier before it was gone.
      Tensor target = Tensors.blankLike(newer);
      if (store.getPage("page", target).isHit()) {
        Tensors.assertSame(target, newer);
      }
    }
  }

  @Test(timeOut = 60_000)
  public void shouldNotBringBackAPageThatWasDeletedWhileItWasRead() throws Exception {
    Tensor page = Tensors.randomFloats(600);
    setBelow(page);
    try (HiCacheNixl store = openFaulty(tiers())) {
      CountDownLatch gate = new CountDownLatch(1);
      Future<Tensor> get = heldGet(store, page, gate);
      assertThat(store.delete("page")).isTrue();
      gate.countDown();
      Tensors.assertSame(get.get(20, TimeUnit.SECONDS), page);
      await("skipped", () -> report(store).pages().promotionSkipped() == 1);
      assertOutcome(store, "page", page, PageOutcome.MISS);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldNotBringBackWhatAClearRemovedWhileItWasRead() throws Exception {
    Tensor page = Tensors.randomFloats(600);
    setBelow(page);
    try (HiCacheNixl store = openFaulty(tiers())) {
      CountDownLatch gate = new CountDownLatch(1);
      Future<Tensor> get = heldGet(store, page, gate);
      assertThat(store.clear()).isEqualTo(1);
      gate.countDown();
      assertThat(get.get(20, TimeUnit.SECONDS)).isNotNull();
      await("skipped", () -> report(store).pages().promotionSkipped() == 1);
      assertOutcome(store, "page", page, PageOutcome.MISS);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldSkipWhatFindsNoMemoryAndServeItAllTheSame() throws Exception {
    int count = 40;
    List<String> keys = keys(count);
    List<Tensor> pages = pages(count, 1 << 20); // 160 MiB, more than may wait to be added
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.batchSet(keys, pages)).isTrue();
    }
    try (HiCacheNixl store = openFaulty(tiers())) {
      CountDownLatch allAreRead = new CountDownLatch(1);
      local.setGate = allAreRead;
      assertHas(store, keys, pages);
      allAreRead.countDown();
      await(
          "all are done with",
          () -> {
            TierReport.Pages done = report(store).pages();
            return done.promoted() + done.promotionSkipped() == count;
          });
      assertThat(report(store).pages().promotionSkipped()).isPositive();
      assertThat(report(store).pages().promoted()).isPositive();
      assertHas(store, keys, pages);
    }
  }

  /** The promotion has found its page current, and adds it only after the set and the eviction. */
  @Test(dataProvider = "writes", timeOut = 60_000)
  public void shouldNotLeaveAnOlderPageWhereTheNewOneIsEvictedAtOnce(String write)
      throws Exception {
    Tensor older = Tensors.randomFloats(600);
    Tensor newer = Tensors.randomFloats(600);
    setBelow(older);
    try (HiCacheNixl store = openFaulty(tiers().tierWrite(write));
        HiCacheNixl evictor = openTier(0)) {
      CountDownLatch gate = new CountDownLatch(1);
      local.setGate = gate;
      assertThat(store.getPage("page", Tensors.blankLike(older)).isHit()).isTrue();
      await("the promotion is adding it", () -> local.count(Operation.SET) == 1);
      local.setGate = null;
      ExecutorService threads = Executors.newCachedThreadPool();
      Future<Boolean> set = threads.submit(() -> store.set("page", newer));
      await("the new page is there", () -> evictor.exists("page"));
      assertThat(evictor.delete("page")).isTrue();
      gate.countDown();
      assertThat(set.get(20, TimeUnit.SECONDS)).isTrue();
      threads.shutdown();
      Tensor target = Tensors.blankLike(newer);
      if (store.getPage("page", target).isHit()) {
        Tensors.assertSame(target, newer);
      }
      awaitWritten(store);
      if (store.getPage("page", target).isHit()) {
        Tensors.assertSame(target, newer);
      }
    }
  }

  @DataProvider
  public Object[][] writes() {
    return new Object[][] {{"back"}, {"through"}};
  }

  /**
   * Each key has one writer, whose sets and deletes are in order: a reader that begins after a set
   * has returned must not see an older value, and none after a delete.
   */
  @Test(dataProvider = "writes", timeOut = 120_000, invocationCount = 2)
  public void shouldNeverShowAnOlderPageUnderSetsDeletesAndEvictions(String write)
      throws Exception {
    int keyCount = 6;
    Map<String, Integer> newest = new ConcurrentHashMap<>();
    long seed = Tensors.random().nextLong();
    System.out.println("seed " + seed);
    try (HiCacheNixl store = openFaulty(tiers().tierWrite(write));
        HiCacheNixl local = openTier(0)) {
      ExecutorService threads = Executors.newCachedThreadPool();
      List<Future<?>> done = new ArrayList<>();
      for (int k = 0; k < keyCount; k++) {
        String key = "key" + k;
        Random random = new Random(seed + k);
        done.add(
            threads.submit(
                () -> {
                  for (int version = 1; version <= 60; version++) {
                    newest.put(key, -version); // under way: anything of before may be seen
                    if (random.nextInt(4) == 0) {
                      store.delete(key);
                      newest.put(key, 0);
                    } else {
                      assertThat(store.set(key, Tensors.filled(ScalarType.Byte, version, 5000)))
                          .isTrue();
                      newest.put(key, version);
                    }
                    check(store, key, newest.get(key));
                    if (random.nextInt(3) == 0) {
                      local.delete(key); // as an eviction by another process
                      check(store, key, newest.get(key));
                      check(store, key, newest.get(key));
                    }
                  }
                  return null;
                }));
      }
      for (Future<?> one : done) {
        one.get();
      }
      threads.shutdown();
      awaitWritten(store);
      newest.forEach((key, version) -> check(store, key, version));
      assertThat(report(store).pages().writtenBack() > 0).isEqualTo(write.equals("back"));
    }
  }

  private static void check(HiCacheNixl store, String key, int newest) {
    Tensor target = Tensors.filled(ScalarType.Byte, 0x7f, 5000);
    PageResult result = store.getPage(key, target);
    assertThat(result.outcome()).as("%s", result.cause()).isIn(PageOutcome.HIT, PageOutcome.MISS);
    if (result.isHit()) {
      assertThat(Tensors.bytes(target)).as(key).containsOnly(newest);
    }
  }
}
