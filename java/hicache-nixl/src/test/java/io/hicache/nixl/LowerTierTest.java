// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** A lower tier that is away costs its pages and nothing else, and comes back by itself. */
public class LowerTierTest extends TierFixture {

  @Test(timeOut = 60_000)
  public void shouldOpenWithoutTheLowerTierAndTakeItInLater() throws Exception {
    Tensor page = Tensors.randomFloats(400);
    AtomicBoolean there = new AtomicBoolean();
    HiCacheConfig config = tiers().build();
    try (CapturedLog log = new CapturedLog();
        HiCacheNixl store =
            openFaulty(
                tiers(),
                () -> {
                  if (!there.get()) {
                    throw new HiCacheException(
                        ErrorCode.BACKEND_UNAVAILABLE, "no server at 127.0.0.1:1");
                  }
                  return Stores.openOne(config.tier(1));
                })) {
      assertThat(log.lines())
          .filteredOn(line -> line.startsWith("WARN") && line.contains("no server"))
          .hasSize(1);
      assertThat(report(store).isLowerUp()).isFalse();
      assertThat(report(store).lowerProblem()).contains("no server at 127.0.0.1:1");
      assertThat(report(store).lower()).isEmpty();
      assertThat(store.set("page", page)).isTrue();
      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
      assertOutcome(store, "absent", page, PageOutcome.MISS);
      assertThat(store.batchExists(List.of("page", "absent"))).isEqualTo(1);
      assertThat(store.directory().find("page")).isPresent();
      PageResult deleted = store.deletePage("absent");
      assertThat(deleted.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(deleted.cause().code()).isEqualTo(ErrorCode.BACKEND_UNAVAILABLE);
      assertThat(report(store).backlog().pages()).isEqualTo(1);
      there.set(true);
      awaitWritten(store);
      assertThat(report(store).isLowerUp()).isTrue();
      assertThat(report(store).lower().orElseThrow().layout()).isEqualTo("files");
      assertThat(store.deletePage("absent").outcome()).isEqualTo(PageOutcome.MISS);
    }
    try (HiCacheNixl below = openTier(1)) {
      Tensors.assertSame(below.get("page", Tensors.blankLike(page)), page);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldNotWaitAtCloseForATierThatWasNeverThere() throws Exception {
    ProcessState before = ProcessState.now();
    HiCacheNixl store =
        openFaulty(
            tiers(),
            () -> {
              throw new HiCacheException(ErrorCode.IO, "nothing is mounted");
            });
    assertThat(store.set("page", Tensors.randomFloats(4))).isTrue();
    assertThat(store.close(java.time.Duration.ofMinutes(5))).isTrue();
    ProcessState.assertNothingAddedTo(before);
  }

  @Test(timeOut = 60_000)
  public void shouldRefuseALowerTierThatNoWaitingHelps() throws Exception {
    ProcessState before = ProcessState.now();
    for (ErrorCode code :
        List.of(ErrorCode.INVALID_ARGUMENT, ErrorCode.UNSUPPORTED, ErrorCode.CORRUPT)) {
      refused(
          code,
          () ->
              openFaulty(
                  tiers(),
                  () -> {
                    throw new HiCacheException(code, "wrong for ever");
                  }));
    }
    ProcessState.assertNothingAddedTo(before);
  }

  @Test(timeOut = 60_000)
  public void shouldOpenOverADirectoryThatCannotBeMadeUntilItCan() throws Exception {
    Files.createDirectories(dir);
    Path obstacle = Files.writeString(lowerDir(), "in the way");
    Tensor page = Tensors.randomFloats(10);
    try (HiCacheNixl store = openFaulty(tiers())) {
      assertThat(report(store).isLowerUp()).isFalse();
      assertThat(store.set("page", page)).isTrue();
      Files.delete(obstacle);
      awaitWritten(store);
      assertThat(report(store).isLowerUp()).isTrue();
    }
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.exists("page")).isTrue();
    }
  }

  @DataProvider
  public Object[][] writes() {
    return new Object[][] {{"back"}, {"through"}};
  }

  @Test(dataProvider = "writes", timeOut = 60_000)
  public void shouldTakeAnUnavailableTierForAnEmptyOneWhileItIs(String write) throws Exception {
    Tensor page = Tensors.randomFloats(100);
    try (HiCacheNixl below = openTier(1)) {
      assertThat(below.set("below", page)).isTrue();
    }
    try (CapturedLog log = new CapturedLog();
        HiCacheNixl store = openFaulty(tiers().tierWrite(write))) {
      lower.failure = FaultyStore.unavailable();
      assertThat(store.set("local", page)).isTrue();
      assertOutcome(store, "below", page, PageOutcome.MISS);
      assertThat(store.batchExists(List.of("local", "below"))).isEqualTo(1);
      assertThat(report(store).isLowerUp()).isFalse();
      PageResult deleted = store.deletePage("below");
      assertThat(deleted.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(deleted.cause()).hasMessageContaining("files:" + lowerDir());
      refused(ErrorCode.BACKEND_UNAVAILABLE, store::clear);
      lower.failure = null;
      // Deleted while it was away: this store does not let it come back.
      assertOutcome(store, "below", page, PageOutcome.MISS);
      assertThat(store.deletePage("below").outcome()).isEqualTo(PageOutcome.REMOVED);
      await("it is up", () -> report(store).isLowerUp());
      assertThat(log.lines()).filteredOn(line -> line.contains("is back")).isNotEmpty();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldTellAFailureBelowWhereNothingElseIsKnown() {
    Tensor page = Tensors.randomFloats(100);
    try (HiCacheNixl store = openFaulty(tiers())) {
      assertThat(store.set("local", page)).isTrue();
      lower.failure = new HiCacheException(ErrorCode.IO, "disk on fire");
      Tensors.assertSame(store.get("local", Tensors.blankLike(page)), page);
      PageResult result = store.getPage("absent", Tensors.blankLike(page));
      assertThat(result.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(result.cause()).hasMessageContaining("disk on fire");
      assertThat(store.getPage("absent", Tensors.blankLike(page)).cause().code())
          .isEqualTo(ErrorCode.IO);
      assertThat(report(store).pages().lowerFailures()).isGreaterThanOrEqualTo(2);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldReadADamagedLocalPageFromBelow() throws Exception {
    Tensor page = Tensors.randomFloats(2000);
    HiCacheConfigBuilder files = tiers().tiers("files:" + localDir(), "files:" + lowerDir());
    try (HiCacheNixl store = HiCacheNixl.open(files.build())) {
      assertThat(store.set("page", page)).isTrue();
      awaitWritten(store);
      flipAByte(store.directory().path("page"));
      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
    }
  }

  private static void flipAByte(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    try (var channel =
        java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.WRITE)) {
      channel.write(java.nio.ByteBuffer.wrap(bytes), 0);
    }
  }

  @Test(timeOut = 60_000)
  public void shouldRecoverFromALowerDirectoryThatWasRemoved() throws Exception {
    Tensor page = Tensors.randomFloats(100);
    try (HiCacheNixl store = openFaulty(tiers())) {
      assertThat(store.set("first", page)).isTrue();
      awaitWritten(store);
      removeTree(lowerDir());
      for (int i = 0; i < 20; i++) {
        assertThat(store.set("page" + i, page)).isTrue();
      }
      assertOutcome(store, "absent", page, PageOutcome.MISS);
      Tensors.assertSame(store.get("first", Tensors.blankLike(page)), page);
      Files.createDirectories(lowerDir());
      awaitWritten(store);
      assertThat(report(store).isLowerUp()).isTrue();
    }
    try (HiCacheNixl below = openTier(1)) {
      for (int i = 0; i < 20; i++) {
        assertThat(below.exists("page" + i)).as("page %d", i).isTrue();
      }
    }
  }
}
