// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.hicache.cli.PageMigration.Finding;
import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheNixl;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import org.testng.annotations.Test;

/** What may come in between while pages are moved in many small batches. */
public class PageMigrationTest extends MigrationFixture {
  private static final int PAGE_BYTES = 16 << 10;
  private static final int BATCH_BYTES = 4 * PAGE_BYTES;

  /** Runs one migration; each batch is of four pages. */
  private static PageMigration migrate(
      HiCacheConfig from,
      HiCacheConfig to,
      boolean keep,
      BooleanSupplier interrupted,
      LongConsumer advance) {
    try (NativeMemory memory = new NativeMemory();
        HiCacheNixl source = HiCacheNixl.open(from);
        HiCacheNixl target = HiCacheNixl.open(to)) {
      PageMigration migration = new PageMigration(source, target, memory, keep, BATCH_BYTES);
      migration.moveAll(interrupted, advance);
      return migration;
    }
  }

  /** Asserts that every page is whole in one of two stores or in both. */
  private static void assertNoneIsLost(HiCacheConfig one, HiCacheConfig other, List<Page> all) {
    try (HiCacheNixl first = HiCacheNixl.open(one);
        HiCacheNixl second = HiCacheNixl.open(other)) {
      for (Page page : all) {
        byte[] inFirst = contentOf(first, page);
        byte[] inSecond = contentOf(second, page);
        assertThat(inFirst != null || inSecond != null).as(page.key() + " is there").isTrue();
        if (inFirst != null) {
          assertThat(inFirst).as(page.key()).isEqualTo(page.content());
        }
        if (inSecond != null) {
          assertThat(inSecond).as(page.key()).isEqualTo(page.content());
        }
      }
    }
  }

  @Test(dataProvider = "targets")
  public void shouldEndBetweenBatchesAndGoOnTheNextTime(String to) {
    List<Page> all = equalPages(40, PAGE_BYTES);
    HiCacheConfig from = config(other(to)).build();
    set(from, all);
    AtomicInteger asked = new AtomicInteger();
    PageMigration first =
        migrate(from, config(to).build(), false, () -> asked.incrementAndGet() > 3, bytes -> {});
    assertThat(first.stop()).isEqualTo(PageMigration.Stop.INTERRUPTED);
    assertThat(first.count(Finding.MOVED)).isEqualTo(12);
    assertThat(first.bytes()).isEqualTo(12 * PAGE_BYTES);
    assertThat(keysOf(from)).hasSize(28);
    assertThat(keysOf(config(to).build())).hasSize(12);
    assertNoneIsLost(from, config(to).build(), all);

    PageMigration second = migrate(from, config(to).build(), false, () -> false, bytes -> {});
    assertThat(second.stop()).isNull();
    assertThat(second.count(Finding.MOVED)).isEqualTo(28);
    assertHolds(config(to).build(), all);
  }

  @Test(dataProvider = "targets")
  public void shouldTellHowFarItIs(String to) {
    List<Page> all = equalPages(10, PAGE_BYTES);
    set(config(other(to)).build(), all);
    List<Long> steps = new ArrayList<>();
    migrate(config(other(to)).build(), config(to).build(), false, () -> false, steps::add);
    assertThat(steps.stream().mapToLong(Long::longValue).sum()).isEqualTo(10 * PAGE_BYTES);
  }

  @Test(dataProvider = "targets")
  public void shouldNotCoverWhatComesIntoTheSourceMeanwhile(String to) {
    notCoverWhatComes(to, false);
  }

  @Test(dataProvider = "targets")
  public void shouldNotCoverWhatComesIntoAKeptSourceMeanwhile(String to) {
    notCoverWhatComes(to, true);
  }

