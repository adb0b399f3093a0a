// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** A storage that fails again and again is left alone for a while, and then tried again. */
@Test(groups = "obj")
public class ObjectBreakerTest extends ObjectFixture {
  private static final int FAILURES = 4;
  private final Tensor page = Tensors.randomFloats(1000);

  private HiCacheConfigBuilder tight() {
    return configOfProxy()
        .timeoutMillis(4_000)
        .retryAttempts(1)
        .breakerFailures(FAILURES)
        .closeTimeoutMillis(20_000);
  }

  private static StoreDescription.ObjectStorage objects(HiCacheNixl store) {
    return store.describe().objects().orElseThrow();
  }

  @DataProvider
  public Object[][] faults() {
    return new Object[][] {{Fault.STATUS_500}, {Fault.STATUS_403}, {Fault.RESET}, {Fault.DOWN}};
  }

  @Test(dataProvider = "faults", timeOut = 120_000)
  public void shouldOpenAfterFailuresInARowAndCloseAfterRecovery(Fault fault) throws Exception {
    try (HiCacheNixl store = HiCacheNixl.open(tight().breakerPauseMillis(2_000).build())) {
      assertThat(store.set("page", page)).isTrue();
      assertThat(objects(store).breaker()).isEqualTo("closed");
      assertThat(objects(store).breakerFailures()).isZero();
      assertThat(objects(store).breakerOpenings()).isZero();

      proxy.set(fault);
      int calls = 0;
      while (objects(store).breaker().equals("closed") && calls < 3 * FAILURES) {
        PageResult result = store.getPage("page", Tensors.blankLike(page));
        assertThat(result.outcome()).isIn(PageOutcome.FAILED, PageOutcome.TIMED_OUT);
        calls++;
      }
      assertThat(objects(store).breaker()).isEqualTo("open");
      assertThat(calls).isLessThanOrEqualTo(FAILURES);
      assertThat(objects(store).breakerOpenings()).isEqualTo(1);
      assertThat(objects(store).breakerFailures()).isGreaterThanOrEqualTo(FAILURES);
      assertThat(objects(store).failures()).isGreaterThanOrEqualTo(FAILURES);

      int requests = proxy.requests().size();
      List<PageResult> refused = new ArrayList<>();
      refused.add(store.getPage("page", Tensors.blankLike(page)));
      refused.add(store.setPage("page", page));
      refused.add(store.existsPage("page"));
      for (PageResult result : refused) {
        assertThat(result.outcome()).as(result.toString()).isEqualTo(PageOutcome.FAILED);
        assertThat(result.cause().code()).isEqualTo(ErrorCode.BACKEND_UNAVAILABLE);
        assertThat(result.cause()).hasMessageContaining(" ms").hasMessageContaining("breaker");
      }
      assertThat(proxy.requests()).as("nothing was asked meanwhile").hasSize(requests);

      proxy.set(Fault.NONE);
      Tensor target = Tensors.blankLike(page);
      for (int i = 0; i < 400 && !store.get("page", Tensors.address(target), 4000); i++) {
        Thread.sleep(50);
      }
      Tensors.assertSame(target, page);
      assertThat(objects(store).breaker()).isEqualTo("closed");
      assertThat(objects(store).breakerFailures()).isZero();
      assertThat(objects(store).breakerOpenings()).isEqualTo(1);
    }
  }

  @Test(timeOut = 120_000)
  public void shouldLetOneRequestThroughAndOpenAgainWhenItFails() throws Exception {
    try (HiCacheNixl store = HiCacheNixl.open(tight().breakerPauseMillis(500).build())) {
      assertThat(store.set("page", page)).isTrue();
      proxy.set(Fault.STATUS_403);
      while (!objects(store).breaker().equals("open")) {
        store.getPage("page", Tensors.blankLike(page));
      }
      long failures = objects(store).failures();
      for (int i = 0; i < 200 && objects(store).failures() == failures; i++) {
        Thread.sleep(20);
        store.getPage("page", Tensors.blankLike(page));
      }
      assertThat(objects(store).failures()).as("one was tried").isEqualTo(failures + 1);
      assertThat(objects(store).breaker()).isEqualTo("open");

      int requests = proxy.requests().size();
      PageResult result = store.getPage("page", Tensors.blankLike(page));
      assertThat(result.cause().code()).isEqualTo(ErrorCode.BACKEND_UNAVAILABLE);
      assertThat(proxy.requests()).hasSize(requests);
    }
  }

  @Test(timeOut = 120_000)
  public void shouldNeverOpenWhenItIsSwitchedOff() throws Exception {
    try (HiCacheNixl store = HiCacheNixl.open(tight().breakerFailures(0).build())) {
      assertThat(store.set("page", page)).isTrue();
      proxy.set(Fault.STATUS_403);
      for (int i = 0; i < 3 * FAILURES; i++) {
        int requests = proxy.requests().size();
        assertThat(store.getPage("page", Tensors.blankLike(page)).outcome())
            .isEqualTo(PageOutcome.FAILED);
        assertThat(proxy.requests()).hasSizeGreaterThan(requests);
      }
      assertThat(objects(store).breaker()).isEqualTo("closed");
      proxy.set(Fault.NONE);
      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
    }
  }

  @Test(timeOut = 120_000)
  public void shouldNotCountMissesAndDamagedPagesAsFailuresOfTheStorage() {
    try (HiCacheNixl store = HiCacheNixl.open(tight().build())) {
      bucket.put(nameOf(store, "foreign"), new byte[700]);
      for (int i = 0; i < 3 * FAILURES; i++) {
        assertThat(store.getPage("absent", Tensors.blankLike(page)).outcome())
            .isEqualTo(PageOutcome.MISS);
        assertThat(store.getPage("foreign", Tensors.blankLike(page)).outcome())
            .isEqualTo(PageOutcome.CORRUPT);
      }
      assertThat(objects(store).breaker()).isEqualTo("closed");
      assertThat(objects(store).breakerOpenings()).isZero();
      assertThat(objects(store).failures()).isZero();
    }
  }
}
