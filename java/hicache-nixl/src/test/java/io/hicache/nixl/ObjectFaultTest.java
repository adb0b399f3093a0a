// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/**
 * Each fault of the network and of the server against each operation: it ends in time, no byte is
 * wrong, nothing is there that is not, and afterwards all is well.
 */
@Test(groups = "obj")
public class ObjectFaultTest extends ObjectFixture {
  private static final int FLOATS = 3_000;
  private static final long TIMEOUT_MILLIS = 3_000;

  /** For a thread that wants to go on and waits for a processor. */
  private static final long SLACK_MILLIS = 1_000;

  /** Slow, but nothing is wrong. */
  private static final Set<Fault> HARMLESS = EnumSet.of(Fault.NONE, Fault.LATENCY, Fault.SLOW);

  /** Change what an answer says; the answer to a set has nothing to change. */
  private static final Set<Fault> OF_ANSWERS =
      EnumSet.of(Fault.SHORTER, Fault.LENGTH_TOO_SMALL, Fault.LENGTH_TOO_LARGE, Fault.EXTRA_BYTE);

  /** The server says that there is no such object. */
  private static final Set<Fault> ABSENT = EnumSet.of(Fault.STATUS_404, Fault.STATUS_404_BARE);

  private static final Set<PageOutcome> FAILURES =
      EnumSet.of(PageOutcome.FAILED, PageOutcome.TIMED_OUT, PageOutcome.CORRUPT);

  private final List<String> keys = new ArrayList<>();
  private final List<Tensor> before = new ArrayList<>();
  private final List<Tensor> pages = new ArrayList<>();

  @DataProvider
  public Object[][] cells() {
    List<Object[]> cells = new ArrayList<>();
    for (Fault fault : Fault.values()) {
      for (Operation operation : new Operation[] {Operation.SET, Operation.GET, Operation.EXISTS}) {
        for (int count : new int[] {1, 32}) {
          cells.add(new Object[] {fault, operation, count});
        }
      }
    }
    return cells.toArray(Object[][]::new);
  }

  /** The last quarter of a batch's keys is not stored before the fault. */
  private static int storedOf(int count) {
    return count - count / 4;
  }

  private void makePages(int count) {
    keys.clear();
    before.clear();
    pages.clear();
    for (int i = 0; i < count; i++) {
      keys.add(String.format("page%02d", i));
      before.add(Tensors.randomFloats(FLOATS));
      pages.add(Tensors.randomFloats(FLOATS));
    }
  }

  private HiCacheNixl openThroughProxy() {
    return HiCacheNixl.open(
        configOfProxy()
            .timeoutMillis(TIMEOUT_MILLIS)
            .breakerPauseMillis(200)
            .closeTimeoutMillis(20_000)
            .build());
  }

  /** Some six minutes for all cells: {@code mvn verify -Dgroups=slow -Dtest=ObjectFaultTest}. */
  @Test(groups = "slow", dataProvider = "cells", timeOut = 120_000)
  public void shouldEndInTimeWithNoWrongByteAndNoFalseHit(
      Fault fault, Operation operation, int count) throws Exception {
    makePages(count);
    int stored = storedOf(count);
    try (HiCacheNixl store = openThroughProxy()) {
      assertThat(store.batchSet(keys.subList(0, stored), before.subList(0, stored))).isTrue();
      List<Tensor> targets = before.stream().map(Tensors::blankLike).toList();

      proxy.set(fault);
      long begin = System.nanoTime();
      List<PageResult> results =
          switch (operation) {
            case SET -> store.batchSetPages(keys, pages);
            case GET -> store.batchGetPages(keys, targets);
            default -> store.batchExistsPages(keys);
          };
      long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
      proxy.set(Fault.NONE);

      assertThat(millis)
          .as("milliseconds of a call with a deadline of %d", TIMEOUT_MILLIS)
          .isLessThan(TIMEOUT_MILLIS + TIMEOUT_MILLIS / 10 + SLACK_MILLIS);
      assertThat(results).extracting(PageResult::key).isEqualTo(keys);
      for (int i = 0; i < count; i++) {
        PageResult result = results.get(i);
        Set<PageOutcome> allowed = allowed(fault, operation, i < stored);
        assertThat(result.outcome()).as("%s of %s", result, keys.get(i)).isIn(allowed);
        if (operation == Operation.GET) {
          assertHitOrUntouched(result, targets.get(i), before.get(i));
        }
      }
      assertWholePagesOnly(results, operation, stored);
      assertRecovered(store);
    }
  }

