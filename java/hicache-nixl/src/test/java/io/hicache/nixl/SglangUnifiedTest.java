// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** What SGLang's TestNixlUnified shows of its connector, shown of this store over real POSIX. */
public class SglangUnifiedTest extends PoolFixture {

  @Test(description = "the peer's test_storage_register_failure_closes_fds")
  public void shouldCloseEveryFileWhenARegistrationFails() throws Exception {
    ProcessState before = ProcessState.now();
    try (NixlAgent agent = new NixlAgent("without a backend");
        NixlFileManager files = new NixlFileManager(dir)) {
      List<String> paths = List.of(files.getFilePath("a"), files.getFilePath("b"));
      paths.forEach(path -> assertThat(files.createFile(path)).isTrue());
      List<FileTuple> tuples = files.filesToNixlTuples(paths);
      assertThat(tuples).hasSize(2);

      refused(ErrorCode.INVALID_ARGUMENT, () -> new NixlRegistration(agent).registerFiles(tuples));
    }
    ProcessState.assertNothingAddedTo(before);
  }

  @DataProvider
  public Object[][] zeroCopyPools() {
    return new Object[][] {
      {PoolLayout.PAGE_FIRST, true},
      {PoolLayout.PAGE_FIRST, false},
      {PoolLayout.PAGE_FIRST_DIRECT, true},
      {PoolLayout.PAGE_FIRST_DIRECT, false},
    };
  }

  @Test(
      dataProvider = "zeroCopyPools",
      description =
          "the peer's test_nixl_api_contract_host_addrs_within_registered_region_zero_copy")
  public void shouldRoundTripThreePagesWithoutACopy(PoolLayout layout, boolean direct)
      throws Exception {
    roundTripThreePages(layout, 8, direct);
    assertThat(fileNames()).hasSize(6).allMatch(name -> name.matches("[0-9a-f]{64}_m_0_1_[kv]"));
  }

  @DataProvider
  public Object[][] copiedPools() {
    return new Object[][] {
      {PoolLayout.LAYER_FIRST, 8, true},
      {PoolLayout.LAYER_FIRST, 8, false},
      {PoolLayout.PAGE_HEAD, 8, true},
      {PoolLayout.PAGE_HEAD, 8, false},
      {PoolLayout.PAGE_FIRST, 7, true},
    };
  }

  @Test(
      dataProvider = "copiedPools",
      description =
          "the peer's test_nixl_api_contract_host_addrs_within_registered_region_non_zero_copy")
  public void shouldRoundTripThreePagesThatSglangCopies(
      PoolLayout layout, int pageSize, boolean direct) throws Exception {
    roundTripThreePages(layout, pageSize, direct);
    assertThat(fileNames()).hasSize(3).allMatch(name -> name.matches("[0-9a-f]{64}_m_0_1"));
  }

