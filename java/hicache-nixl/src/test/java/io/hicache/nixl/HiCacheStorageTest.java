// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.SkipException;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** Pages of registered pools go to the storage and come back, as an engine moves them. */
public class HiCacheStorageTest extends StoreFixture {
  private static final int PAGES = 6;
  private static final int TOKENS = 16;

  @DataProvider
  public Object[][] pools() {
    List<Object[]> rows = new ArrayList<>();
    for (PoolLayout layout : PoolLayout.values()) {
      for (boolean mla : new boolean[] {false, true}) {
        for (boolean direct : new boolean[] {false, true}) {
          rows.add(new Object[] {layout, mla, direct});
        }
      }
    }
    return rows.toArray(Object[][]::new);
  }

  private static HostKVCache pool(PoolLayout layout, boolean mla) {
    HostKVCacheBuilder builder = HostKVCache.builder();
    // A block of layer_first is 16 tokens x 4 heads x 32 x 2 bytes = 4096 bytes.
    builder = mla ? builder.mla(3, 128) : builder.mha(3, 4, 32);
    return builder.pages(PAGES).pageSize(TOKENS).dtype(ScalarType.BFloat16).layout(layout).build();
  }

  private static void fill(HostKVCache pool) {
    byte[] bytes = new byte[Math.toIntExact(pool.length())];
    Tensors.random().nextBytes(bytes);
    new org.bytedeco.javacpp.BytePointer(pool.memory().pointer()).put(bytes);
  }

  private static byte[] page(HostKVCache pool, int page) {
    return Tensors.bytes(pool.getDataPage((long) page * TOKENS, true));
  }

  private static long[] indices(int... pages) {
    return Arrays.stream(pages)
        .mapToObj(page -> LongStream.range((long) page * TOKENS, (long) (page + 1) * TOKENS))
        .flatMapToLong(range -> range)
        .toArray();
  }

  @Test(dataProvider = "pools")
  public void shouldMovePagesOfEveryLayoutThereAndBack(
      PoolLayout layout, boolean mla, boolean direct) throws Exception {
    List<String> keys = List.of("a", "b", "c");
    try (HostKVCache source = pool(layout, mla);
        HostKVCache target = pool(layout, mla);
        HiCacheNixl writer = HiCacheNixl.open(config().mla(mla).useDirectIo(direct).build());
        HiCacheNixl reader = HiCacheNixl.open(config().mla(mla).useDirectIo(direct).build())) {
      fill(source);
      fill(target);
      byte[] untouched = page(target, 5);
      writer.registerMemPoolHost(source);
      reader.registerMemPoolHost(target);
      assertThat(writer.batchExists(keys)).isZero();
      assertThat(writer.batchSetV1(keys, indices(4, 0, 2))).containsOnly(true);
      assertThat(reader.batchExists(List.of("a", "b", "c", "d"))).isEqualTo(3);
      assertThat(reader.batchGetV1(keys, indices(1, 3, 0))).containsOnly(true);
      assertThat(page(target, 1)).isEqualTo(page(source, 4));
      assertThat(page(target, 3)).isEqualTo(page(source, 0));
      assertThat(page(target, 0)).isEqualTo(page(source, 2));
      assertThat(page(target, 5)).isEqualTo(untouched);
      boolean zeroCopy = layout == PoolLayout.PAGE_FIRST || layout == PoolLayout.PAGE_FIRST_DIRECT;
      if (inFiles()) {
        assertThat(filesBelow(dir).stream().filter(f -> !f.toString().contains("/.hicache/")))
            .hasSize(zeroCopy && !mla ? 6 : 3);
      }
    }
  }

  @DataProvider
  public Object[][] pageCounts() {
    return new Object[][] {{1}, {2}};
  }