  /** What may become of a key under a fault; that of a get's bytes is asserted elsewhere. */
  private static Set<PageOutcome> allowed(Fault fault, Operation operation, boolean stored) {
    PageOutcome good = operation == Operation.SET ? PageOutcome.STORED : PageOutcome.HIT;
    if (operation == Operation.SET) {
      return HARMLESS.contains(fault) || OF_ANSWERS.contains(fault) ? EnumSet.of(good) : FAILURES;
    }
    if (HARMLESS.contains(fault)) {
      return EnumSet.of(stored ? good : PageOutcome.MISS);
    }
    Set<PageOutcome> allowed = EnumSet.copyOf(FAILURES);
    // A header that is cut or changed is none of ours, which to exists is a miss.
    boolean headerChanged = OF_ANSWERS.contains(fault) || fault == Fault.FLIPPED;
    boolean mayMiss =
        !stored || ABSENT.contains(fault) || operation == Operation.EXISTS && headerChanged;
    if (mayMiss) {
      allowed.add(PageOutcome.MISS);
    }
    // One byte more behind a page does not change it.
    if (stored && fault == Fault.EXTRA_BYTE) {
      allowed.add(good);
    }
    return allowed;
  }

  private static void assertHitOrUntouched(PageResult result, Tensor target, Tensor page) {
    if (result.isHit()) {
      Tensors.assertSame(target, page);
      assertThat(result.verified()).isTrue();
    } else {
      assertThat(Tensors.bytes(target)).as("the target of %s", result).containsOnly(0x5A);
    }
  }

  /** A store that knows of no fault finds what is stored, or whole pages of before or now. */
  private void assertWholePagesOnly(List<PageResult> results, Operation operation, int stored) {
    try (HiCacheNixl direct = HiCacheNixl.open(config().build())) {
      List<Tensor> targets = before.stream().map(Tensors::blankLike).toList();
      List<PageResult> found = direct.batchGetPages(keys, targets);
      for (int i = 0; i < keys.size(); i++) {
        if (results.get(i).outcome() == PageOutcome.STORED) {
          Tensors.assertSame(targets.get(i), pages.get(i));
        } else if (operation != Operation.SET && i < stored) {
          Tensors.assertSame(targets.get(i), before.get(i));
        } else if (found.get(i).isHit()) {
          assertThat(Tensors.bytes(targets.get(i)))
              .isIn(Tensors.bytes(before.get(i)), Tensors.bytes(pages.get(i)));
        } else {
          assertThat(found.get(i).outcome()).isEqualTo(PageOutcome.MISS);
          assertThat(i).as("a page that was stored is gone").isGreaterThanOrEqualTo(stored);
        }
      }
    }
  }

  private void assertRecovered(HiCacheNixl store) throws InterruptedException {
    boolean set = store.batchSet(keys, pages);
    for (int i = 0; i < 200 && !set; i++) {
      Thread.sleep(50);
      set = store.batchSet(keys, pages);
    }
    assertThat(set).as(() -> "not usable again: " + store.describe().objects()).isTrue();
    List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();
    List<Tensor> got = store.batchGet(keys, targets);
    for (int i = 0; i < keys.size(); i++) {
      Tensors.assertSame(got.get(i), pages.get(i));
    }
    assertThat(store.batchExists(keys)).isEqualTo(keys.size());
    assertThat(store.describe().objects().orElseThrow().breaker()).isEqualTo("closed");
  }

  @DataProvider
  public Object[][] faultsOfOneKey() {
    return EnumSet.complementOf(EnumSet.of(Fault.NONE, Fault.DOWN)).stream()
        .map(fault -> new Object[] {fault})
        .toArray(Object[][]::new);
  }

  @Test(dataProvider = "faultsOfOneKey", timeOut = 120_000)
  public void shouldLeaveNeighboursUnharmedWhenAFaultHitsOneKey(Fault fault) throws IOException {
    makePages(32);
    int hit = Tensors.random().nextInt(32);
    try (HiCacheNixl store = openThroughProxy()) {
      assertThat(store.batchSet(keys, before)).isTrue();
      List<Tensor> targets = before.stream().map(Tensors::blankLike).toList();

      proxy.set(fault, path -> path.contains("/" + keys.get(hit)));
      List<PageResult> got = store.batchGetPages(keys, targets);
      List<PageResult> found = store.batchExistsPages(keys);
      List<PageResult> set = store.batchSetPages(keys, pages);
      proxy.set(Fault.NONE);

      for (int i = 0; i < keys.size(); i++) {
        assertHitOrUntouched(got.get(i), targets.get(i), before.get(i));
        Fault here = i == hit ? fault : Fault.NONE;
        assertThat(got.get(i).outcome()).isIn(allowed(here, Operation.GET, true));
        assertThat(found.get(i).outcome()).isIn(allowed(here, Operation.EXISTS, true));
        assertThat(set.get(i).outcome()).isIn(allowed(here, Operation.SET, true));
      }
      assertWholePagesOnly(set, Operation.SET, keys.size());
    }
  }
}
