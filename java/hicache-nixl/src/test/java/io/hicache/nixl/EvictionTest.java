// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.Test;

/** A budget for the pages of a directory: what goes, what stays, and who decides. */
public class EvictionTest extends StoreFixture {
  private static final int PAGE = 64 << 10;
  private static final long WAIT = 30;

  private static String key(int i) {
    return String.format("%064x", i);
  }

  private HiCacheNixl open(long capacity) {
    return HiCacheNixl.open(config().capacityBytes(capacity).minFreeBytes(0).build());
  }

  private static Tensor page(int value) {
    return Tensors.filled(ScalarType.Byte, value, PAGE);
  }

  private static void awaitReady(HiCacheNixl store) throws InterruptedException {
    for (long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT);
        !store.describe().eviction().ready();
        Thread.sleep(5)) {
      assertThat(System.nanoTime()).as("the pages are counted").isLessThan(end);
    }
  }

  private void used(HiCacheNixl store, String key, long secondsAgo) throws Exception {
    Path file = store.directory().path(key);
    FileTime modified = Files.getLastModifiedTime(file);
    Files.getFileAttributeView(file, java.nio.file.attribute.BasicFileAttributeView.class)
        .setTimes(modified, FileTime.from(Instant.now().minusSeconds(secondsAgo)), null);
  }

  @Test(
      description =
          "the peer's test_capacity_below_high_watermark_keeps_everything and"
              + " test_capacity_above_high_watermark_deletes_oldest_to_low_watermark")
  public void shouldEvictTheLeastRecentlyUsedPagesDownToTheLowMarkAndNothingBelowTheHighOne()
      throws Exception {
    try (HiCacheNixl store = open(20L * PAGE)) {
      awaitReady(store);
      for (int i = 0; i < 18; i++) {
        assertThat(store.set(key(i), page(i))).isTrue();
        used(store, key(i), 1000 - i);
      }
      assertThat(store.describe().eviction().usageBytes()).isEqualTo(18L * PAGE);
      assertThat(store.describe().eviction().evictedPages()).isZero();
      // Written first, used last: a get counts as a use.
      assertThat(store.get(key(0), page(99))).isNotNull();
      EvictionResult evicted = store.evictNow(Duration.ofSeconds(WAIT));
      assertThat(evicted.pages()).isEqualTo(2);
      assertThat(evicted.bytes()).isEqualTo(2L * PAGE);
      assertThat(store.exists(key(0))).isTrue();
      assertThat(store.exists(key(1))).isFalse();
      assertThat(store.exists(key(2))).isFalse();
      assertThat(store.exists(key(3))).isTrue();
    }
  }

  @Test
  public void shouldNeverHoldMoreThanItsCapacity() throws Exception {
    try (HiCacheNixl store = open(20L * PAGE)) {
      awaitReady(store);
      for (int i = 0; i < 200; i++) {
        assertThat(store.setPage(key(i), page(i)).outcome()).isEqualTo(PageOutcome.STORED);
        assertThat(store.describe().eviction().usageBytes()).isLessThanOrEqualTo(20L * PAGE);
      }
      assertThat(store.describe().eviction().evictedPages()).isGreaterThanOrEqualTo(180);
    }
    long held = 0;
    for (Path file : filesBelow(dir)) {
      held += file.toString().contains("/.hicache/") ? 0 : Files.size(file);
    }
    assertThat(held).isBetween(1L, 20L * PAGE);
  }

  @Test
  public void shouldKnowItsUsageAgainAfterARestart() throws Exception {
    try (HiCacheNixl store = open(100L * PAGE)) {
      for (int i = 0; i < 10; i++) {
        assertThat(store.set(key(i), page(i))).isTrue();
      }
    }
    Files.delete(dir.resolve(".hicache/usage"));
    try (HiCacheNixl store = open(100L * PAGE)) {
      awaitReady(store);
      assertThat(store.describe().eviction().usageBytes()).isEqualTo(10L * PAGE);
      assertThat(store.clear()).isEqualTo(10);
      assertThat(store.describe().eviction().usageBytes()).isZero();
    }
  }

  @Test
  public void shouldSparePinnedPagesUntilTheirLeaseEnds() throws Exception {
    try (HiCacheNixl store = open(10L * PAGE)) {
      awaitReady(store);
      List<String> keys = new ArrayList<>();
      for (int i = 0; i < 9; i++) {
        keys.add(key(i));
        assertThat(store.set(key(i), page(i))).isTrue();
        used(store, key(i), 1000 - i);
      }
      assertThat(store.pin(keys.subList(0, 2), Duration.ofHours(1)))
          .allMatch(PageResult::isHit)
          .hasSize(2);
      assertThat(store.pin(List.of("absent"), Duration.ofHours(1)).get(0).outcome())
          .isEqualTo(PageOutcome.MISS);
      store.evictNow(Duration.ofSeconds(WAIT));
      assertThat(store.exists(key(0))).isTrue();
      assertThat(store.exists(key(1))).isTrue();
      assertThat(store.exists(key(2))).isFalse();
      assertThat(store.unpin(keys.subList(0, 2))).allMatch(PageResult::isHit);
      used(store, key(0), 1000);
      assertThat(store.set(key(100), page(1))).isTrue();
      store.evictNow(Duration.ofSeconds(WAIT));
      assertThat(store.exists(key(0))).isFalse();
      refused(() -> store.pin(keys, Duration.ZERO));
    }
  }

  @Test(
      description =
          "weakness 11: the peer evicts by default from 80 % of the file system on; and a page"
              + " larger than the budget")
  public void shouldEvictNothingUnlessAskedTo() throws Exception {
    try (HiCacheNixl store = open()) {
      assertThat(store.describe().eviction().enabled()).isFalse();
      refused(ErrorCode.UNSUPPORTED, () -> store.evictNow(Duration.ofSeconds(1)));
      assertThat(store.describe().eviction().usageBytes()).isEqualTo(-1);
    }
    try (HiCacheNixl store = open(PAGE / 2)) {
      awaitReady(store);
      PageResult result = store.setPage(key(1), page(1));
      assertThat(result.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(result.cause().code()).isEqualTo(ErrorCode.NO_SPACE);
      assertThat(result.cause().getMessage()).contains("capacity");
    }
  }

  @Test
  public void shouldLetAPageGoWhenItsTimeIsOver() throws Exception {
    try (HiCacheNixl store = HiCacheNixl.open(config().ttlSeconds(100).build())) {
      assertThat(store.set(key(1), page(1))).isTrue();
      assertThat(store.set(key(2), page(2))).isTrue();
      Files.setLastModifiedTime(
          store.directory().path(key(1)), FileTime.from(Instant.now().minusSeconds(101)));
      assertThat(store.exists(key(1))).isFalse();
      assertThat(store.get(key(1), page(0))).isNull();
      assertThat(store.exists(key(2))).isTrue();
      assertThat(store.evictNow(Duration.ofSeconds(WAIT)).pages()).isEqualTo(1);
    }
  }

  @Test(description = "the peer's poisoned prefix: exists() promises pages that get() refuses")
  public void shouldRemoveACorruptPageSoThatThePrefixEndsBeforeIt() throws Exception {
    List<String> keys = List.of(key(1), key(2), key(3));
    try (HiCacheNixl store = open()) {
      for (int i = 0; i < 3; i++) {
        assertThat(store.set(keys.get(i), page(i))).isTrue();
      }
      Path file = store.directory().path(key(2));
      byte[] bytes = Files.readAllBytes(file);
      bytes[100] ^= 1;
      try (var channel =
          java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.WRITE)) {
        channel.write(java.nio.ByteBuffer.wrap(bytes));
      }
      assertThat(store.getPage(key(2), page(9)).outcome()).isEqualTo(PageOutcome.CORRUPT);
      assertThat(store.batchExists(keys)).isEqualTo(1);
      assertThat(store.getPage(key(2), page(9)).outcome()).isEqualTo(PageOutcome.MISS);
      assertThat(store.set(key(2), page(2))).isTrue();
      assertThat(store.batchExists(keys)).isEqualTo(3);
    }
  }
}
