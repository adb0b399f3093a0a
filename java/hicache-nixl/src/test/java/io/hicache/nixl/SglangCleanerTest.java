// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/**
 * What SGLang's TestHiCacheL3Cleaner shows of its cleaner, shown of eviction here. SGLang groups
 * files in a process's memory and goes by the time of writing; here any process evicts, one at a
 * time, and goes by the last use of any file of a page.
 */
public class SglangCleanerTest extends EvictionFixture {
  /** Two pages of seven files are above the low mark of it, and not above the high one. */
  private static final long BUDGET = 16L * UNIT;

  private static final List<String> HYBRID =
      List.of(
          "_m_0_1_k",
          "_m_0_1_v",
          "_m_0_1_swa_k",
          "_m_0_1_swa_v",
          "_m_0_1_indexer",
          "_m_0_1_mamba_temporal",
          "_m_0_1_mamba_conv_0");

  @Test(
      description =
          "the peer's test_parse_group_key_strips_rank_and_kv_suffix, by what leaves together")
  public void shouldTakeTheRanksAndHalvesOfAPageForOnePage() throws Exception {
    List<String> keys = keys(2);
    try (HostKVCache halves = mha(PoolLayout.PAGE_FIRST, 2);
        HostKVCache latent = mla(2)) {
      for (int rank : new int[] {0, 7}) {
        try (HiCacheNixl store = HiCacheNixl.open(config().tpSize(8).tpRank(rank).build())) {
          store.registerMemPoolHost(halves);
          assertThat(store.batchSetV1(keys, firstPages(halves, 2))).containsOnly(true);
          assertThat(store.set(keys.get(0), page(0))).isTrue();
          assertThat(store.set(keys.get(1), page(1))).isTrue();
        }
      }
      try (HiCacheNixl store = HiCacheNixl.open(config().mla(true).build())) {
        store.registerMemPoolHost(latent);
        assertThat(store.batchSetV1(keys, firstPages(latent, 2))).containsOnly(true);
      }
    }
    List<String> suffixes =
        List.of("_m_0_8", "_m_0_8_k", "_m_0_8_v", "_m_7_8", "_m_7_8_k", "_m_7_8_v", "_m_k");
    requireFiles(names(keys, suffixes));

    useAgain(keys, "_m_7_8_v");
    evictWhole(keys, suffixes);
  }

  @DataProvider
  public Object[][] components() {
    return HYBRID.stream().map(suffix -> new Object[] {suffix}).toArray(Object[][]::new);
  }

  @Test(
      dataProvider = "components",
      description =
          "the peer's test_parse_group_key_strips_hybrid_component_suffix: the use of any one"
              + " component is the use of its page")
  public void shouldTakeTheComponentsOfHybridModelsForOnePage(String used) throws Exception {
    List<String> keys = keys(2);
    setHybridPages(config(), keys);
    useAgain(keys, used);
    evictWhole(keys, HYBRID);
  }

