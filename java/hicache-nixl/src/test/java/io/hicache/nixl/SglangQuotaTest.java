// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** What the tests of SGLang's capacity and of its quota show of its cleaner, shown here. */
public class SglangQuotaTest extends EvictionFixture {
  private static final long BUDGET = 20L * UNIT;

  @Test(description = "the peer's Capacity row: test_without_capacity_uses_filesystem_usage")
  public void shouldGoByTheFileSystemWithoutACapacity() throws Exception {
    ChildJvm child = CleanerProbe.run("disk", dir);

    assertThat(child.value("below")).as("below the watermarks").isEqualTo("10");
    assertThat(child.value("others")).as("bytes of others that fill it").isEqualTo("2516582");
    assertThat(Integer.parseInt(child.value("used"))).as("percent").isBetween(15, 25);
    assertThat(child.value("oldest")).isEqualTo("[]");
    assertThat(child.value("newest")).isEqualTo("true");
  }

  @Test(
      description =
          "the peer's Capacity row: test_capacity_skips_scan_when_filesystem_usage_is_below_budget;"
              + " here what is counted is below the budget, whatever the disk holds")
  public void shouldReadNoBucketBelowItsBudget() throws Exception {
    try (HiCacheNixl store = openCounted(budget(BUDGET));
        HiCacheNixl unseen = open()) {
      fill(store, 0, 16);
      // Written without a count: whoever reads the buckets finds them, and evicts.
      fill(unseen, 100, 30);
      setLastUse(unseen.directory().path(key(129)), 20_000);

      assertThat(store.evictNow(PATIENCE)).isEqualTo(new EvictionResult(0, 0));

      assertThat(usage(store)).isEqualTo(16L * UNIT);
      assertThat(pageFiles()).hasSize(46);
      fill(store, 16, 1);
      assertThat(store.evictNow(PATIENCE).pages()).isEqualTo(1);
      assertThat(store.exists(key(129))).as("a scan finds what was not counted").isFalse();
    }
  }

  @DataProvider
  public Object[][] capacities() {
    return new Object[][] {
      {"l3_cleaner_capacity_gb = 0"},
      {"l3_cleaner_capacity_gb = 0.0"},
      {"l3_cleaner_capacity_gb = -1"},
      {"l3_cleaner_capacity_gb = -0.5"},
      {"l3_cleaner_capacity_gb = nan"},
      {"l3_cleaner_capacity_gb = 'none'"},
      {"capacity_bytes = -1"},
      {"capacity_bytes = -9223372036854775808"},
    };
  }

  @Test(
      dataProvider = "capacities",
      description =
          "the peer's Capacity row: test_rejects_non_positive_capacity; our own capacity_bytes ="
              + " 0 says that there is none")
  public void shouldRejectANonPositiveCapacity(String line) throws Exception {
    Path file = Files.writeString(dir.resolve("config.toml"), line + "\n");
    String key = line.substring(0, line.indexOf(' '));

    assertThat(refused(() -> HiCacheNixl.open(config().file(file).build())))
        .hasMessageContaining(key)
        .hasMessageContaining("config.toml");

    refused(() -> HiCacheNixl.open(config().cleanerCapacityGb(0).build()));
    refused(() -> HiCacheNixl.open(config().capacityBytes(-1).build()));
    assertThat(filesBelow(dir)).containsExactly(file);
    try (HiCacheNixl store = HiCacheNixl.open(config().capacityBytes(0).build())) {
      assertThat(store.describe().eviction().enabled()).isFalse();
      assertThat(store.set(key(1), page(1))).isTrue();
    }
  }

  @Test(
      description =
          "the peer's Quota row: hysteresis at 90 %; above it eviction goes down to 80 % at once,"
              + " and not again before 90 % is exceeded")
  public void shouldBeginAbove90PercentAndEndAt80() throws Exception {
    try (HiCacheNixl store = openCounted(budget(BUDGET))) {
      fill(store, 0, 18);
      for (int round = 1; round <= 4; round++) {
        int page = 15 + 3 * round;
        assertThat(usage(store)).as("at the high mark").isEqualTo(18L * UNIT);
        assertThat(store.describe().eviction().evictedPages()).isEqualTo(3 * (round - 1));
        fill(store, page, 1);
        int rounds = round;
        await("a round of eviction", () -> store.describe().eviction().rounds() == rounds);
        assertThat(usage(store)).as("at the low mark").isEqualTo(16L * UNIT);
        fill(store, page + 1, 2);
      }
      assertThat(store.exists(key(11))).isFalse();
      assertThat(store.exists(key(12))).isTrue();
    }
  }

  @Test(
      description =
          "the peer's Quota row: flaky unlinks; other pages go meanwhile, and these once they can")
  public void shouldKeepItsBudgetWhileSomePagesCannotBeRemoved() throws Exception {
    ChildJvm child = CleanerProbe.run("flaky", dir);

    assertThat(child.value("evicted")).isEqualTo("2 pages, 8192 bytes");
    assertThat(child.value("problem")).contains("removing '");
    assertThat(child.value("held")).isEqualTo("[0, 1, 2, 5]");
    assertThat(Integer.parseInt(child.value("most"))).isBetween(17, 20);
    assertThat(child.value("still")).isEqualTo("[0, 1, 2]");
    assertThat(child.value("then")).isEqualTo("16");
    assertThat(child.value("last")).isEqualTo("''");
  }

  @Test(
      description =
          "the peer's Quota row: sparse files count allocated blocks. Here a page counts its length"
              + " in whole units, because a set must reserve it before a block is allocated, and a"
              + " budget means the same on every file system")
  public void shouldCountASparsePageByItsLength() throws Exception {
    Path sparse;
    Path small;
    try (HiCacheNixl store = open()) {
      fill(store, 0, 1);
      sparse = store.directory().path(key(1));
      small = store.directory().path(key(2));
    }
    Files.createDirectories(sparse.getParent());
    try (RandomAccessFile file = new RandomAccessFile(sparse.toFile(), "rw")) {
      file.setLength(10L * UNIT);
    }
    Files.createDirectories(small.getParent());
    Files.write(small, new byte[1]);

    setLastUse(sparse, 20_000);

    try (HiCacheNixl store = openCounted(budget(14L * UNIT))) {
      assertThat(usage(store)).as("1 + 10 + 1 units").isEqualTo(12L * UNIT);
      assertThat(store.evictNow(PATIENCE)).isEqualTo(new EvictionResult(1, 10L * UNIT));
    }
    assertThat(sparse).doesNotExist();
  }

  @Test(description = "the peer's Quota row: sibling namespaces share one budget")
  public void shouldShareOneBudgetAmongSiblingNamespaces() throws Exception {
    try (HiCacheNixl first = openCounted(namespace("first"));
        HiCacheNixl second = openCounted(namespace("second"))) {
      fill(first, 0, 12);
      fill(second, 100, 6);
      assertThat(usage(first)).isEqualTo(18L * UNIT).isEqualTo(usage(second));

      for (int i = 106; i < 126; i++) {
        fill(second, i, 1);
        assertThat(usage(first)).isLessThanOrEqualTo(BUDGET);
      }

      assertThat(first.exists(key(0))).as("the oldest of all, by the other's set").isFalse();
      assertThat(second.exists(key(125))).isTrue();
      second.evictNow(PATIENCE);
      assertThat(pageFiles()).as("of both").hasSize(16);
      assertThat(first.clear() + second.clear()).isEqualTo(16);
      assertThat(usage(first)).isZero();
    }
  }

  private HiCacheConfigBuilder namespace(String name) {
    return budget(BUDGET).naming("namespace").namespace(name);
  }
}
