// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** Stores in namespaces: who sees whose pages. */
public class NamespaceTest extends StoreFixture {
  private static final String SECRET = "correct horse battery staple";
  private static final List<String> KEYS =
      PageKeys.of(IntStream.range(0, 32).toArray(), 4).subList(0, 8);

  private static HiCacheIdentityBuilder identity() {
    return HiCacheIdentityTest.full();
  }

  private HiCacheNixl open(HiCacheIdentityBuilder identity) {
    return HiCacheNixl.open(config().identity(identity.build()).build());
  }

  private static List<Tensor> randomPages() {
    return KEYS.stream().map(key -> Tensors.randomFloats(16, 16)).toList();
  }

  private static void requireHits(HiCacheNixl store, List<Tensor> pages) {
    List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();
    assertThat(store.batchExists(KEYS)).isEqualTo(KEYS.size());
    List<Tensor> found = store.batchGet(KEYS, targets);
    for (int i = 0; i < pages.size(); i++) {
      Tensors.assertSame(found.get(i), pages.get(i));
    }
  }

  private static void requireMisses(HiCacheNixl store) {
    List<Tensor> targets = KEYS.stream().map(key -> Tensors.randomFloats(16, 16)).toList();
    assertThat(store.batchGetPages(KEYS, targets))
        .extracting(PageResult::outcome)
        .containsOnly(PageOutcome.MISS);
    assertThat(store.batchExistsPages(KEYS))
        .extracting(PageResult::outcome)
        .containsOnly(PageOutcome.MISS);
    store.directory().forEach(page -> assertThat(page).isNull());
  }

  private Path manifest() {
    return dir.resolve(".hicache").resolve("namespace-chat-prod.json");
  }

  private record Change(
      String key, String recorded, String given, UnaryOperator<HiCacheIdentityBuilder> to) {
    @Override
    public String toString() {
      return key;
    }
  }

  @DataProvider
  public Object[][] changesOfSharedParts() {
    return new Object[][] {
      {new Change("model", "'meta-llama/Llama-3-8B'", "'other'", b -> b.model("other"))},
      {new Change("revision", "'8cde5ca8'", "''", b -> b.revision(""))},
      {new Change("dtype", "'bfloat16'", "'float16'", b -> b.dtype("float16"))},
      {new Change("page_size", "64", "128", b -> b.pageSize(128))},
      {new Change("kv_layout", "'page_first'", "'layer_first'", b -> b.kvLayout("layer_first"))},
      {new Change("tp_size", "2", "4", b -> b.tp(1, 4))},
      {new Change("pp_size", "4", "8", b -> b.pp(2, 8))},
      {new Change("cp_size", "3", "1", b -> b.cp(0, 1))},
      {new Change("mla", "false", "true", b -> b.mla(true))},
    };
  }

  @Test(dataProvider = "changesOfSharedParts")
  public void shouldRefuseAnotherIdentityAndMissEveryPageWithoutTheRecord(Change change)
      throws IOException {
    List<Tensor> pages = randomPages();
    try (HiCacheNixl store = open(identity())) {
      assertThat(store.batchSet(KEYS, pages)).isTrue();
    }
    byte[] record = Files.readAllBytes(manifest());

    HiCacheException error = refused(() -> open(change.to.apply(identity())));
    assertThat(error)
        .hasMessageContaining("namespace 'chat-prod'")
        .hasMessageContaining(manifest().toString())
        .hasMessageContaining(
            change.key
                + " = "
                + change.given
                + ", but the namespace was made with "
                + change.key
                + " = "
                + change.recorded);
    assertThat(manifest()).hasBinaryContent(record);
    requireNothingLeftOpen();

    Files.delete(manifest());
    try (HiCacheNixl store = open(change.to.apply(identity()))) {
      requireMisses(store);
      assertThat(store.clear()).isZero();
    }
    Files.delete(manifest());
    try (HiCacheNixl store = open(identity())) {
      requireHits(store, pages);
    }
    assertThat(manifest()).hasBinaryContent(record);
  }

