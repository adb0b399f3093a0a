// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.testng.SkipException;
import org.testng.annotations.Test;

/** What SGLang's TestNixlDirectIO shows of its connector, shown of this store. */
public class SglangDirectIoTest extends PoolFixture {
  private static final int PAGES = 4;

  @Test(description = "the peer's test_open_file_sets_o_direct")
  public void shouldBypassThePageCache() throws Exception {
    try (HiCacheNixl store = open()) {
      requireDirectIo(store);
      setAndGet(store);
      assertThat(pageFiles()).hasSize(2 * PAGES).noneMatch(SglangDirectIoTest::isCached);
    }
  }

  @Test(description = "the peer's test_open_file_no_o_direct")
  public void shouldGoThroughThePageCacheWithoutDirectIo() throws Exception {
    try (HiCacheNixl store = HiCacheNixl.open(config().useDirectIo(false).build())) {
      setAndGet(store);
      assertThat(pageFiles()).hasSize(2 * PAGES).allMatch(SglangDirectIoTest::isCached);
    }
  }

  @Test(description = "the peer's test_needs_page_alignment_true_for_file_backend")
  public void shouldStateTheAlignmentThatDirectIoNeeds() {
    try (HiCacheNixl store = open()) {
      requireDirectIo(store);
      assertThat(store.describe().directories())
          .allMatch(directory -> directory.alignment() == PoolFiles.ALIGNMENT);
    }
  }

  @Test(description = "the peer's test_odirect_unaligned_pool_falls_back_to_copy")
  public void shouldNameThePagesOfAnUnalignedPoolAsSglangCopiesThem() throws Exception {
    List<String> keys = keys(1);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 2, 7)) {
      assertThat(pool.isStridePageAligned(PoolFiles.ALIGNMENT)).isFalse();
      for (boolean direct : new boolean[] {true, false}) {
        try (HiCacheNixl store = HiCacheNixl.open(config().useDirectIo(direct).build())) {
          store.registerMemPoolHost(pool);
          byte[] page = page(pool, 0);
          assertThat(store.batchSetV1(keys, tokens(pool, 0))).containsOnly(true);
          assertThat(fileNames())
              .allMatch(name -> name.matches(".*_0_1" + (direct ? "" : "_[kv]")));
          assertThat(store.batchGetV1(keys, tokens(pool, 1))).containsOnly(true);
          assertThat(page(pool, 1)).isEqualTo(page);
          assertThat(store.clear()).isEqualTo(direct ? 1 : 2);
        }
      }
    }
  }

  @Test(description = "the peer's test_odirect_disabled_via_config")
  public void shouldSwitchDirectIoOffByConfiguration() {
    HiCacheConfig variable =
        config().environment(Map.of("SGLANG_HICACHE_NIXL_USE_DIRECT_IO", "false")).build();
    for (HiCacheConfig config : List.of(config().useDirectIo(false).build(), variable)) {
      try (HiCacheNixl store = HiCacheNixl.open(config)) {
        assertThat(store.describe().directories())
            .singleElement()
            .satisfies(directory -> assertThat(directory.directIo()).isFalse())
            .satisfies(directory -> assertThat(directory.directIoReason()).isNotBlank());
      }
    }
  }

  private static void setAndGet(HiCacheNixl store) {
    List<String> keys = keys(PAGES);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, PAGES, 64)) {
      store.registerMemPoolHost(pool);
      List<byte[]> before = pages(pool, PAGES);
      assertThat(store.batchSetV1(keys, firstPages(pool, PAGES))).containsOnly(true);
      Pools.fill(pool);
      assertThat(store.batchGetV1(keys, firstPages(pool, PAGES))).containsOnly(true);
      assertThat(pages(pool, PAGES)).usingElementComparator(Arrays::compare).isEqualTo(before);
    }
  }

  /** Whether the kernel holds the whole file in memory. */
  private static boolean isCached(Path file) {
    try (FileChannel channel = FileChannel.open(file)) {
      return channel.map(MapMode.READ_ONLY, 0, channel.size()).isLoaded();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void requireDirectIo(HiCacheNixl store) {
    for (StoreDescription.Directory directory : store.describe().directories()) {
      if (!directory.directIo()) {
        throw new SkipException(directory.path() + ": " + directory.directIoReason());
      }
    }
  }
}
