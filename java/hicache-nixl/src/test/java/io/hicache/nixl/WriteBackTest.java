// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.Test;

/** What is set is written to the lower tier behind: once, whole, bounded, and not for ever. */
public class WriteBackTest extends TierFixture {

  @Test(timeOut = 60_000)
  public void shouldWriteTheNewestBytesOnceWhenAKeyIsSetAgainWhileItWaits() throws Exception {
    Tensor first = Tensors.randomFloats(400);
    Tensor last = Tensors.randomFloats(7, 100);
    try (HiCacheNixl store = openFaulty(tiers())) {
      CountDownLatch gate = new CountDownLatch(1);
      lower.setGate = gate;
      // Both writers are held up by these.
      assertThat(store.set("one", first)).isTrue();
      await("a writer is at work", () -> lower.count(Operation.SET) == 1);
      assertThat(store.set("two", first)).isTrue();
      await("both are", () -> lower.count(Operation.SET) == 2);
      for (int i = 0; i < 5; i++) {
        assertThat(store.set("waits", first)).isTrue();
      }
      assertThat(store.set("waits", last)).isTrue();
      assertThat(store.set("one", last)).as("while it is being written").isTrue();
      assertThat(report(store).backlog().pages()).isEqualTo(3);
      gate.countDown();
      awaitWritten(store);
      assertThat(report(store).pages().writtenBack()).as("one twice").isEqualTo(4);
    }
    try (HiCacheNixl below = openTier(1)) {
      Tensors.assertSame(below.get("waits", Tensors.blankLike(last)), last);
      Tensors.assertSame(below.get("one", Tensors.blankLike(last)), last);
      Tensors.assertSame(below.get("two", Tensors.blankLike(first)), first);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldDrainTheBacklogAtClose() {
    List<String> keys = keys(300);
    List<Tensor> pages = pages(300, 20_000);
    HiCacheNixl store = HiCacheNixl.open(tiers().build());
    assertThat(store.batchSet(keys, pages)).isTrue();
    assertThat(store.close(Duration.ofSeconds(30))).isTrue();
    try (HiCacheNixl below = openTier(1)) {
      assertHas(below, keys, pages);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldSayWhatWasLeftWhenCloseHadNotTheTime() throws Exception {
    List<String> keys = keys(3);
    List<Tensor> pages = pages(3, 100);
    ProcessState before = ProcessState.now();
    try (CapturedLog log = new CapturedLog()) {
      HiCacheNixl store = openFaulty(tiers());
      lower.hangs = true;
      assertThat(store.batchSet(keys, pages)).isTrue();
      await("a writer is at work", () -> lower.count(Operation.SET) > 0);
      store.close(Duration.ofMillis(200));
      assertThat(log.lines())
          .filteredOn(line -> line.startsWith("WARN") && line.contains("3 pages"))
          .hasSize(1)
          .allMatch(line -> line.contains("files:" + lowerDir()) && line.contains("not written"));
    }
    ProcessState.assertNothingAddedTo(before);
    try (HiCacheNixl local = openTier(0)) {
      assertHas(local, keys, pages);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldMakeASetWaitForRoomAndThenQueueIt() throws Exception {
    Tensor page = Tensors.randomFloats(2500); // 10000 bytes
    try (HiCacheNixl store = openFaulty(tiers().tierBacklogBytes(25_000))) {
      CountDownLatch gate = new CountDownLatch(1);
      lower.setGate = gate;
      assertThat(store.batchSet(List.of("a", "b"), List.of(page, page))).isTrue();
      var third = store.batchSetPagesAsync(List.of("c"), List.of(page));
      awaitOutcome(store, "c");
      assertThat(third).as("local, and waits for room").isNotDone();
      gate.countDown();
      assertThat(third.get(20, TimeUnit.SECONDS).get(0).outcome()).isEqualTo(PageOutcome.STORED);
      awaitWritten(store);
      assertThat(report(store).pages().dropped()).isZero();
      assertThat(report(store).pages().writtenBack()).isEqualTo(3);
      assertThat(report(store).backlog().bytes()).isZero();
    }
  }

  private static void awaitOutcome(HiCacheNixl store, String key) throws InterruptedException {
    await(key + " is local", () -> store.exists(key));
  }

  @Test(timeOut = 60_000)
  public void shouldStoreLocallyAndCountWhatFoundNoRoomInTime() throws Exception {
    Tensor page = Tensors.randomFloats(2500);
    Tensor older = Tensors.randomFloats(2500);
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.set("c", older)).isTrue();
    }
    HiCacheConfigBuilder small = tiers().tierBacklogBytes(25_000).timeoutMillis(700);
    try (HiCacheNixl store = openFaulty(small)) {
      CountDownLatch gate = new CountDownLatch(1);
      lower.setGate = gate;
      assertThat(store.batchSet(List.of("a", "b"), List.of(page, page))).isTrue();
      assertThat(store.setPage("c", page).outcome()).isEqualTo(PageOutcome.STORED);
      assertThat(report(store).pages().dropped()).isEqualTo(1);
      Tensors.assertSame(store.get("c", Tensors.blankLike(page)), page);
      gate.countDown();
      awaitWritten(store);
      evictLocally("c");
      assertOutcome(store, "c", page, PageOutcome.MISS); // what is below is older
    }
  }

  /** Takes a page from the local tier as another process would. */
  private void evictLocally(String key) {
    try (HiCacheNixl local = openTier(0)) {
      assertThat(local.delete(key)).isTrue();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldCountAPageThatIsGoneBeforeItWasWrittenAndServeNoOlderOne() throws Exception {
    Tensor older = Tensors.randomFloats(50);
    Tensor newer = Tensors.randomFloats(50);
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.set("page", older)).isTrue();
    }
    try (HiCacheNixl store = openFaulty(tiers())) {
      CountDownLatch gate = new CountDownLatch(1);
      lower.setGate = gate;
      assertThat(store.set("one", newer)).isTrue();
      await("a writer is at work", () -> lower.count(Operation.SET) == 1);
      assertThat(store.set("two", newer)).isTrue();
      await("both are", () -> lower.count(Operation.SET) == 2);
      assertThat(store.set("page", newer)).isTrue();
      evictLocally("page");
      assertOutcome(store, "page", newer, PageOutcome.MISS);
      gate.countDown();
      awaitWritten(store);
      assertThat(report(store).pages().lostBeforeWriteBack()).isEqualTo(1);
      assertOutcome(store, "page", newer, PageOutcome.MISS);
      assertThat(store.getStats().failedPages()).isZero();
    }
    try (HiCacheNixl below = openTier(1)) {
      assertOutcome(below, "page", older, PageOutcome.MISS);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldTakeBackWhatADeleteFoundOnItsWayDown() throws Exception {
    Tensor page = Tensors.randomFloats(50);
    try (HiCacheNixl store = openFaulty(tiers())) {
      CountDownLatch gate = new CountDownLatch(1);
      lower.setGate = gate;
      assertThat(store.set("page", page)).isTrue();
      await("it is being written", () -> lower.count(Operation.SET) == 1);
      var deleted = store.batchDeletePagesAsync(List.of("page"));
      await("it is not local any more", () -> !store.exists("page"));
      assertThat(deleted).as("waits for what is on its way").isNotDone();
      gate.countDown();
      assertThat(deleted.get(20, TimeUnit.SECONDS).get(0).outcome()).isEqualTo(PageOutcome.REMOVED);
      assertThat(report(store).backlog().pages()).isZero();
      assertOutcome(store, "page", page, PageOutcome.MISS);
      assertThat(store.clear()).isZero();
    }
    try (HiCacheNixl below = openTier(1)) {
      assertOutcome(below, "page", page, PageOutcome.MISS);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldWaitWhileTheLowerTierTakesNothingAndThenWriteAll() throws Exception {
    List<String> keys = keys(50);
    List<Tensor> pages = pages(50, 1000);
    for (HiCacheException failure :
        List.of(
            FaultyStore.unavailable(),
            new HiCacheException(ErrorCode.IO, "the directory cannot be written to"))) {
      try (HiCacheNixl store = openFaulty(tiers())) {
        lower.setFailure = failure;
        assertThat(store.batchSet(keys, pages)).isTrue();
        await("it is seen to be down", () -> !report(store).isLowerUp());
        assertThat(report(store).lowerProblem()).contains(failure.getMessage());
        assertThat(report(store).backlog().pages()).isEqualTo(50);
        assertHas(store, keys, pages);
        lower.setFailure = null;
        awaitWritten(store);
        assertThat(report(store).isLowerUp()).isTrue();
        assertThat(report(store).pages().dropped()).isZero();
      }
      try (HiCacheNixl below = openTier(1)) {
        assertHas(below, keys, pages);
        assertThat(below.clear()).isEqualTo(50);
      }
    }
  }

  @Test(timeOut = 60_000)
  public void shouldGiveUpAPageThatTheLowerTierNeverTakes() throws Exception {
    try (HiCacheNixl store = openFaulty(tiers())) {
      lower.setFailure = new HiCacheException(ErrorCode.NO_SPACE, "it is full");
      assertThat(store.set("page", Tensors.randomFloats(50))).isTrue();
      awaitWritten(store);
      assertThat(report(store).pages().dropped()).isEqualTo(1);
      assertThat(report(store).pages().lowerFailures()).isEqualTo(3);
      assertThat(store.exists("page")).isTrue();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldWriteAroundALocalTierThatIsFull() throws Exception {
    Tensor small = Tensors.randomFloats(16);
    Tensor large = Tensors.randomFloats(1 << 20);
    for (String write : List.of("back", "through")) {
      HiCacheConfigBuilder tiny =
          tiers().tiers("files:" + localDir(), "files:" + lowerDir()).capacityBytes(1 << 20);
      try (HiCacheNixl store = openFaulty(tiny.tierWrite(write).tierPromote(false))) {
        assertThat(store.set("page", small)).isTrue();
        awaitWritten(store);
        assertThat(store.setPage("page", large).orThrow().outcome()).isEqualTo(PageOutcome.STORED);
        Tensors.assertSame(store.get("page", Tensors.blankLike(large)), large);
        assertThat(store.delete("page")).isTrue();
        lower.failure = FaultyStore.unavailable();
        assertThat(store.setPage("page", large).outcome()).isEqualTo(PageOutcome.FAILED);
        assertThat(store.setPage("page", large).cause().code()).isEqualTo(ErrorCode.NO_SPACE);
        lower.failure = null;
      }
    }
  }

  @Test(timeOut = 60_000)
  public void shouldNotFailASetThroughWhoseLowerTierFailed() throws Exception {
    List<String> keys = keys(4);
    List<Tensor> pages = pages(4, 100);
    try (CapturedLog log = new CapturedLog();
        HiCacheNixl store = openFaulty(tiers().tierWrite("through"))) {
      lower.setFailure = new HiCacheException(ErrorCode.IO, "disk on fire");
      assertThat(store.batchSet(keys, pages)).isTrue();
      assertThat(report(store).pages().lowerFailures()).isEqualTo(4);
      assertThat(log.lines())
          .filteredOn(line -> line.startsWith("WARN") && line.contains("disk on fire"))
          .hasSize(1);
      assertHas(store, keys, pages);
    }
  }

  /** Killed at no chosen moment: what was STORED before is whole in the local tier. */
  @Test(timeOut = 120_000)
  public void shouldLoseNoLocalPageWhenKilledInTheMiddleOfWritingBack() throws Exception {
    for (int round = 0; round < 3; round++) {
      ChildJvm child =
          ChildJvm.run(
              TierProbe.class,
              List.of(),
              "",
              List.of(),
              "segments:" + localDir(),
              "files:" + lowerDir());
      assertThat(child.exitCode()).as(child.output()).isEqualTo(128 + 9);
      int stored = Integer.parseInt(child.value("stored"));
      assertThat(stored).isPositive();
      try (HiCacheNixl local = openTier(0);
          HiCacheNixl below = openTier(1)) {
        for (int i = 0; i < stored; i++) {
          assertThat(isWhole(local, i)).as("page %d of %d", i, stored).isTrue();
          if (below.exists("page" + i)) {
            assertThat(isWhole(below, i)).as("page %d below", i).isTrue();
          }
        }
        local.clear();
        below.clear();
      }
    }
  }

  private static boolean isWhole(HiCacheNixl store, int page) {
    byte[] bytes = new byte[TierProbe.PAGE_BYTES];
    try (BytePointer target = new BytePointer(TierProbe.PAGE_BYTES)) {
      if (!store.get("page" + page, target.address(), bytes.length)) {
        return false;
      }
      target.get(bytes);
    }
    for (byte each : bytes) {
      if (each != (byte) (page & 0x7f)) {
        return false;
      }
    }
    return true;
  }
}