  @Test
  public void shouldNameEverythingThatDiffers() {
    open(identity()).close();
    assertThat(refused(() -> open(identity().dtype("float16").pageSize(1))))
        .hasMessageContaining("dtype = 'float16'")
        .hasMessageContaining("page_size = 1, but")
        .hasMessageNotContaining("revision");
  }

  @DataProvider
  public Object[][] changesOfRanks() {
    return new Object[][] {
      {new Change("tp_rank", "1", "0", b -> b.tp(0, 2))},
      {new Change("pp_rank", "2", "3", b -> b.pp(3, 4))},
      {new Change("cp_rank", "0", "2", b -> b.cp(2, 3))},
    };
  }

  @Test(dataProvider = "changesOfRanks")
  public void shouldLetRanksShareANamespaceAndNoPage(Change change) {
    List<Tensor> pages = randomPages();
    List<Tensor> others = randomPages();
    try (HiCacheNixl store = open(identity());
        HiCacheNixl other = open(change.to.apply(identity()))) {
      assertThat(store.batchSet(KEYS, pages)).isTrue();
      requireMisses(other);
      assertThat(other.batchSet(KEYS, others)).isTrue();
      requireHits(store, pages);
      requireHits(other, others);
      assertThat(other.clear()).isEqualTo(KEYS.size());
      requireMisses(other);
      requireHits(store, pages);
    }
  }

  /** Weakness 13 of SGLang's connector: its names have no pipeline rank. */
  @Test
  public void shouldKeepPipelineStagesFromOverwritingEachOthersPagesAsTheyDoUnderSglangsNames() {
    List<Tensor> stage0 = randomPages();
    List<Tensor> stage1 = randomPages();
    try (HiCacheNixl first = HiCacheNixl.open(config().model("m").build());
        HiCacheNixl second = HiCacheNixl.open(config().model("m").build())) {
      assertThat(first.batchSet(KEYS, stage0)).isTrue();
      assertThat(second.batchSet(KEYS, stage1)).isTrue();
      requireHits(first, stage1);
    }
    try (HiCacheNixl first = open(identity().pp(0, 2));
        HiCacheNixl second = open(identity().pp(1, 2))) {
      assertThat(first.batchSet(KEYS, stage0)).isTrue();
      assertThat(second.batchSet(KEYS, stage1)).isTrue();
      requireHits(first, stage0);
      requireHits(second, stage1);
    }
  }

  @Test
  public void shouldShareOneCopyAmongTheTensorParallelRanksOfMla() {
    List<Tensor> pages = randomPages();
    try (HiCacheNixl rank0 = open(identity().mla(true).tp(0, 2));
        HiCacheNixl rank1 = open(identity().mla(true).tp(1, 2));
        HiCacheNixl stage = open(identity().mla(true).tp(0, 2).pp(0, 4))) {
      assertThat(rank0.batchSet(KEYS, pages)).isTrue();
      requireHits(rank1, pages);
      requireMisses(stage);
    }
  }

  @Test
  public void shouldNameAWrongSecretAndRevealNothing() {
    List<Tensor> pages = randomPages();
    try (HiCacheNixl store = open(identity().tenantSecret(SECRET))) {
      assertThat(store.batchSet(KEYS, pages)).isTrue();
    }
    String proof = identity().tenantSecret(SECRET).build().secretProof();
    List<HiCacheException> errors = new ArrayList<>();
    // A wrong secret is told before anything else that differs.
    errors.add(refused(() -> open(identity().tenantSecret("hunter2").dtype("float16"))));
    errors.add(refused(() -> open(identity().dtype("float16"))));
    assertThat(errors.get(0))
        .hasMessageContaining("the tenant_secret is not the one that the namespace was made with");
    assertThat(errors.get(1))
        .hasMessageContaining("was made with a tenant_secret, and none is given");
    for (HiCacheException error : errors) {
      assertThat(error)
          .hasMessageNotContaining(SECRET)
          .hasMessageNotContaining("hunter2")
          .hasMessageNotContaining(proof)
          .hasMessageNotContaining("bfloat16");
    }
    try (HiCacheNixl store = open(identity().tenantSecret(SECRET))) {
      requireHits(store, pages);
    }
  }

