// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.testng.SkipException;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** Weaknesses of SGLang's connector, by the numbers of docs/peer-tests.md, that are not ours. */
public class PeerWeaknessTest extends PoolFixture {
  /** SGLang's batches, and its bounce buffers, have this many pages. */
  private static final int PEER_BATCH = 128;

  @Test(description = "2: after a power cut short or zero pages look present")
  public void shouldNotServeThePageWhoseBytesAPowerCutTook() throws Exception {
    List<String> keys = keys(2);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 2);
        HiCacheNixl store = open()) {
      requireAttributes(store);
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys, firstPages(pool, 2))).containsOnly(true);
      overwrite(fileNamed(keys.get(0) + "_m_0_1_k"), 0, 4096);
      overwrite(fileNamed(keys.get(1) + "_m_0_1_v"), 0, 0);

      assertThat(store.batchGetPagesV1(keys, firstPages(pool, 2)))
          .allSatisfy(page -> assertThat(page.outcome()).isEqualTo(PageOutcome.CORRUPT))
          .allSatisfy(page -> assertThat(page.cause().code()).isEqualTo(ErrorCode.CORRUPT));
      assertThat(store.exists(keys.get(1))).isFalse();
    }
  }

  @Test(description = "a poisoned prefix: exists promises pages that get refuses")
  public void shouldLetASetHealAPageWhoseBytesAreDamaged() throws Exception {
    List<String> keys = keys(1);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 2);
        HiCacheNixl store = open()) {
      requireAttributes(store);
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys, tokens(pool, 0))).containsOnly(true);
      overwrite(fileNamed(keys.get(0) + "_m_0_1_k"), 0, 4096);
      assertThat(store.batchGetV1(keys, tokens(pool, 1))).containsExactly(false);
      assertThat(store.exists(keys.get(0))).as("once it is known to be damaged").isFalse();

      assertThat(store.batchSetV1(keys, tokens(pool, 0))).containsExactly(true);

      assertThat(store.exists(keys.get(0))).isTrue();
      assertThat(store.batchGetV1(keys, tokens(pool, 1))).containsExactly(true);
      assertThat(page(pool, 1)).isEqualTo(page(pool, 0));
    }
  }

  @Test(description = "3: all-or-nothing results although the interface is per key")
  public void shouldTellWhatBecameOfEachPage() throws Exception {
    List<String> keys = keys(4);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 4);
        HiCacheNixl store = open()) {
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys.subList(0, 3), firstPages(pool, 3))).containsOnly(true);
      overwrite(fileNamed(keys.get(1) + "_m_0_1_k"), 0, 100);

      List<PageResult> results = store.batchGetPagesV1(keys, firstPages(pool, 4));

      assertThat(results)
          .extracting(PageResult::outcome)
          .containsExactly(
              PageOutcome.HIT, outcomeOfACutPage(store), PageOutcome.HIT, PageOutcome.MISS);
      assertThat(results.get(1).cause()).hasMessageContaining(keys.get(1));
    }
  }

  @Test(description = "4: a failed zero-copy get has overwritten host pages, and nothing says so")
  public void shouldTouchNoPageButThoseOfAFailedGet() throws Exception {
    List<String> keys = keys(1);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 8);
        HiCacheNixl store = open()) {
      requireAttributes(store);
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys, tokens(pool, 0))).containsOnly(true);
      overwrite(fileNamed(keys.get(0) + "_m_0_1_v"), 0, 4096);
      List<byte[]> before = pages(pool, 8);

      PageResult failed = store.batchGetPagesV1(keys, tokens(pool, 3)).get(0);

      assertThat(failed.outcome())
          .as("which says that page 3 is undefined")
          .isEqualTo(PageOutcome.CORRUPT);
      for (int i : new int[] {0, 1, 2, 4, 5, 6, 7}) {
        assertThat(page(pool, i)).as("page %d", i).isEqualTo(before.get(i));
      }
    }
  }

  @DataProvider
  public Object[][] oddPools() {
    return new Object[][] {
      {PoolLayout.PAGE_FIRST, 1}, {PoolLayout.PAGE_FIRST, 7}, {PoolLayout.LAYER_FIRST, 3},
      {PoolLayout.PAGE_FIRST_DIRECT, 13}, {PoolLayout.PAGE_HEAD, 5}, {PoolLayout.PAGE_FIRST, 12},
    };
  }

  @Test(
      dataProvider = "oddPools",
      description = "14: with O_DIRECT odd page sizes switch the storage off")
  public void shouldMovePagesOfOddSizesWithDirectIo(PoolLayout layout, int tokens) {
    List<String> keys = keys(20);
    try (HostKVCache pool = mha(layout, 20, tokens);
        HiCacheNixl store = HiCacheNixl.open(config().useDirectIo(true).build())) {
      List<byte[]> set = pages(pool, 20);
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys, firstPages(pool, 20))).containsOnly(true);
      Pools.fill(pool);

      assertThat(store.batchGetV1(keys, firstPages(pool, 20))).containsOnly(true);

      assertThat(pages(pool, 20)).usingElementComparator(Arrays::compare).isEqualTo(set);
    }
  }

  @DataProvider
  public Object[][] layouts() {
    return new Object[][] {{PoolLayout.PAGE_FIRST}, {PoolLayout.LAYER_FIRST}};
  }

  @Test(dataProvider = "layouts", description = "14: more than 128 pages in a call store nothing")
  public void shouldMoveMoreThan128PagesInOneCall(PoolLayout layout) {
    int count = 2 * PEER_BATCH + 1;
    List<String> keys = keys(count);
    try (HostKVCache pool = mha(layout, count);
        HiCacheNixl store = open()) {
      List<byte[]> set = pages(pool, count);
      store.registerMemPoolHost(pool);
      store.registerMemHostPoolV2(pool, PoolName.SWA);
      PoolTransfer all = PoolTransfer.of(PoolName.SWA, keys, firstPages(pool, count));
      assertThat(store.batchSetV1(keys, firstPages(pool, count))).hasSize(count).containsOnly(true);
      assertThat(store.batchSetV2(List.of(all)).get(PoolName.SWA))
          .hasSize(count)
          .containsOnly(true);
      assertThat(store.batchExists(keys)).isEqualTo(count);

      Pools.fill(pool);
      assertThat(store.batchGetV1(keys, firstPages(pool, count))).hasSize(count).containsOnly(true);
      assertThat(pages(pool, count)).usingElementComparator(Arrays::compare).isEqualTo(set);
      Pools.fill(pool);
      assertThat(store.batchGetV2(List.of(all)).get(PoolName.SWA))
          .hasSize(count)
          .containsOnly(true);
      assertThat(pages(pool, count)).usingElementComparator(Arrays::compare).isEqualTo(set);
    }
  }

  @Test(description = "15: no probe of O_DIRECT: a file system without it fails every transfer")
  public void shouldWorkWhereDirectIoDoesNot() throws Exception {
    Path shared = Path.of("/dev/shm");
    if (!Files.isWritable(shared)) {
      throw new SkipException("no writable /dev/shm");
    }
    Path memory = Files.createTempDirectory(shared, "hicache-test");
    List<String> keys = keys(3);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 3);
        HiCacheNixl store =
            HiCacheNixl.open(config().storageDirs(memory).useDirectIo(true).build())) {
      StoreDescription.Directory directory = store.describe().directories().get(0);
      assertThat(directory.directIo()).isFalse();
      assertThat(directory.directIoReason()).isNotBlank();
      List<byte[]> set = pages(pool, 3);
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys, firstPages(pool, 3))).containsOnly(true);
      Pools.fill(pool);
      assertThat(store.batchGetV1(keys, firstPages(pool, 3))).containsOnly(true);
      assertThat(pages(pool, 3)).usingElementComparator(Arrays::compare).isEqualTo(set);
    } finally {
      removeTree(memory);
    }
  }

  @Test(description = "17: two bounce buffers of 128 pages for each pool, always resident")
  public void shouldHoldNoBounceBuffers() throws Exception {
    List<String> keys = keys(PEER_BATCH);
    int pageBytes = 512 << 10;
    try (HostKVCache pool = mha(PoolLayout.LAYER_FIRST, PEER_BATCH, pageBytes >> 10);
        HiCacheNixl store = open()) {
      assertThat(pool.pageBytes()).isEqualTo(pageBytes);
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys.subList(0, 1), tokens(pool, 0))).containsOnly(true);
      long before = ProcessState.residentBytes();

      store.registerMemHostPoolV2(pool, PoolName.SWA);
      PoolTransfer all = PoolTransfer.of(PoolName.SWA, keys, firstPages(pool, PEER_BATCH));
      assertThat(store.batchSetV2(List.of(all)).get(PoolName.SWA)).containsOnly(true);
      assertThat(store.batchGetV2(List.of(all)).get(PoolName.SWA)).containsOnly(true);

      long peer = 2L * PEER_BATCH * pageBytes;
      assertThat(ProcessState.residentBytes() - before).isLessThan(peer / 2);
    }
  }

  @Test(description = "18: no metrics")
  public void shouldCountWhatWentThrough() throws Exception {
    List<String> keys = keys(3);
    List<String> absent = keys(2);
    try (HostKVCache pool = mla(3);
        HiCacheNixl store = HiCacheNixl.open(config().mla(true).build())) {
      store.registerMemPoolHost(pool);
      long page = pool.pageBytes();
      assertThat(store.getStats()).isEqualTo(new StorageStats(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
      store.batchSetV1(keys, firstPages(pool, 3));
      store.batchGetV1(keys, firstPages(pool, 3));
      store.batchGetV1(absent, firstPages(pool, 2));
      assertThat(store.batchExists(keys)).isEqualTo(3);
      assertThat(store.batchExists(absent)).isZero();
      assertThat(store.delete(keys.get(2))).isTrue();
      overwrite(fileNamed(keys.get(0) + "_m_k"), 0, 100);
      store.batchGetV1(keys.subList(0, 1), tokens(pool, 0));

      StorageStats stats = store.getStats();
      assertThat(stats.storedPages()).isEqualTo(3);
      assertThat(stats.storedBytes()).isEqualTo(3 * page);
      assertThat(stats.hitPages()).isEqualTo(3);
      assertThat(stats.hitBytes()).isEqualTo(3 * page);
      assertThat(stats.missedPages()).isEqualTo(2);
      assertThat(stats.foundPages()).isEqualTo(3);
      assertThat(stats.absentPages()).isEqualTo(2);
      assertThat(stats.removedPages()).isEqualTo(1);
      assertThat(stats.corruptPages() + stats.failedPages()).isEqualTo(1);
      assertThat(stats.timedOutPages()).isZero();
    }
  }

  /** Zeros from an offset on up to a new end of the file. */
  private static void overwrite(Path file, int from, int end) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(end);
      channel.write(ByteBuffer.allocate(end - from), from);
    }
  }

  /** A length that is wrong shows by the seal; without seals the get refuses it. */
  private static PageOutcome outcomeOfACutPage(HiCacheNixl store) {
    return store.describe().directories().get(0).attributes()
        ? PageOutcome.CORRUPT
        : PageOutcome.FAILED;
  }

  private static void requireAttributes(HiCacheNixl store) {
    if (!store.describe().directories().get(0).attributes()) {
      throw new SkipException("no extended attributes here, so no checksum of a page");
    }
  }
}