  /**
   * After the first batch all pages of the source are replaced: some of them were listed before.
   */
  private void notCoverWhatComes(String to, boolean keep) {
    List<Page> old = equalPages(30, PAGE_BYTES);
    HiCacheConfig from = config(other(to)).build();
    set(from, old);
    byte[] young = new byte[PAGE_BYTES];
    new Random(1).nextBytes(young);
    try (HiCacheNixl engine = HiCacheNixl.open(from);
        NativeMemory memory = new NativeMemory()) {
      NativeMemory.Range page = memory.allocate(PAGE_BYTES);
      page.view(0, PAGE_BYTES).put(young);
      boolean[] replaced = {false};
      PageMigration migration =
          migrate(
              from,
              config(to).build(),
              keep,
              () -> false,
              bytes -> {
                if (!replaced[0]) {
                  replaced[0] = true;
                  old.forEach(each -> engine.set(each.key(), page.address(), PAGE_BYTES));
                }
              });
      assertThat(replaced[0]).isTrue();
      assertThat(migration.count(Finding.CHANGED)).isPositive();
      assertThat(migration.problems())
          .filteredOn(problem -> problem.finding() == Finding.CHANGED)
          .hasSize((int) migration.count(Finding.CHANGED))
          .allMatch(problem -> problem.reason().contains("again"));
    }
    try (HiCacheNixl source = HiCacheNixl.open(from);
        HiCacheNixl target = HiCacheNixl.open(config(to).build())) {
      int firstBatch = 0;
      for (Page page : old) {
        byte[] left = contentOf(source, page);
        byte[] moved = contentOf(target, page);
        // Those of the first batch were moved, and set anew in the source afterwards.
        if (moved != null && !Arrays.equals(moved, young)) {
          assertThat(moved).isEqualTo(page.content());
          firstBatch++;
        } else if (!keep) {
          assertThat(left == null ? moved : left).as(page.key()).isEqualTo(young);
        }
        if (left != null) {
          assertThat(left).as(page.key()).isEqualTo(young);
        }
      }
      assertThat(firstBatch).isEqualTo(4);
    }
  }

  @Test(dataProvider = "targets")
  public void shouldStopWhenTheTargetIsFull(String to) {
    List<Page> all = equalPages(200, PAGE_BYTES);
    HiCacheConfig from = config(other(to)).build();
    set(from, all);
    HiCacheConfig small = config(to).capacityBytes(1 << 20).cleanerEnabled(false).build();
    PageMigration migration = migrate(from, small, false, () -> false, bytes -> {});
    assertThat(migration.stop()).isEqualTo(PageMigration.Stop.NO_SPACE);
    assertThat(migration.count(Finding.MOVED)).isBetween(40L, 64L);
    assertThat(migration.pages()).as("it does not try the others").isLessThan(80);
    assertThat(migration.problems())
        .isNotEmpty()
        .allMatch(problem -> problem.cause().getMessage().contains("capacity"));
    assertNoneIsLost(from, config(to).build(), all);
    assertThat(keysOf(from)).hasSize(200 - (int) migration.count(Finding.MOVED));

    PageMigration rest = migrate(from, config(to).build(), false, () -> false, bytes -> {});
    assertThat(rest.left()).isZero();
    assertHolds(config(to).build(), all);
  }

  @Test(dataProvider = "targets")
  public void shouldLoseNothingWhenKilledAtAnyPoint(String to) throws Exception {
    long seed = Long.getLong("hicache.test.seed", System.nanoTime());
    System.out.println("kills: -Dhicache.test.seed=" + seed);
    Random random = new Random(seed);
    List<Page> all = equalPages(600, PAGE_BYTES);
    HiCacheConfig from = config(other(to)).build();
    set(from, all);
    int inTheMiddle = 0;
    for (int kill = 0; kill < 4; kill++) {
      killAfter(5 + random.nextInt(15), random.nextInt(3000), to);
      assertNoneIsLost(from, config(to).build(), all);
      int left = keysOf(from).size();
      inTheMiddle += left > 0 && left < 600 ? 1 : 0;
    }
    assertThat(inTheMiddle).as("kills with pages in both layouts").isEqualTo(4);

    PageMigration rest = migrate(from, config(to).build(), false, () -> false, bytes -> {});
    assertThat(rest.left()).as(rest.problems().toString()).isZero();
    assertHolds(config(to).build(), all);
    assertThat(keysOf(from)).isEqualTo(new TreeSet<>());
  }

  /** Kills a process that migrates, some time after so many batches. */
  private void killAfter(int batches, int micros, String to) throws Exception {
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
            "-cp",
            System.getProperty("java.class.path"),
            MigrationProbe.class.getName(),
            pages.toString(),
            to,
            String.valueOf(BATCH_BYTES));
    Path errors = inFolder("errors");
    Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    try (BufferedReader lines = process.inputReader()) {
      for (int i = 0; i < batches; i++) {
        assertThat(lines.readLine()).as(() -> read(errors)).isEqualTo("batch");
      }
      Thread.sleep(micros / 1000, micros % 1000 * 1000);
    } finally {
      process.destroyForcibly().waitFor();
    }
    assertThat(process.exitValue()).as(() -> read(errors)).isEqualTo(128 + 9);
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException unreadable) {
      return unreadable.toString();
    }
  }
}