  @Test
  public void shouldRefuseASecretForANamespaceThatWasMadeWithoutOne() {
    open(identity()).close();
    assertThat(refused(() -> open(identity().tenantSecret(SECRET))))
        .hasMessageContaining("a tenant_secret is given, and the namespace was made without one")
        .hasMessageNotContaining(SECRET);
  }

  @Test
  public void shouldClearNothingButItsOwnPagesOfManyInOneDirectory() {
    List<HiCacheConfigBuilder> others =
        List.of(
            config().identity(HiCacheIdentity.builder("other").build()),
            config().identity(HiCacheIdentity.builder("other-model").model("m2").build()),
            config().identity(HiCacheIdentity.builder("tenant").tenantSecret(SECRET).build()),
            config().model("meta-llama/Llama-3-8B"),
            config().naming("sglang-v0").model("m"));
    List<HiCacheNixl> stores = new ArrayList<>();
    List<List<Tensor>> pages = new ArrayList<>();
    try (HiCacheNixl own = open(identity())) {
      for (HiCacheConfigBuilder other : others) {
        HiCacheNixl store = HiCacheNixl.open(other.build());
        stores.add(store);
        requireMisses(store);
        pages.add(randomPages());
        assertThat(store.batchSet(KEYS, pages.get(pages.size() - 1))).isTrue();
      }
      requireMisses(own);
      assertThat(own.batchSet(KEYS, randomPages())).isTrue();
      assertThat(own.set("../a key/that is no file name", Tensors.randomFloats(3))).isTrue();
      assertThat(own.clear()).isEqualTo(KEYS.size() + 1);
      requireMisses(own);
      for (int i = 0; i < stores.size(); i++) {
        requireHits(stores.get(i), pages.get(i));
      }
    } finally {
      stores.forEach(HiCacheNixl::close);
    }
    try (HiCacheNixl again = open(identity())) {
      requireMisses(again);
    }
  }

  @Test
  public void shouldWriteTheDigestIntoEveryName() {
    try (HiCacheNixl store = open(identity())) {
      assertThat(store.describe().naming()).isEqualTo("namespace");
      assertThat(store.describe().suffix()).isEqualTo("_ns-67a9797acbcf17c2d7f15d02428fef12");
      assertThat(store.batchSet(KEYS, randomPages())).isTrue();
      for (String key : KEYS) {
        Path file = store.directory().path(key);
        assertThat(file).isRegularFile();
        assertThat(file.getFileName()).hasToString(key + "_ns-67a9797acbcf17c2d7f15d02428fef12");
        assertThat(file.getParent().getParent()).isEqualTo(dir);
      }
    }
  }

  @Test
  public void shouldRecordAnIdentityInEveryBaseDirectoryOrInNone() throws IOException {
    Path first = dir.resolve("a");
    Path second = dir.resolve("b");
    HiCacheConfigBuilder both = config().storageDirs(first, second);
    HiCacheNixl.open(config().storageDir(second).identity(identity().build()).build()).close();

    HiCacheConfig wrong = both.identity(identity().dtype("float16").build()).build();
    assertThat(refused(() -> HiCacheNixl.open(wrong))).hasMessageContaining(second.toString());
    assertThat(first.resolve(".hicache")).isEmptyDirectory();

    HiCacheNixl.open(both.identity(identity().build()).build()).close();
    String name = ".hicache/namespace-chat-prod.json";
    assertThat(first.resolve(name)).hasBinaryContent(Files.readAllBytes(second.resolve(name)));
  }

  @Test
  public void shouldOpenOnAnInterruptedThreadAndLeaveItSo() {
    Thread.currentThread().interrupt();
    try {
      open(identity()).close();
      open(identity()).close();
      assertThat(Thread.currentThread().isInterrupted()).isTrue();
    } finally {
      Thread.interrupted();
    }
    assertThat(manifest()).isRegularFile();
  }

  /** The store's lock file goes when the native store closes. */
  private void requireNothingLeftOpen() throws IOException {
    assertThat(filesBelow(dir.resolve(".hicache"))).containsExactly(manifest());
  }
}
