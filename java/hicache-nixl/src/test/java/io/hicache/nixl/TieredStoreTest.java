// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** Two tiers answer as one store: sets go down, gets come up, removals reach both. */
public class TieredStoreTest extends TierFixture {

  @DataProvider
  public Object[][] writes() {
    return new Object[][] {{"back"}, {"through"}};
  }

  @Test(dataProvider = "writes", timeOut = 60_000)
  public void shouldHavePagesInBothTiersWithDtypeAndShape(String write) throws Exception {
    Tensor page = Tensors.random(ScalarType.BFloat16, 3, 5, 700);
    byte[] bytes = new byte[0];
    try (HiCacheNixl store = HiCacheNixl.open(tiers().tierWrite(write).build())) {
      assertThat(store.set("page", page)).isTrue();
      assertThat(store.set("none", Tensors.random(ScalarType.Int, 0, 7))).isTrue();
      awaitWritten(store);
      assertThat(report(store).pages().writtenBack()).isEqualTo(write.equals("back") ? 2 : 0);
      bytes = Tensors.bytes(page);
    }
    for (int tier : new int[] {0, 1}) {
      try (HiCacheNixl one = openTier(tier)) {
        Tensor target = Tensors.blankLike(page);
        assertThat(one.getPage("page", target).verified()).isTrue();
        assertThat(Tensors.bytes(target)).isEqualTo(bytes);
        PageInfo info = one.directory().find("page").orElseThrow();
        assertThat(info.dtype()).contains("BFloat16");
        assertThat(info.shape()).containsExactly(3L, 5L, 700L);
        assertThat(one.directory().find("none").orElseThrow().shape()).containsExactly(0L, 7L);
      }
    }
  }

  @Test(timeOut = 60_000)
  public void shouldBeInTheLowerTierBeforeASetThroughReturns() {
    List<String> keys = keys(40);
    List<Tensor> pages = pages(40, 2000);
    try (HiCacheNixl store = HiCacheNixl.open(tiers().tierWrite("through").build())) {
      assertThat(store.batchSet(keys, pages)).isTrue();
      try (HiCacheNixl below = openTier(1)) {
        assertHas(below, keys, pages);
      }
    }
  }

