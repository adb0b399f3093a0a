// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.Test;

/** A budget for the pages of a directory: what goes, what stays, and who decides. */
public class EvictionTest extends EvictionFixture {
  private static final int PAGE = 64 << 10;

  private static Tensor large(int value) {
    return Tensors.filled(ScalarType.Byte, value, PAGE);
  }

  private static void used(HiCacheNixl store, String key, long secondsAgo) throws IOException {
    setLastUse(store.directory().path(key), secondsAgo);
  }

  @Test(
      description =
          "the peer's test_capacity_below_high_watermark_keeps_everything and"
              + " test_capacity_above_high_watermark_deletes_oldest_to_low_watermark")
  public void shouldEvictTheLeastRecentlyUsedPagesDownToTheLowMarkAndNothingBelowTheHighOne()
      throws Exception {
    try (HiCacheNixl store = openCounted(budget(20L * PAGE))) {
      for (int i = 0; i < 18; i++) {
        assertThat(store.set(key(i), large(i))).isTrue();
        used(store, key(i), 1000 - i);
      }
      assertThat(store.describe().eviction().usageBytes()).isEqualTo(18L * PAGE);
      assertThat(store.describe().eviction().evictedPages()).isZero();
      // Written first, used last: a get counts as a use.
      assertThat(store.get(key(0), large(99))).isNotNull();
      EvictionResult evicted = store.evictNow(PATIENCE);
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
    try (HiCacheNixl store = openCounted(budget(20L * PAGE))) {
      for (int i = 0; i < 200; i++) {
        assertThat(store.setPage(key(i), large(i)).outcome()).isEqualTo(PageOutcome.STORED);
        assertThat(store.describe().eviction().usageBytes()).isLessThanOrEqualTo(20L * PAGE);
      }
      // The last set may have found room while its round was still under way, and not yet counted.
      await("180 have gone", () -> store.describe().eviction().evictedPages() >= 180);
    }
    long held = 0;
    for (Path file : filesBelow(dir)) {
      held += file.toString().contains("/.hicache/") ? 0 : Files.size(file);
    }
    assertThat(held).isBetween(1L, 20L * PAGE);
  }

  @Test
  public void shouldKnowItsUsageAgainAfterARestart() throws Exception {
    try (HiCacheNixl store = HiCacheNixl.open(budget(100L * PAGE).build())) {
      for (int i = 0; i < 10; i++) {
        assertThat(store.set(key(i), large(i))).isTrue();
      }
    }
    Files.delete(dir.resolve(".hicache/usage"));
    try (HiCacheNixl store = openCounted(budget(100L * PAGE))) {
      assertThat(store.describe().eviction().usageBytes()).isEqualTo(10L * PAGE);
      assertThat(store.clear()).isEqualTo(10);
      assertThat(store.describe().eviction().usageBytes()).isZero();
    }
  }

  @Test
  public void shouldSparePinnedPagesUntilTheirLeaseEnds() throws Exception {
    try (HiCacheNixl store = openCounted(budget(10L * PAGE))) {
      List<String> keys = new ArrayList<>();
      for (int i = 0; i < 9; i++) {
        keys.add(key(i));
        assertThat(store.set(key(i), large(i))).isTrue();
        used(store, key(i), 1000 - i);
      }
      assertThat(store.pin(keys.subList(0, 2), Duration.ofHours(1)))
          .allMatch(PageResult::isHit)
          .hasSize(2);
      assertThat(store.pin(List.of("absent"), Duration.ofHours(1)).get(0).outcome())
          .isEqualTo(PageOutcome.MISS);
      store.evictNow(PATIENCE);
      assertThat(store.exists(key(0))).isTrue();
      assertThat(store.exists(key(1))).isTrue();
      assertThat(store.exists(key(2))).isFalse();
      assertThat(store.unpin(keys.subList(0, 2))).allMatch(PageResult::isHit);
      used(store, key(0), 1000);
      assertThat(store.set(key(100), large(1))).isTrue();
      store.evictNow(PATIENCE);
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
    try (HiCacheNixl store = openCounted(budget(PAGE / 2))) {
      PageResult result = store.setPage(key(1), large(1));
      assertThat(result.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(result.cause().code()).isEqualTo(ErrorCode.NO_SPACE);
      assertThat(result.cause().getMessage()).contains("capacity");
    }
  }

  @Test
  public void shouldLetAPageGoWhenItsTimeIsOver() throws Exception {
    try (HiCacheNixl store = HiCacheNixl.open(config().ttlSeconds(100).build())) {
      assertThat(store.set(key(1), large(1))).isTrue();
      assertThat(store.set(key(2), large(2))).isTrue();
      Files.setLastModifiedTime(
          store.directory().path(key(1)), FileTime.from(Instant.now().minusSeconds(101)));
      assertThat(store.exists(key(1))).isFalse();
      assertThat(store.get(key(1), large(0))).isNull();
      assertThat(store.exists(key(2))).isTrue();
      assertThat(store.evictNow(PATIENCE).pages()).isEqualTo(1);
    }
  }

  @Test(description = "the peer's poisoned prefix: exists() promises pages that get() refuses")
  public void shouldRemoveACorruptPageSoThatThePrefixEndsBeforeIt() throws Exception {
    List<String> keys = List.of(key(1), key(2), key(3));
    try (HiCacheNixl store = open()) {
      for (int i = 0; i < 3; i++) {
        assertThat(store.set(keys.get(i), large(i))).isTrue();
      }
      Path file = store.directory().path(key(2));
      byte[] bytes = Files.readAllBytes(file);
      bytes[100] ^= 1;
      try (var channel =
          java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.WRITE)) {
        channel.write(java.nio.ByteBuffer.wrap(bytes));
      }
      assertThat(store.getPage(key(2), large(9)).outcome()).isEqualTo(PageOutcome.CORRUPT);
      assertThat(store.batchExists(keys)).isEqualTo(1);
      assertThat(store.getPage(key(2), large(9)).outcome()).isEqualTo(PageOutcome.MISS);
      assertThat(store.set(key(2), large(2))).isTrue();
      assertThat(store.batchExists(keys)).isEqualTo(3);
    }
  }
}