  @Test(description = "the peer's test_tick_deletes_hybrid_components_atomically")
  public void shouldTakeTheComponentsOfTheOldestHybridPageTogether() throws Exception {
    List<String> keys = keys(2);
    Path first = dir.resolve("a");
    Path second = dir.resolve("b");
    setHybridPages(config().storageDirs(first, second), keys);
    assertThat(filesBelow(first)).isNotEmpty();
    assertThat(filesBelow(second)).isNotEmpty();
    setLastUses(keys.get(0), 300);
    setLastUses(keys.get(1), 400);

    try (HiCacheNixl store = openCounted(budget(BUDGET).storageDirs(first, second));
        HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 1)) {
      assertThat(usage(store)).isEqualTo(14L * UNIT);
      EvictionResult evicted = store.evictNow(PATIENCE);

      assertThat(evicted.pages()).as("two files would do").isEqualTo(7);
      assertThat(usage(store)).isEqualTo(7L * UNIT);
      store.registerMemPoolHost(pool);
      assertThat(store.batchExists(keys)).isEqualTo(1);
      assertThat(store.exists(keys.get(1))).isFalse();
    }
    requireFiles(names(keys.subList(0, 1), HYBRID));
  }

  @Test(description = "the peer's test_tick_ignores_non_bucket_directories")
  public void shouldIgnoreWhatIsInNoBucketAndWhatIsNoPage() throws Exception {
    List<Path> foreign = new ArrayList<>();
    Path page;
    try (HiCacheNixl store = open()) {
      page = store.directory().path(key(7));
    }
    String name = page.getFileName().toString();
    Path bucket = page.getParent();
    String other = bucket.endsWith("00") ? "01" : "00";
    writeOld(page);
    foreign.add(writeOld(dir.resolve("README")));
    foreign.add(writeOld(dir.resolve("not-a-bucket").resolve(name)));
    foreign.add(writeOld(dir.resolve(bucket.getFileName() + "0").resolve(name)));
    foreign.add(writeOld(bucket.resolve("below").resolve(name)));
    foreign.add(writeOld(dir.resolve(other).resolve(name)));
    foreign.add(writeOld(bucket.resolve("notes")));
    foreign.add(writeOld(bucket.resolve(key(7))));

    try (HiCacheNixl store = openCounted(budget(7 * UNIT / 2))) {
      assertThat(usage(store)).as("the page alone").isEqualTo(3 * UNIT);
      assertThat(store.evictNow(PATIENCE).pages()).isEqualTo(1);
      assertThat(usage(store)).isZero();
    }

    assertThat(page).doesNotExist();
    assertThat(foreign).allSatisfy(file -> assertThat(file).hasSize(3 * UNIT));
  }

  @Test(
      description =
          "the peer's test_safe_unlink_tolerates_missing_and_os_errors: what is missing and what"
              + " cannot be removed counts for nothing, the next page goes and counts its bytes")
  public void shouldEvictOthersWherePagesAreMissingOrCannotBeRemoved() throws Exception {
    ChildJvm child = CleanerProbe.run("missing", dir);

    assertThat(child.value("evicted")).isEqualTo("2 pages, 8192 bytes");
    assertThat(child.value("problem")).contains("removing '", key(0));
    assertThat(child.value("present")).as("0 is held, 1 missing").isEqualTo("[0, 4, 5]");
    assertThat(child.value("usage")).isEqualTo("16");
  }

  @Test(
      description =
          "the peer's test_start_only_runs_on_tp_rank_zero, which keeps ranks from evicting the"
              + " same pages; here every rank may, so that none has to be alive, and one does")
  public void shouldLetOneRankEvictAtATime() throws Exception {
    int ranks = 4;
    ExecutorService threads = Executors.newFixedThreadPool(ranks);
    List<HiCacheNixl> stores = new ArrayList<>();
    try {
      for (int rank = 0; rank < ranks; rank++) {
        stores.add(openCounted(budget(20 * UNIT).tpSize(ranks).tpRank(rank)));
      }
      for (int round = 0; round < 5; round++) {
        // Two pages above the low mark, none above the high one: nobody evicts unasked.
        HiCacheNixl writer = stores.get(round % ranks);
        fill(writer, 100 * round, round == 0 ? 18 : 2);
        CyclicBarrier together = new CyclicBarrier(ranks);
        List<Future<Long>> evictions = new ArrayList<>();
        for (HiCacheNixl store : stores) {
          evictions.add(
              threads.submit(
                  () -> {
                    together.await();
                    return store.evictNow(PATIENCE).pages();
                  }));
        }
        long evicted = 0;
        for (Future<Long> eviction : evictions) {
          evicted += eviction.get();
        }
        assertThat(evicted).as("by all ranks together").isEqualTo(2);
        assertThat(pageFiles()).hasSize(16);
        assertThat(stores).allMatch(store -> usage(store) == 16 * UNIT);
      }
      fill(stores.get(0), 1000, 2);
      stores.get(0).close();
      assertThat(stores.get(1).evictNow(PATIENCE).pages()).as("without rank 0").isEqualTo(2);
    } finally {
      threads.shutdownNow();
      stores.forEach(HiCacheNixl::close);
    }
  }

  /** Two pages of keys and values, an index, sliding windows and Mamba state: seven files each. */
  private void setHybridPages(HiCacheConfigBuilder config, List<String> keys) {
    long[] tokens;
    try (HostKVCache kv = mha(PoolLayout.PAGE_FIRST, 2);
        HostKVCache window = mha(PoolLayout.PAGE_FIRST, 2);
        HostKVCache index = mha(PoolLayout.LAYER_FIRST, 2, 4);
        HostStatePool mamba =
            HostStatePool.allocate(ScalarType.Float, 2, new long[] {1024}, new long[] {1024});
        HiCacheNixl store = HiCacheNixl.open(config.build())) {
      tokens = firstPages(kv, 2);
      store.registerMemPoolHost(kv);
      store.registerMemHostPoolV2(window, PoolName.SWA);
      store.registerMemHostPoolV2(index, PoolName.INDEXER);
      store.registerMemHostPoolV2(mamba, PoolName.MAMBA);
      assertThat(store.batchSetV1(keys, tokens)).containsOnly(true);
      List<PoolTransfer> transfers =
          List.of(
              PoolTransfer.of(PoolName.SWA, keys, tokens),
              PoolTransfer.of(PoolName.INDEXER, keys, firstPages(index, 2)),
              PoolTransfer.of(PoolName.MAMBA, keys, new long[] {0, 1}));
      assertThat(store.batchSetV2(transfers))
          .containsOnlyKeys(PoolName.INDEXER, PoolName.SWA, PoolName.MAMBA)
          .allSatisfy((name, stored) -> assertThat(stored).containsOnly(true));
    }
  }

  private static List<String> names(Collection<String> keys, List<String> suffixes) {
    return keys.stream().flatMap(key -> suffixes.stream().map(suffix -> key + suffix)).toList();
  }

  private void requireFiles(List<String> names) throws IOException {
    assertThat(new TreeSet<>(fileNames())).isEqualTo(new TreeSet<>(names));
  }

  private void setLastUses(String key, long secondsAgo) throws IOException {
    for (Path file : pageFiles()) {
      if (file.getFileName().toString().startsWith(key)) {
        setLastUse(file, secondsAgo);
      }
    }
  }

  /** All files of the first key were used before those of the second, but for one just now. */
  private void useAgain(List<String> keys, String suffix) throws IOException {
    setLastUses(keys.get(0), 400);
    setLastUses(keys.get(1), 300);
    setLastUse(fileNamed(keys.get(0) + suffix), 1);
  }

  /** Every file of the second key goes, and no other. */
  private void evictWhole(List<String> keys, List<String> suffixes) throws IOException {
    requireFiles(names(keys, suffixes));
    try (HiCacheNixl store = openCounted(budget(BUDGET))) {
      assertThat(usage(store)).isEqualTo(14L * UNIT);
      assertThat(store.evictNow(PATIENCE).pages()).as("two files would do").isEqualTo(7);
    }
    requireFiles(names(keys.subList(0, 1), suffixes));
  }

  private static Path writeOld(Path file) throws IOException {
    byte[] bytes = new byte[3 * UNIT];
    Arrays.fill(bytes, (byte) 'x');
    Files.createDirectories(file.getParent());
    Files.write(file, bytes);
    setLastUse(file, 9000);
    return file;
  }
}
