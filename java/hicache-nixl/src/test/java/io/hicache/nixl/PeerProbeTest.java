// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.testng.SkipException;
import org.testng.annotations.Test;

/**
 * Faults that SGLang's connector was seen to answer with wrong pages or lost batches: sixteen pages
 * of 64 KiB in a registered pool, and one thing goes wrong.
 */
public class PeerProbeTest extends PoolFixture {
  private static final int PAGES = 16;
  private static final int PAGE_TOKENS = 64;
  private static final int BAD = 5;

  private interface Damage {
    void to(FileChannel file, long length) throws IOException;
  }

  @Test(dataProvider = "queues", description = "the probe: file cut to half, get")
  public void shouldLoseOnlyThePageWhoseFileIsCutToHalf(String queue) throws Exception {
    loseOnePage(queue, (file, length) -> file.truncate(length / 2));
  }

  @Test(dataProvider = "queues", description = "the probe: file emptied, exists / get")
  public void shouldLoseOnlyThePageWhoseFileIsEmptied(String queue) throws Exception {
    loseOnePage(queue, (file, length) -> file.truncate(0));
  }

  @Test(dataProvider = "queues", description = "the probe: one of 16 files missing, get of 16")
  public void shouldLoseOnlyThePageWhoseFileIsMissing(String queue) throws Exception {
    loseOnePage(queue, null);
  }

  /** Sixteen pages less the damaged one come back; it is neither promised nor served. */
  private void loseOnePage(String queue, Damage damage) throws IOException {
    List<String> keys = keys(PAGES);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, PAGES, PAGE_TOKENS);
        HiCacheNixl store = open(queue)) {
      List<byte[]> set = pages(pool, PAGES);
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys, firstPages(pool, PAGES))).containsOnly(true);
      Path file = fileNamed(keys.get(BAD) + "_m_0_1_v");
      if (damage == null) {
        Files.delete(file);
      } else {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          damage.to(channel, channel.size());
        }
      }
      Pools.fill(pool);

      assertThat(store.batchExists(keys)).isEqualTo(BAD);
      assertThat(store.exists(keys.get(BAD + 1))).isTrue();
      boolean[] got = store.batchGetV1(keys, firstPages(pool, PAGES));

      for (int i = 0; i < PAGES; i++) {
        assertThat(got[i]).as("page %d", i).isEqualTo(i != BAD);
        if (got[i]) {
          assertThat(page(pool, i)).isEqualTo(set.get(i));
        }
      }
      assertThat(store.batchSetV1(keys, firstPages(pool, PAGES))).containsOnly(true);
      assertThat(store.batchExists(keys)).as("a set heals it").isEqualTo(PAGES);
      assertThat(store.batchGetV1(keys, firstPages(pool, PAGES))).containsOnly(true);
    }
  }

  @Test(description = "the probe: disk full during set of 16")
  public void shouldPromiseOnlyWhatFittedWhenTheDiskFillsDuringASet() throws Exception {
    List<String> inNamespace = List.of("unshare", "-rm");
    ChildJvm trial =
        ChildJvm.run(List.of("unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"));
    if (trial.exitCode() != 0) {
      throw new SkipException("no mount in a namespace of our own: " + trial.output().strip());
    }
    String mount = "mount -t tmpfs -o size=4m tmpfs " + dir;
    ChildJvm child =
        ChildJvm.run(FullDiskProbe.class, inNamespace, mount, List.of(), dir.toString());

    assertThat(child.exitCode()).as(child.output()).isZero();
    List<String> pages = child.lines().stream().filter(l -> l.startsWith("page ")).toList();
    assertThat(pages)
        .hasSize(FullDiskProbe.PAGES)
        .allMatch(
            line ->
                line.equals("page STORED true HIT true")
                    || line.matches("page FAILED:NO_SPACE:(0|28) false MISS .*"),
            "stored, promised and whole, or refused for want of space, not promised and missed");
    assertThat(pages).contains("page STORED true HIT true");
    assertThat(pages).anyMatch(line -> line.startsWith("page FAILED"));
    assertThat(child.lines())
        .contains("old [true, true, true, true]", "kept [true, true, true, true]")
        .contains("again STORED", "then HIT");
    assertThat(child.lines().stream().filter("same true true"::equals)).hasSize(FullDiskProbe.OLD);
  }

  @Test(dataProvider = "queues", description = "the probe: reader polls exists() during set")
  public void shouldPromiseOnlyWholePagesWhileTheyAreWritten(String queue) throws Exception {
    int rounds = 40;
    List<String> keys = keys(rounds);
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try (HostKVCache source = mha(PoolLayout.PAGE_FIRST, rounds, PAGE_TOKENS);
        HostKVCache target = mha(PoolLayout.PAGE_FIRST, 1, PAGE_TOKENS);
        HiCacheNixl writer = open(queue);
        HiCacheNixl reader = open(queue)) {
      writer.registerMemPoolHost(source);
      reader.registerMemPoolHost(target);
      Future<Long> polled =
          thread.submit(
              () -> {
                long absent = 0;
                for (int i = 0; i < rounds; i++) {
                  while (!reader.exists(keys.get(i))) {
                    absent++;
                  }
                  List<String> one = keys.subList(i, i + 1);
                  assertThat(reader.batchGetV1(one, tokens(target, 0))).containsExactly(true);
                  assertThat(page(target, 0)).isEqualTo(page(source, i));
                }
                return absent;
              });
      for (int i = 0; i < rounds; i++) {
        List<String> one = keys.subList(i, i + 1);
        assertThat(writer.batchSetV1(one, tokens(source, i))).containsExactly(true);
      }
      assertThat(polled.get()).as("look-ups before a page was whole").isPositive();
    } finally {
      thread.shutdownNow();
    }
  }

  @Test(dataProvider = "queues", description = "the probe: overwrite of a longer file")
  public void shouldLeaveNoTailOfALongerFile(String queue) throws Exception {
    List<String> keys = keys(1);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 2, PAGE_TOKENS);
        HiCacheNixl store = open(queue)) {
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys, tokens(pool, 0))).containsOnly(true);
      for (Path file : pageFiles()) {
        Files.write(file, new byte[1 << 20]);
      }
      assertThat(store.batchExists(keys)).isZero();

      assertThat(store.batchSetV1(keys, tokens(pool, 1))).containsOnly(true);

      byte[] page = page(pool, 1);
      for (Path file : pageFiles()) {
        assertThat(file).hasSize(page.length / 2);
      }
      assertThat(store.batchGetV1(keys, tokens(pool, 0))).containsOnly(true);
      assertThat(page(pool, 0)).isEqualTo(page);
    }
  }

  @Test(dataProvider = "queues", description = "the probe: fd growth over 50 gets")
  public void shouldHoldNoFurtherFileDescriptorsAfterFiftyGets(String queue) throws Exception {
    List<String> keys = keys(PAGES);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, PAGES, PAGE_TOKENS);
        HiCacheNixl store = open(queue)) {
      store.registerMemPoolHost(pool);
      List<byte[]> set = pages(pool, PAGES);
      assertThat(store.batchSetV1(keys, firstPages(pool, PAGES))).containsOnly(true);
      assertThat(store.batchGetV1(keys, firstPages(pool, PAGES))).containsOnly(true);
      ProcessState before = ProcessState.now();
      for (int i = 0; i < 50; i++) {
        assertThat(store.batchGetV1(keys, firstPages(pool, PAGES))).containsOnly(true);
      }
      ProcessState.assertNothingAddedTo(before);
      assertThat(pages(pool, PAGES)).usingElementComparator(Arrays::compare).isEqualTo(set);
    }
  }
}