  @Test(dataProvider = "pageCounts")
  public void shouldSplitAPageOnlyWhereSglangDoesWhateverThePoolsSize(int pages) throws Exception {
    if (!inFiles()) {
      throw new SkipException("looks at files");
    }
    // K and V have 6144 bytes each, the page 12288: only the page is a multiple of 4096.
    HostKVCacheBuilder half = HostKVCache.builder().mha(3, 2, 32).pages(pages).pageSize(TOKENS);
    half.dtype(ScalarType.BFloat16).layout(PoolLayout.PAGE_FIRST);
    for (boolean direct : new boolean[] {false, true}) {
      String key = direct ? "direct" : "buffered";
      try (HostKVCache pool = half.build();
          HiCacheNixl store = HiCacheNixl.open(config().useDirectIo(direct).build())) {
        store.registerMemPoolHost(pool);
        assertThat(store.batchSetV1(List.of(key), indices(0))).containsOnly(true);
      }
      assertThat(filesBelow(dir).stream().filter(f -> f.getFileName().toString().startsWith(key)))
          .hasSize(direct ? 1 : 2);
    }
  }

  @Test
  public void shouldTellSkippedFromStored() {
    List<String> keys = List.of("a", "b");
    try (HostKVCache pool = pool(PoolLayout.PAGE_FIRST, false);
        HiCacheNixl store = open()) {
      fill(pool);
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetPagesV1(keys, indices(0, 1)))
          .allMatch(r -> r.outcome() == PageOutcome.STORED && r.length() == pool.pageBytes());
      assertThat(store.batchSetPagesV1(keys, indices(0, 1)))
          .allMatch(r -> r.outcome() == PageOutcome.SKIPPED && r.length() == pool.pageBytes());
      assertThat(store.batchSetV1(keys, indices(0, 1))).containsOnly(true);
      // Other bytes under the same key are stored.
      assertThat(store.batchSetPagesV1(keys, indices(0, 2)))
          .extracting(PageResult::outcome)
          .containsExactly(PageOutcome.SKIPPED, PageOutcome.STORED);
      assertThat(store.getStats().skippedPages()).isEqualTo(4 + 4 + 2);
      assertThat(store.getStats().storedPages()).isEqualTo(4 + 2);
    }
  }

  @Test
  public void shouldKeepPagesOfEqualKeysOfSeveralPoolsApart() {
    try (HostKVCache kv = pool(PoolLayout.PAGE_FIRST, false);
        HostKVCache swa = pool(PoolLayout.PAGE_FIRST, false);
        HostKVCache indexer = pool(PoolLayout.LAYER_FIRST, true);
        HostStatePool mamba =
            HostStatePool.allocate(
                ScalarType.Float,
                4,
                new long[] {2, 1024},
                new long[] {3, 1024},
                new long[] {1024});
        HiCacheNixl store = open()) {
      fill(kv);
      fill(swa);
      fill(indexer);
      mamba.buffer(0).fill_(new org.bytedeco.pytorch.Scalar(1.5));
      store.registerMemPoolHost(kv);
      store.registerMemHostPoolV2(swa, PoolName.SWA);
      store.registerMemHostPoolV2(indexer, PoolName.INDEXER);
      store.registerMemHostPoolV2(mamba, PoolName.MAMBA);
      List<String> keys = List.of("a", "b");
      List<PoolTransfer> transfers =
          List.of(
              PoolTransfer.of(PoolName.KV, keys, indices(0, 1)),
              PoolTransfer.of(PoolName.SWA, keys, indices(0, 1)),
              PoolTransfer.of(PoolName.INDEXER, keys, indices(0, 1)),
              PoolTransfer.of(PoolName.MAMBA, keys, new long[] {0, 3}));
      Map<PoolName, boolean[]> stored = store.batchSetV2(transfers);
      assertThat(stored).hasSize(4);
      stored.values().forEach(each -> assertThat(each).containsOnly(true));
      byte[] swaPage = page(swa, 1);
      Tensor states = mamba.buffer(0);
      swa.setFromFlatDataPage(TOKENS, swa.getDummyFlatDataPage());
      states.zero_();
      Map<PoolName, boolean[]> read = store.batchGetV2(transfers);
      read.values().forEach(each -> assertThat(each).containsOnly(true));
      assertThat(page(swa, 1)).isEqualTo(swaPage);
      assertThat(states.select(0, 3).sum().item_double()).isEqualTo(1.5 * 2048);
      assertThat(states.select(0, 1).sum().item_double()).isZero();
      PoolTransferResult found =
          store.batchExistsV2(
              List.of("a", "b", "c"),
              List.of(
                  PoolTransfer.allPages(PoolName.SWA),
                  PoolTransfer.trailingPages(PoolName.MAMBA, List.of())));
      assertThat(found.kvHitPages()).isEqualTo(2);
      assertThat(found.extraPoolHitPages())
          .isEqualTo(Map.of(PoolName.KV, 2, PoolName.SWA, 2, PoolName.MAMBA, 2));
      assertThat(store.delete("a")).isTrue();
      assertThat(store.exists("a")).isFalse();
      assertThat(store.delete("a")).isFalse();
      assertCleared(store.clear(), 2 + 2 + 1 + 3);
      assertThat(store.batchExists(keys)).isZero();
    }
  }

  @Test
  public void shouldKeepAPoolsMemoryUntilTheStoreIsClosed() {
    HostKVCache pool = pool(PoolLayout.PAGE_FIRST, true);
    try (HiCacheNixl store = open()) {
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(List.of("a"), indices(0))).containsOnly(true);
      pool.close();
      refused(ErrorCode.CLOSED, () -> store.batchSetV1(List.of("a"), indices(0)));
    }
  }

  @Test
  public void shouldRefuseAPoolThatIsNotWhatItsNamespaceSays() {
    HiCacheConfigBuilder config =
        config().naming("namespace").namespace("n").dtype("bfloat16").pageSize(TOKENS);
    try (HostKVCache good = pool(PoolLayout.PAGE_FIRST, false);
        HostKVCache mla = pool(PoolLayout.PAGE_FIRST, true);
        HostKVCache floats =
            HostKVCache.builder()
                .mha(3, 4, 32)
                .pages(2)
                .pageSize(TOKENS)
                .dtype(ScalarType.Float)
                .layout(PoolLayout.PAGE_FIRST)
                .build();
        HiCacheNixl store = HiCacheNixl.open(config.build())) {
      assertThat(refused(() -> store.registerMemPoolHost(floats))).hasMessageContaining("dtype");
      assertThat(refused(() -> store.registerMemPoolHost(mla))).hasMessageContaining("mla");
      store.registerMemPoolHost(good);
      fill(good);
      assertThat(store.batchSetV1(List.of("a"), indices(0))).containsOnly(true);
      // A page of a namespace is one file, whatever the layout.
      List<PageInfo> pages = new ArrayList<>();
      store.directory().forEach(pages::add);
      assertThat(pages).hasSize(1);
      byte[] page = page(good, 0);
      good.setFromFlatDataPage(0, good.getDummyFlatDataPage());
      assertThat(store.batchGetV1(List.of("a"), indices(0))).containsOnly(true);
      assertThat(page(good, 0)).isEqualTo(page);
    }
  }

  @Test
  public void shouldRefuseWhatDoesNotFitTogether() {
    try (HostKVCache pool = pool(PoolLayout.PAGE_FIRST, false);
        HiCacheNixl store = open()) {
      refused(() -> store.batchSetV1(List.of("a"), indices(0)));
      store.registerMemPoolHost(pool);
      refused(() -> store.batchSetV1(List.of("a", "b"), indices(0)));
      refused(() -> store.batchGetV1(List.of("a"), new long[] {0, 1, 2}));
      refused(() -> store.batchSetV1(null, indices(0)));
      refused(() -> store.batchGetV2(List.of(PoolTransfer.of(PoolName.SWA, List.of(), indices()))));
      refused(() -> store.registerMemPoolHost(null));
      assertThat(store.batchSetV1(List.of(), new long[0])).isEmpty();
    }
  }
}