  @Test(timeOut = 60_000)
  public void shouldReadFromBelowWhatIsNotLocalAndPromoteItOnce() throws Exception {
    List<String> keys = keys(6);
    List<Tensor> pages = pages(6, 3000);
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.batchSet(keys.subList(0, 4), pages.subList(0, 4))).isTrue();
    }
    try (HiCacheNixl store = openFaulty(tiers())) {
      assertThat(store.batchSet(keys.subList(4, 5), pages.subList(4, 5))).isTrue();
      List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();
      List<PageResult> results = store.batchGetPages(keys, targets);
      for (int i = 0; i < 5; i++) {
        assertThat(results.get(i).isHit()).as("%s", results.get(i)).isTrue();
        Tensors.assertSame(targets.get(i), pages.get(i));
      }
      assertThat(results.get(5).outcome()).isEqualTo(PageOutcome.MISS);
      await("promoted", () -> report(store).pages().promoted() == 4);
      assertThat(report(store).pages().lowerHits()).isEqualTo(4);
      awaitWritten(store);
      lower.failure = FaultyStore.unavailable();
      assertHas(store, keys.subList(0, 5), pages.subList(0, 5));
    }
    try (HiCacheNixl local = openTier(0)) {
      PageInfo info = local.directory().find("key0").orElseThrow();
      assertThat(info.dtype()).contains("Float");
      assertThat(info.shape()).containsExactly(2L, 1500L);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldNotPromoteWhereThatIsSwitchedOff() {
    Tensor page = Tensors.randomFloats(500);
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.set("page", page)).isTrue();
    }
    try (HiCacheNixl store = HiCacheNixl.open(tiers().tierPromote(false).build())) {
      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
    }
    try (HiCacheNixl local = openTier(0)) {
      assertThat(local.exists("page")).isFalse();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldPromotePagesOfAPoolInAllTheirFiles() throws Exception {
    HiCacheConfig config = tiers().useDirectIo(false).build(); // so that K and V are files
    long[] first = Pools.tokens(0);
    try (HostKVCache pool = Pools.small();
        HostKVCache target = Pools.small()) {
      Pools.fill(pool);
      byte[] page = Pools.bytes(pool.getPageBufferMeta(first), 0);
      try (HiCacheNixl below = HiCacheNixl.open(config.tier(1))) {
        below.registerMemPoolHost(pool);
        assertThat(below.batchSetV1(List.of("a"), first)).containsOnly(true);
      }
      try (HiCacheNixl store = HiCacheNixl.open(config)) {
        store.registerMemPoolHost(target);
        assertThat(store.batchExists(List.of("a", "b"))).isEqualTo(1);
        assertThat(store.batchGetV1(List.of("a"), first)).containsOnly(true);
        assertThat(Pools.bytes(target.getPageBufferMeta(first), 0)).isEqualTo(page);
        await("promoted", () -> report(store).pages().promoted() == 2);
      }
      try (HiCacheNixl local = HiCacheNixl.open(config.tier(0))) {
        local.registerMemPoolHost(target);
        assertThat(local.batchExists(List.of("a"))).isEqualTo(1);
        assertThat(local.batchSetPagesV1(List.of("a"), first))
            .as("the same bytes, dtype and shape")
            .extracting(PageResult::outcome)
            .containsExactly(PageOutcome.SKIPPED);
      }
    }
  }

  @Test(dataProvider = "writes", timeOut = 60_000)
  public void shouldDeleteAndClearInBothTiers(String write) throws Exception {
    List<String> keys = keys(5);
    List<Tensor> pages = pages(5, 500);
    try (HiCacheNixl store = HiCacheNixl.open(tiers().tierWrite(write).build())) {
      assertThat(store.batchSet(keys, pages)).isTrue();
      awaitWritten(store);
      assertThat(store.delete("key0")).isTrue();
      assertThat(store.delete("key0")).isFalse();
      assertOutcome(store, "key0", pages.get(0), PageOutcome.MISS);
      assertThat(store.batchExists(keys)).isZero();
      assertThat(store.clear()).as("a copy in each tier").isEqualTo(8);
      keys.forEach(key -> assertOutcome(store, key, pages.get(0), PageOutcome.MISS));
    }
    for (int tier : new int[] {0, 1}) {
      try (HiCacheNixl one = openTier(tier)) {
        assertThat(one.batchExistsPages(keys)).noneMatch(PageResult::isHit);
      }
    }
  }

  @Test(timeOut = 60_000)
  public void shouldAnswerLookUpsOverBothTiersAndAskBelowOnlyForWhatIsNotLocal() throws Exception {
    List<String> keys = keys(6);
    List<Tensor> pages = pages(6, 100);
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.set("key1", pages.get(1))).isTrue();
      assertThat(below.set("key3", pages.get(3))).isTrue();
    }
    try (HiCacheNixl store = openFaulty(tiers())) {
      for (int i : new int[] {0, 2, 5}) {
        assertThat(store.set(keys.get(i), pages.get(i))).isTrue();
      }
      awaitWritten(store);
      assertThat(store.batchExistsPages(keys))
          .extracting(PageResult::isHit)
          .containsExactly(true, true, true, true, false, true);
      assertThat(lower.lookedUp).containsExactly("key1", "key3", "key4");
      lower.lookedUp.clear();
      assertThat(store.batchExists(keys)).isEqualTo(4);
      assertThat(store.exists("key3")).isTrue();
      assertThat(store.exists("key4")).isFalse();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldNotLookUpBehindTheFirstGapWhenOnlyThePrefixIsAskedFor() {
    List<String> keys = keys(400);
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.set("key0", Tensors.randomFloats(4))).isTrue();
    }
    try (HiCacheNixl store = openFaulty(tiers())) {
      assertThat(store.batchExists(keys)).isEqualTo(1);
      assertThat(lower.lookedUp).hasSize(32);
      lower.lookedUp.clear();
      assertThat(store.batchExistsPages(keys).stream().filter(PageResult::isHit)).hasSize(1);
      assertThat(lower.lookedUp).hasSize(400);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldListLocalPagesThenThoseOfTheLowerTierThatAreNotLocal() throws Exception {
    Tensor page = Tensors.randomFloats(100);
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.batchSet(List.of("below", "both"), List.of(page, page))).isTrue();
    }
    try (HiCacheNixl store = HiCacheNixl.open(tiers().build())) {
      assertThat(store.batchSet(List.of("both", "local"), List.of(page, page))).isTrue();
      awaitWritten(store);
      List<PageInfo> listed = new ArrayList<>();
      store.directory().forEach(listed::add);
      assertThat(listed)
          .extracting(PageInfo::key)
          .containsExactlyInAnyOrder("both", "local", "below");
      assertThat(listed.get(2).key()).isEqualTo("below");
      assertThat(store.directory().find("below")).contains(listed.get(2));
      assertThat(store.directory().path("below").startsWith(lowerDir())).isTrue();
      assertThat(store.directory().path("local").startsWith(localDir())).isTrue();
      for (PageInfo info : listed) {
        assertThat(store.directory().remove(info)).as(info.key()).isTrue();
        assertThat(store.exists(info.key())).as(info.key()).isFalse();
        assertThat(store.directory().remove(info)).as(info.key()).isFalse();
      }
    }
  }

  @Test(timeOut = 60_000)
  public void shouldRefuseEveryCallAfterCloseAndToCloseInsideAVisitor() {
    HiCacheNixl store = HiCacheNixl.open(tiers().build());
    assertThat(store.set("page", Tensors.randomFloats(4))).isTrue();
    refused(() -> store.directory().forEach(info -> store.close()));
    assertThat(store.exists("page")).isTrue();
    PageDirectory directory = store.directory();
    store.close();
    refused(ErrorCode.CLOSED, () -> directory.find("page"));
    refused(ErrorCode.CLOSED, () -> directory.forEach(info -> {}));
    refused(ErrorCode.CLOSED, store::describe);
    refused(ErrorCode.CLOSED, () -> store.exists("page"));
  }

  @Test(timeOut = 60_000)
  public void shouldGoOnBelowInFuturesAndCancelBothSteps() throws Exception {
    Tensor page = Tensors.randomFloats(3000);
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.set("below", page)).isTrue();
    }
    try (HiCacheNixl store = openFaulty(tiers())) {
      Tensor target = Tensors.blankLike(page);
      assertThat(
              store
                  .batchGetPagesAsync(List.of("below", "absent"), List.of(target, target))
                  .get(20, TimeUnit.SECONDS))
          .extracting(PageResult::outcome)
          .containsExactly(PageOutcome.HIT, PageOutcome.MISS);
      lower.hangs = true;
      Tensor other = Tensors.blankLike(page);
      var hanging = store.batchGetPagesAsync(List.of("absent"), List.of(other));
      await("the lower tier is asked", () -> lower.count(Operation.GET) == 2);
      assertThat(hanging).isNotDone();
      assertThat(hanging.cancel(true)).isTrue();
      assertThat(hanging.get(20, TimeUnit.SECONDS))
          .extracting(PageResult::outcome)
          .containsExactly(PageOutcome.CANCELLED);
      lower.hangs = false;
    }
  }

  @Test(timeOut = 60_000)
  public void shouldHaveOneDeadlineForBothSteps() throws Exception {
    Tensor page = Tensors.randomFloats(300);
    try (HiCacheNixl store = openFaulty(tiers().timeoutMillis(500))) {
      lower.hangs = true;
      PageResult late = store.getPage("absent", Tensors.blankLike(page));
      assertThat(late.outcome()).isEqualTo(PageOutcome.TIMED_OUT);
      assertThat(late.cause().code()).isEqualTo(ErrorCode.TIMEOUT);
      lower.hangs = false;
    }
  }

  @Test(timeOut = 60_000)
  public void shouldNotAskBelowForAPageThatIsLocalButDoesNotFitItsTarget() {
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.set("page", Tensors.randomFloats(10))).isTrue();
    }
    try (HiCacheNixl store = openFaulty(tiers())) {
      assertThat(store.set("page", Tensors.randomFloats(20))).isTrue();
      PageResult result = store.getPage("page", Tensors.randomFloats(10));
      assertThat(result.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(result.cause().code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);
      assertThat(lower.count(Operation.GET)).isZero();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldKeepAForgottenGateFromHoldingUpOthers() throws Exception {
    Tensor page = Tensors.randomFloats(300);
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.set("below", page)).isTrue();
    }
    try (HiCacheNixl store = openFaulty(tiers())) {
      CountDownLatch gate = new CountDownLatch(1);
      lower.getGate = gate;
      var slow = store.batchGetPagesAsync(List.of("below"), List.of(Tensors.blankLike(page)));
      await("the lower tier is asked", () -> lower.count(Operation.GET) == 1);
      for (int i = 0; i < 50; i++) {
        assertThat(store.set("key" + i, page)).isTrue();
        Tensors.assertSame(store.get("key" + i, Tensors.blankLike(page)), page);
      }
      assertThat(slow).isNotDone();
      gate.countDown();
      assertThat(slow.get(20, TimeUnit.SECONDS).get(0).isHit()).isTrue();
    }
  }
}
