// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/** Two tiers in two directories, both real, and faulty where a test wants it. */
abstract class TierFixture extends StoreFixture {
  static final LowerTier.Patience IMPATIENT = new LowerTier.Patience(20, 100);

  /** What a test's store is built of; the lower tier is null as long as it could not be opened. */
  FaultyStore lower;

  /** The local tier of the same store. */
  FaultyStore local;

  final Path localDir() {
    return dir.resolve("local");
  }

  final Path lowerDir() {
    return dir.resolve("lower");
  }

  /** Segments in front of files. */
  final HiCacheConfigBuilder tiers() {
    return HiCacheConfig.builder()
        .environment(Map.of())
        .backend("POSIX")
        .lanes(2)
        .timeoutMillis(20_000)
        .tiers("segments:" + localDir(), "files:" + lowerDir());
  }

  /** Over a lower tier in {@link #lower}. */
  final HiCacheNixl openFaulty(HiCacheConfigBuilder builder) {
    return openFaulty(builder, () -> Stores.openOne(builder.build().tier(1)));
  }

  final HiCacheNixl openFaulty(HiCacheConfigBuilder builder, Supplier<BatchStore> opening) {
    HiCacheConfig config = builder.build();
    local = new FaultyStore(Stores.openOne(config.tier(0)));
    try {
      TieredStore store =
          TieredStore.open(
              local,
              config.tiers().get(1),
              () -> {
                FaultyStore opened = new FaultyStore(opening.get());
                lower = opened;
                return opened;
              },
              TieredStore.Settings.of(config, IMPATIENT, IMPATIENT));
      return new HiCacheNixl(store, config);
    } catch (RuntimeException e) {
      local.close(Duration.ZERO);
      throw e;
    }
  }

  /** One of the two tiers as a store by itself. */
  final HiCacheNixl openTier(int tier) {
    return HiCacheNixl.open(tiers().build().tier(tier));
  }

  static TierReport report(HiCacheNixl store) {
    return store.describe().tiers().orElseThrow();
  }

  /** Waits until the backlog is empty. */
  static void awaitWritten(HiCacheNixl store) throws InterruptedException {
    await("the backlog is empty", () -> report(store).backlog().pages() == 0);
  }

  static void await(String what, BooleanSupplier condition) throws InterruptedException {
    for (int i = 0; i < 3000 && !condition.getAsBoolean(); i++) {
      Thread.sleep(10);
    }
    assertThat(condition.getAsBoolean()).as(what).isTrue();
  }

  static List<String> keys(int count) {
    List<String> keys = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      keys.add("key" + i);
    }
    return keys;
  }

  static List<Tensor> pages(int count, long floats) {
    List<Tensor> pages = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      pages.add(Tensors.randomFloats(2, floats / 2));
    }
    return pages;
  }

  /** Asserts that a store has exactly these pages under these keys. */
  static void assertHas(HiCacheNixl store, List<String> keys, List<Tensor> pages) {
    List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();
    List<PageResult> results = store.batchGetPages(keys, targets);
    for (int i = 0; i < keys.size(); i++) {
      PageResult result = results.get(i);
      assertThat(result.outcome())
          .as("%s %s", result.key(), result.cause())
          .isEqualTo(PageOutcome.HIT);
      Tensors.assertSame(targets.get(i), pages.get(i));
    }
  }

  static void assertOutcome(HiCacheNixl store, String key, Tensor like, PageOutcome outcome) {
    assertThat(store.getPage(key, Tensors.blankLike(like)).outcome()).isEqualTo(outcome);
  }
}