  private void roundTripThreePages(PoolLayout layout, int pageSize, boolean direct) {
    List<String> keys = keys(3);
    try (HostKVCache pool = mha(layout, 6, pageSize);
        HiCacheNixl store = HiCacheNixl.open(config().useDirectIo(direct).build())) {
      List<byte[]> before = pages(pool, 6);
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys, tokens(pool, 0, 1, 2))).containsExactly(true, true, true);
      assertThat(store.batchGetV1(keys, tokens(pool, 5, 3, 4))).containsExactly(true, true, true);
      assertThat(pages(pool, 3))
          .usingElementComparator(java.util.Arrays::compare)
          .isEqualTo(before.subList(0, 3));
      assertThat(page(pool, 5)).isEqualTo(before.get(0));
      assertThat(page(pool, 3)).isEqualTo(before.get(1));
      assertThat(page(pool, 4)).isEqualTo(before.get(2));
    }
  }

  @Test(description = "the peer's test_batch_set_v1_skips_on_nonzero_mla_rank")
  public void shouldSkipEverySetOnMlaRanksButTheFirst() throws Exception {
    List<String> keys = keys(2);
    try (HostKVCache pool = mla(2);
        HiCacheNixl store = HiCacheNixl.open(config().mla(true).tpSize(2).tpRank(1).build())) {
      assertThat(store.batchSetV1(keys, firstPages(pool, 2))).containsExactly(true, true);
      assertThat(store.batchSetPagesV1(keys, firstPages(pool, 2)))
          .extracting(PageResult::outcome)
          .containsExactly(PageOutcome.SKIPPED, PageOutcome.SKIPPED);
      assertThat(store.batchExists(keys)).isZero();
    }
    assertThat(fileNames()).isEmpty();
  }

  @Test(description = "the peer's test_batch_exists_zero_copy_mla_uses_single_key_denominator")
  public void shouldCountAnMlaPageByItsOneFile() throws Exception {
    List<String> keys = keys(2);
    try (HostKVCache pool = mla(2);
        HiCacheNixl store = HiCacheNixl.open(config().mla(true).build())) {
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys.subList(0, 1), tokens(pool, 0))).containsOnly(true);

      assertThat(store.batchExists(keys)).isEqualTo(1);
      assertThat(fileNames()).containsExactly(keys.get(0) + "_m_k");
    }
  }

  @Test(description = "the peer's test_batch_exists_zero_copy_mha_uses_two_key_denominator")
  public void shouldCountAnMhaPageByItsTwoFiles() throws Exception {
    List<String> keys = keys(2);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 2);
        HiCacheNixl store = open()) {
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys.subList(0, 1), tokens(pool, 0))).containsOnly(true);
      assertThat(store.batchExists(keys)).isEqualTo(1);

      assertThat(store.batchSetV1(keys, tokens(pool, 0, 1))).containsOnly(true);
      assertThat(store.batchExists(keys)).isEqualTo(2);
      Files.delete(fileNamed(keys.get(1) + "_m_0_1_v"));
      assertThat(store.batchExists(keys)).isEqualTo(1);
      assertThat(store.batchGetV1(keys, tokens(pool, 0, 1))).containsExactly(true, false);
      Files.delete(fileNamed(keys.get(0) + "_m_0_1_k"));
      assertThat(store.batchExists(keys)).isZero();
    }
  }

  @Test(description = "the peer's test_register_mem_host_pool_v2_uses_zero_copy_when_supported")
  public void shouldStoreEachBufferOfAZeroCopyPoolAsAFile() throws Exception {
    List<String> keys = keys(1);
    String key = keys.get(0);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 2);
        HiCacheNixl store = open()) {
      store.registerMemHostPoolV2(pool, PoolName.SWA);
      PoolTransfer transfer = PoolTransfer.of(PoolName.SWA, keys, tokens(pool, 1));
      assertThat(store.batchSetV2(List.of(transfer)).get(PoolName.SWA)).containsOnly(true);

      assertThat(fileNames()).containsExactlyInAnyOrder(key + "_m_0_1_swa_k", key + "_m_0_1_swa_v");
      byte[] k = Files.readAllBytes(fileNamed(key + "_m_0_1_swa_k"));
      byte[] v = Files.readAllBytes(fileNamed(key + "_m_0_1_swa_v"));
      assertThat(java.util.Arrays.copyOf(page(pool, 1), k.length)).isEqualTo(k);
      assertThat(java.util.Arrays.copyOfRange(page(pool, 1), k.length, k.length + v.length))
          .isEqualTo(v);
    }
  }

  @Test(description = "the peer's test_register_mem_host_pool_v2_uses_persistent_bounce_otherwise")
  public void shouldStoreAPageOfAnyOtherPoolAsOneFile() throws Exception {
    List<String> keys = keys(1);
    try (HostKVCache pool = mha(PoolLayout.LAYER_FIRST, 2);
        HiCacheNixl store = open()) {
      store.registerMemHostPoolV2(pool, PoolName.INDEXER);
      PoolTransfer transfer = PoolTransfer.of(PoolName.INDEXER, keys, tokens(pool, 1));
      assertThat(store.batchSetV2(List.of(transfer)).get(PoolName.INDEXER)).containsOnly(true);

      assertThat(fileNames()).containsExactly(keys.get(0) + "_m_0_1_indexer");
      assertThat(pageFiles().get(0)).hasBinaryContent(page(pool, 1));
    }
  }

  @Test(description = "the peer's test_batch_get_v2_uses_bounce_buffer_for_non_zero_copy_pool")
  public void shouldFillAPoolThatSglangFillsByACopy() {
    List<String> keys = keys(2);
    try (HostKVCache pool = mha(PoolLayout.LAYER_FIRST, 4);
        HiCacheNixl store = open()) {
      store.registerMemHostPoolV2(pool, PoolName.DRAFT);
      PoolTransfer set = PoolTransfer.of(PoolName.DRAFT, keys, tokens(pool, 0, 1));
      PoolTransfer get = PoolTransfer.of(PoolName.DRAFT, keys, tokens(pool, 3, 2));
      assertThat(store.batchSetV2(List.of(set)).get(PoolName.DRAFT)).containsOnly(true);

      assertThat(store.batchGetV2(List.of(get)).get(PoolName.DRAFT)).containsOnly(true);

      assertThat(page(pool, 3)).isEqualTo(page(pool, 0));
      assertThat(page(pool, 2)).isEqualTo(page(pool, 1));
    }
  }

  @Test(description = "the peer's test_batch_set_v2_expands_zero_copy_mamba_component_keys")
  public void shouldStoreEachStateOfMambaAsAFile() throws Exception {
    List<String> keys = keys(1);
    String name = keys.get(0) + "_m_0_1_mamba_";
    try (HostStatePool pool =
            HostStatePool.allocate(
                ScalarType.Float, 2, new long[] {1024}, new long[] {2048}, new long[] {1024});
        HiCacheNixl store = open();
        Tensor temporal = pool.buffer(0);
        Tensor convolution = pool.buffer(2)) {
      temporal.copy_(Tensors.randomFloats(2, 1024));
      convolution.copy_(Tensors.randomFloats(2, 1024));
      store.registerMemHostPoolV2(pool, PoolName.MAMBA);
      PoolTransfer transfer = PoolTransfer.of(PoolName.MAMBA, keys, new long[] {1});
      Map<PoolName, boolean[]> stored = store.batchSetV2(List.of(transfer));

      assertThat(stored.get(PoolName.MAMBA)).containsExactly(true);
      assertThat(fileNames())
          .containsExactlyInAnyOrder(name + "temporal", name + "conv_0", name + "conv_1");
      assertThat(fileNamed(name + "temporal"))
          .hasBinaryContent(Tensors.bytes(temporal.select(0, 1)));
      assertThat(fileNamed(name + "conv_1"))
          .hasBinaryContent(Tensors.bytes(convolution.select(0, 1)));
    }
  }
}
