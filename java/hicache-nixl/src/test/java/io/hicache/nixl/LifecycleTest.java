// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.Test;

/** Opening and closing: nothing is left behind, nothing is used after its end. */
public class LifecycleTest extends StoreFixture {

  @Test(dataProvider = "queues")
  public void shouldLeaveNoFileDescriptorAndNoThreadBehind(String queue) throws Exception {
    openAndUse(queue);
    ProcessState before = ProcessState.now();

    for (int i = 0; i < 5; i++) {
      openAndUse(queue);
    }

    ProcessState.assertNothingAddedTo(before);
  }

  private void openAndUse(String queue) {
    Tensor page = Tensors.randomFloats(5000);
    try (HiCacheNixl store = open(queue)) {
      assertThat(store.set("page", page)).isTrue();
      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
      assertThat(store.getPage("absent", page).outcome()).isEqualTo(PageOutcome.MISS);
    }
  }

  @Test
  public void shouldMakeAMissingDirectory() {
    requireDirectories();
    Path deep = dir.resolve("not/there/yet");
    try (HiCacheNixl store = HiCacheNixl.open(config(deep).build())) {
      assertThat(store.set("page", Tensors.randomFloats(4))).isTrue();
      assertThat(deep).isDirectory();
    }
  }

  @Test
  public void shouldSayWhichDirectoryCannotBeMade() throws Exception {
    requireDirectories();
    Path file = Files.writeString(dir.resolve("file"), "kept");
    ProcessState before = ProcessState.now();
    for (Path bad : List.of(file, file.resolve("below"))) {
      HiCacheConfig config = config(bad).build();
      try (HiCacheNixl store = HiCacheNixl.open(config)) {
        throw new AssertionError("opened in " + store.describe());
      } catch (HiCacheException e) {
        assertThat(e.code()).isIn(ErrorCode.IO, ErrorCode.INVALID_ARGUMENT, ErrorCode.NOT_FOUND);
        assertThat(e).hasMessageContaining(bad.toString());
      }
    }
    assertThat(file).hasContent("kept");
    ProcessState.assertNothingAddedTo(before);
  }

  @Test
  public void shouldRefuseEveryCallAfterClose() {
    Tensor page = Tensors.randomFloats(4);
    HiCacheNixl store = open();
    PageDirectory directory = store.directory();
    assertThat(store.close(Duration.ofSeconds(1))).isTrue();
    assertThat(store.close(Duration.ofSeconds(1))).isTrue();
    store.close();

    refused(ErrorCode.CLOSED, () -> store.set("k", page));
    refused(ErrorCode.CLOSED, () -> store.get("k", page));
    refused(ErrorCode.CLOSED, () -> store.set("k", 0, 0));
    refused(ErrorCode.CLOSED, () -> store.batchSet(List.of("k"), List.of(page)));
    refused(ErrorCode.CLOSED, () -> store.batchGet(List.of("k"), List.of(page)));
    refused(ErrorCode.CLOSED, () -> store.batchGet(List.of(), List.of()));
    refused(ErrorCode.CLOSED, () -> store.exists("k"));
    refused(ErrorCode.CLOSED, () -> store.batchExists(List.of("k")));
    refused(ErrorCode.CLOSED, () -> store.delete("k"));
    refused(ErrorCode.CLOSED, store::clear);
    refused(ErrorCode.CLOSED, store::describe);
    refused(ErrorCode.CLOSED, () -> directory.find("k"));
    refused(ErrorCode.CLOSED, () -> directory.path("k"));
    refused(ErrorCode.CLOSED, () -> directory.forEach(info -> {}));
  }

  @Test(dataProvider = "queues", timeOut = 60_000)
  public void shouldSettleEveryCallWhenClosedWithWorkInFlight(String queue) throws Exception {
    HiCacheNixl store = open(queue);
    List<Tensor> pages = new ArrayList<>();
    List<String> keys = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      keys.add("page" + i);
      pages.add(Tensors.randomFloats(16 * 1024));
    }
    CountDownLatch running = new CountDownLatch(4);
    AtomicReference<Throwable> wrong = new AtomicReference<>();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      Thread thread =
          new Thread(
              () -> {
                try {
                  running.countDown();
                  while (true) {
                    for (PageResult result : store.batchSetPages(keys, pages)) {
                      assertThat(result.outcome()).isNotEqualTo(PageOutcome.HIT);
                    }
                  }
                } catch (HiCacheException e) {
                  if (e.code() != ErrorCode.CLOSED) {
                    wrong.set(e);
                  }
                } catch (Throwable e) {
                  wrong.set(e);
                }
              });
      thread.start();
      threads.add(thread);
    }
    running.await();
    Thread.sleep(50);

    store.close();

    for (Thread thread : threads) {
      thread.join(10_000);
      assertThat(thread.isAlive()).isFalse();
    }
    assertThat(wrong.get()).isNull();
    try (HiCacheNixl again = open(queue)) {
      for (int i = 0; i < keys.size(); i++) {
        Tensor target = Tensors.blankLike(pages.get(i));
        PageResult result = again.getPage(keys.get(i), target);
        assertThat(result.outcome()).isIn(PageOutcome.HIT, PageOutcome.MISS);
        if (result.isHit()) {
          Tensors.assertSame(target, pages.get(i));
        }
      }
    }
    if (!inTiers()) {
      assertThat(filesBelow(dir)).as("no temporary file is left").hasSizeLessThanOrEqualTo(64);
    }
  }

  @Test
  public void shouldRefuseToCloseInsideAVisitorOfTheSameStore() {
    try (HiCacheNixl store = open()) {
      assertThat(store.set("page", Tensors.randomFloats(4))).isTrue();
      Runnable close = store::close;
      refused(() -> store.directory().forEach(info -> close.run()));
      assertThat(store.exists("page")).isTrue();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldCloseAForgottenStoreAndSayWhereItWasOpened() throws Exception {
    openAndUse("posix_aio");
    ProcessState before = ProcessState.now();
    try (CapturedLog log = new CapturedLog()) {
      forget();
      for (int i = 0; i < 200 && log.lines().stream().noneMatch(this::isLeak); i++) {
        System.gc();
        Thread.sleep(50);
      }
      assertThat(log.lines()).anyMatch(this::isLeak);
      assertThat(log.lines()).filteredOn(this::isLeak).hasSize(1);
      ProcessState.assertNothingAddedTo(before);
    }
  }

  private void forget() {
    assertThat(open("posix_aio").set("page", Tensors.randomFloats(4))).isTrue();
  }

  private boolean isLeak(String line) {
    return line.startsWith("WARN")
        && line.contains(inObjects() ? prefix() : dir.toString())
        && line.contains("never closed")
        && line.contains("StoreFixture.open");
  }

  @Test
  public void shouldNotWarnOfAStoreThatWasClosed() throws Exception {
    try (CapturedLog log = new CapturedLog()) {
      openAndUse("posix_aio");
      for (int i = 0; i < 5; i++) {
        System.gc();
        Thread.sleep(20);
      }
      assertThat(log.lines()).noneMatch(this::isLeak);
      assertThat(log.lines())
          .contains("INFO Backend " + (inObjects() ? "OBJ" : "POSIX") + " was instantiated");
    }
  }
}
