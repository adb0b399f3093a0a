// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Stores with a budget, and plain ways to age their pages. */
abstract class EvictionFixture extends PoolFixture {
  static final Duration PATIENCE = Duration.ofSeconds(30);

  /** What a page of this length counts, and the blocks of the pools here. */
  static final int UNIT = 4096;

  static String key(int i) {
    return String.format("%064x", i);
  }

  static Tensor page(int value) {
    return Tensors.filled(ScalarType.Byte, value, UNIT);
  }

  /** This test's directory under a budget, without a minimum that must stay free. */
  final HiCacheConfigBuilder budget(long bytes) {
    return config().capacityBytes(bytes).minFreeBytes(0);
  }

  /** A store that has counted the pages of its directories. */
  static HiCacheNixl openCounted(HiCacheConfigBuilder config) {
    HiCacheNixl store = HiCacheNixl.open(config.build());
    await("the pages are counted", () -> store.describe().eviction().ready());
    return store;
  }

  /**
   * Sets pages first, first + 1, ... of {@link #UNIT} bytes, the first of them used longest ago.
   */
  static void fill(HiCacheNixl store, int first, int count) throws IOException {
    for (int i = first; i < first + count; i++) {
      assertThat(store.setPage(key(i), page(i)).outcome()).isEqualTo(PageOutcome.STORED);
      setLastUse(store.directory().path(key(i)), 10_000 - i);
    }
  }

  static void setLastUse(Path file, long secondsAgo) throws IOException {
    FileTime written = Files.getLastModifiedTime(file);
    Files.getFileAttributeView(file, BasicFileAttributeView.class)
        .setTimes(written, FileTime.from(Instant.now().minusSeconds(secondsAgo)), null);
  }

  static long usage(HiCacheNixl store) {
    return store.describe().eviction().usageBytes();
  }

  static void await(String what, BooleanSupplier condition) {
    for (long end = System.nanoTime() + PATIENCE.toNanos();
        !condition.getAsBoolean();
        sleepMillis(5)) {
      assertThat(System.nanoTime()).as(what).isLessThan(end);
    }
  }

  private static void sleepMillis(long millis) {
    try {
      TimeUnit.MILLISECONDS.sleep(millis);
    } catch (InterruptedException e) {
      throw new AssertionError("interrupted", e);
    }
  }
}
