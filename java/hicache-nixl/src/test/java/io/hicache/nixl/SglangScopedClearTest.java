// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.testng.SkipException;
import org.testng.annotations.Test;

/** What SGLang's TestNixlFileManagerClear asks of clear, shown of this store. */
public class SglangScopedClearTest extends PoolFixture {
  private static final int PAGES = 3;

  private final List<String> keys = keys(PAGES);

  private HiCacheNixl fill(HiCacheConfigBuilder config, HostKVCache pool) {
    HiCacheNixl store = HiCacheNixl.open(config.build());
    store.registerMemPoolHost(pool);
    assertThat(store.batchSetV1(keys, firstPages(pool, PAGES))).containsOnly(true);
    return store;
  }

  @Test(description = "the peer's row: only its own suffix")
  public void shouldClearOnlyItsOwnSuffix() {
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, PAGES);
        HiCacheNixl own = fill(config(), pool);
        HiCacheNixl otherModel = fill(config().model("n"), pool);
        HiCacheNixl otherSize = fill(config().tpSize(2), pool);
        HiCacheNixl otherRank = fill(config().tpSize(2).tpRank(1), pool);
        HiCacheNixl allRanks = fill(config().mla(true), pool)) {
      assertThat(own.clear()).isEqualTo(2 * PAGES);

      assertThat(own.batchExists(keys)).isZero();
      for (HiCacheNixl other : List.of(otherModel, otherSize, otherRank, allRanks)) {
        assertThat(other.batchExists(keys)).isEqualTo(PAGES);
      }
      assertThat(allRanks.clear()).isEqualTo(2 * PAGES);
      assertThat(otherRank.batchExists(keys)).isEqualTo(PAGES);
    }
  }

  @Test(description = "the peer's row: not the tail of a longer model name")
  public void shouldNotClearTheTailOfALongerModelName() throws Exception {
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, PAGES);
        HiCacheNixl own = fill(config(), pool);
        HiCacheNixl longer = fill(config().model("org/x_m"), pool)) {
      requireAttributes(own);
      assertThat(longer.set("short", Tensors.randomFloats(4))).isTrue();

      assertThat(own.clear()).isEqualTo(2 * PAGES);

      assertThat(longer.batchExists(keys)).isEqualTo(PAGES);
      assertThat(longer.directory().find("short")).isPresent();
      assertThat(longer.clear()).isEqualTo(2 * PAGES + 1);
    }
  }

  @Test(description = "the peer's row: needs a 64-hex prefix")
  public void shouldClearAForeignFileOnlyUnderAPageKey() throws Exception {
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, PAGES);
        HiCacheNixl own = fill(config(), pool)) {
      requireAttributes(own);
      String hash = keys(1).get(0);
      Path sglang = writeForeign(own, hash);
      List<Path> kept =
          List.of(
              writeForeign(own, "notes"),
              writeForeign(own, hash.substring(1)),
              writeForeign(own, hash.toUpperCase()),
              writeForeign(own, "x" + hash),
              Files.writeString(dir.resolve(hash + "_m_0_1"), "kept"));

      assertThat(own.clear()).isEqualTo(2 * PAGES + 1);

      assertThat(sglang).doesNotExist();
      assertThat(kept).allSatisfy(file -> assertThat(file).hasContent("kept"));
    }
  }

  /** A file without a seal where the store would look for a key's page. */
  private static Path writeForeign(HiCacheNixl store, String key) throws IOException {
    Path file = store.directory().path(key);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, "kept");
  }

  @Test(description = "the peer's row: refuses None, \"\" and \"_\"")
  public void shouldClearNobodysPagesWithoutAModelName() throws Exception {
    assertThatNullPointerException().isThrownBy(() -> config().model(null));
    for (boolean mla : new boolean[] {false, true}) {
      for (String model : List.of("", "_")) {
        try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, PAGES);
            HiCacheNixl nameless = fill(config().model(model).mla(mla), pool);
            HiCacheNixl named = fill(config().mla(mla), pool);
            HiCacheNixl underscore = fill(config().mla(mla).model("a_b_"), pool)) {
          assertThat(nameless.clear()).isEqualTo(2 * PAGES);

          assertThat(named.batchExists(keys)).isEqualTo(PAGES);
          assertThat(underscore.batchExists(keys)).isEqualTo(PAGES);
          assertThat(named.clear() + underscore.clear()).isEqualTo(4 * PAGES);
        }
      }
    }
  }

  @Test(description = "the peer's row: tolerates a missing base directory")
  public void shouldClearNothingWhereADirectoryIsMissing() throws Exception {
    Path base = dir.resolve("gone");
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, PAGES);
        HiCacheNixl store = fill(config().storageDirs(base, dir.resolve("there")), pool)) {
      removeTree(base);
      int left = pageFiles().size();

      assertThat(store.clear()).isEqualTo(left);

      assertThat(pageFiles()).isEmpty();
    }
  }

  private static void requireAttributes(HiCacheNixl store) {
    if (!store.describe().directories().get(0).attributes()) {
      throw new SkipException("no extended attributes, which say whose a page is");
    }
  }
}
