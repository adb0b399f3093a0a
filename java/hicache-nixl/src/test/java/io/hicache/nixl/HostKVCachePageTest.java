// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** The pages of a host pool are SGLang's pages, byte for byte, in every layout. */
public class HostKVCachePageTest {

  /**
   * SHA-256 of page 3 of the pools of {@link Pools}, filled as {@link #fillCounting} does, by the
   * get_data_page of SGLang 0.5.23 (its MHA and MLA pools; MLA has no page_head there). Keys: kind,
   * bytes of an element, whether layers are outermost.
   */
  private static final Map<String, String> SGLANG =
      Map.ofEntries(
          Map.entry(
              "mha 1 layers", "47c9d512db09886873aba94a0caa11a259d813ad201af9e41d133f33df424b9f"),
          Map.entry(
              "mha 1 pages", "7f01bda451367928ddf92bda659f89c3e3f65c0d9feaf21e80545be86a6b52a5"),
          Map.entry(
              "mha 2 layers", "78c835bd5c05dd0a6b99d9a121542a36c6a4303bd0f4624bb742e81ac9d25320"),
          Map.entry(
              "mha 2 pages", "5550b0f21c13e1bf0d26936cd9bb669f80685a6847a270cbc52880c1174119fd"),
          Map.entry(
              "mha 4 layers", "20a1b36bc6c7100a17a91b421ed5c52c75011c98d0714a338cb283013777988c"),
          Map.entry(
              "mha 4 pages", "5074ba79838e5b65952142d1321918a81b1e001458f1cf6f2a821e91814cf8bc"),
          Map.entry(
              "mla 1 layers", "1691393c2bf2c660b4caa1d576fd72926814fd5624ddea4b028f129fd9248164"),
          Map.entry(
              "mla 1 pages", "ce9f000339c1f00cc657e50b81117d67ead51cd39b840bb9e8d57381c7464cf7"),
          Map.entry(
              "mla 2 layers", "1b5c2e7f1a20eb84027923b084714875ac7a627384780ffb4675d1783207143f"),
          Map.entry(
              "mla 2 pages", "8c5eb6735c1107576be296b35fc58c75489563ae31e1cce3272d12498118c586"),
          Map.entry(
              "mla 4 layers", "790387f6296ccaea7e13cf70106f7bdb5e8c0d996d595f639a7012581ddb30a4"),
          Map.entry(
              "mla 4 pages", "14c2cde7f91ae6775e6e0391fdfdb08cf50f26ac864821e8daabc13d7d66460f"));

  @DataProvider
  public Object[][] pools() {
    List<Object[]> pools = new ArrayList<>();
    for (PoolLayout layout : PoolLayout.values()) {
      for (boolean mla : new boolean[] {false, true}) {
        for (ScalarType dtype :
            new ScalarType[] {
              ScalarType.BFloat16, ScalarType.Half, ScalarType.Float, ScalarType.Byte
            }) {
          pools.add(new Object[] {layout, mla, dtype});
        }
      }
    }
    return pools.toArray(new Object[0][]);
  }

  @Test(dataProvider = "pools")
  public void shouldHaveSglangsDimensions(PoolLayout layout, boolean mla, ScalarType dtype) {
    long heads = mla ? 1 : Pools.HEADS;
    long dim = mla ? Pools.LATENT : Pools.HEAD_DIM;
    long layers = Pools.LAYERS;
    long pages = Pools.PAGES;
    long page = Pools.PAGE_SIZE;
    long[] dims =
        switch (layout) {
          case LAYER_FIRST -> new long[] {layers, pages * page, heads, dim};
          case PAGE_FIRST -> new long[] {pages * page, layers, heads, dim};
          case PAGE_FIRST_DIRECT -> new long[] {pages, layers, page, heads, dim};
          case PAGE_HEAD -> new long[] {pages, heads, page, layers, dim};
        };
    try (HostKVCache pool = Pools.small(layout, mla, dtype).build();
        Tensor kv = pool.kvBuffer()) {
      assertThat(kv.shape()).isEqualTo(mla ? dims : withTwo(dims));
      assertThat(Tensors.dtype(kv)).isEqualTo(dtype);
      assertThat(kv.is_contiguous()).isTrue();
      assertThat(Tensors.address(kv)).isEqualTo(pool.address());
      assertThat(kv.nbytes()).isEqualTo(pool.length());
      assertThat(pool.pageBytes() * Pools.PAGES).isEqualTo(pool.length());
      assertThat(Tensors.bytes(kv)).containsOnly(0);
      assertThat(pool.layout()).isEqualTo(layout);
      assertThat(pool.isMla()).isEqualTo(mla);
      assertThat(pool.dtype()).isEqualTo(dtype);
      assertThat(pool.pageCount()).isEqualTo(Pools.PAGES);
      assertThat(pool.pageSize()).isEqualTo(Pools.PAGE_SIZE);
    }
  }

  @Test(dataProvider = "pools")
  public void shouldGiveTheBytesOfEachPageInFileOrder(
      PoolLayout layout, boolean mla, ScalarType dtype) {
    try (HostKVCache pool = Pools.small(layout, mla, dtype).build();
        Tensor kv = pool.kvBuffer()) {
      Pools.fill(pool);
      int blocks = (mla ? 1 : 2) * (layout == PoolLayout.LAYER_FIRST ? Pools.LAYERS : 1);
      assertThat(pool.blocksPerPage()).isEqualTo(blocks);

      long[] pages = {4, 0, 2, 3, 1, 4};
      PageBlocks found = pool.getPageBufferMeta(Pools.tokens(pages));

      assertThat(found.pageCount()).isEqualTo(pages.length);
      assertThat(found.blocksPerPage()).isEqualTo(blocks);
      assertThat(found.addresses()).hasSize(pages.length * blocks);
      for (int i = 0; i < pages.length; i++) {
        byte[] expected = Tensors.bytes(slice(kv, layout, mla, pages[i]));
        assertThat(expected).hasSize((int) pool.pageBytes());
        assertThat(Pools.bytes(found, i)).as("page %s", pages[i]).isEqualTo(expected);
      }
    }
  }

  @Test(dataProvider = "pools")
  public void shouldCopyAPageOutAsSglangDoes(PoolLayout layout, boolean mla, ScalarType dtype) {
    try (HostKVCache pool = Pools.small(layout, mla, dtype).build();
        Tensor kv = pool.kvBuffer()) {
      Pools.fill(pool);
      for (long page = 0; page < Pools.PAGES; page++) {
        Tensor expected = slice(kv, layout, mla, page);
        Tensor shaped = pool.getDataPage(page * Pools.PAGE_SIZE, false);
        Tensors.assertSame(shaped, expected);
        Tensor flat = pool.getDataPage(page * Pools.PAGE_SIZE, true);
        Tensors.assertSame(flat, expected.flatten());
        flat.zero_();
        Tensors.assertSame(slice(kv, layout, mla, page), expected);
      }
    }
  }

  @Test(dataProvider = "pools")
  public void shouldCopyAPageInAndTouchNoOther(PoolLayout layout, boolean mla, ScalarType dtype) {
    try (HostKVCache pool = Pools.small(layout, mla, dtype).build();
        Tensor kv = pool.kvBuffer()) {
      Pools.fill(pool);
      for (long page = 0; page < Pools.PAGES; page++) {
        Tensor before = kv.clone();
        Tensor fresh = Tensors.random(dtype, slice(kv, layout, mla, page).shape());

        pool.setFromFlatDataPage(page * Pools.PAGE_SIZE, fresh.flatten());

        Tensors.assertSame(pool.getDataPage(page * Pools.PAGE_SIZE, false), fresh);
        rawSlice(before, layout, mla, page).copy_(fresh);
        Tensors.assertSame(kv, before);
      }
    }
  }

  @Test(dataProvider = "pools")
  public void shouldOrderAPageAsSglangItself(PoolLayout layout, boolean mla, ScalarType dtype)
      throws Exception {
    try (HostKVCache pool = Pools.small(layout, mla, dtype).build()) {
      fillCounting(pool);
      long element = pool.pageBytes() / pool.getDummyFlatDataPage().numel();
      String outermost = layout == PoolLayout.LAYER_FIRST ? "layers" : "pages";
      String expected = SGLANG.get((mla ? "mla " : "mha ") + element + " " + outermost);

      assertThat(sha256(Tensors.bytes(pool.getDataPage(3 * Pools.PAGE_SIZE, true))))
          .isEqualTo(expected);
      assertThat(sha256(Pools.bytes(pool.getPageBufferMeta(Pools.tokens(3)), 0)))
          .isEqualTo(expected);
    }
  }

  @Test(dataProvider = "pools")
  public void shouldGiveADummyPageThatCanBeSet(PoolLayout layout, boolean mla, ScalarType dtype) {
    try (HostKVCache pool = Pools.small(layout, mla, dtype).build()) {
      Pools.fill(pool);
      Tensor dummy = pool.getDummyFlatDataPage();
      assertThat(dummy.dim()).isEqualTo(1);
      assertThat(dummy.nbytes()).isEqualTo(pool.pageBytes());
      assertThat(Tensors.dtype(dummy)).isEqualTo(dtype);
      assertThat(Tensors.bytes(dummy)).containsOnly(0);
      pool.setFromFlatDataPage(0, dummy);
      Tensors.assertSame(pool.getDataPage(0, true), dummy);
    }
  }

  @Test
  public void shouldMergeBlocksThatTouch() {
    for (PoolLayout layout : PoolLayout.values()) {
      for (boolean mla : new boolean[] {false, true}) {
        try (HostKVCache pool = Pools.small(layout, mla, ScalarType.Half).pages(1).build()) {
          Pools.fill(pool);
          PageBlocks blocks = pool.getPageBufferMeta(Pools.tokens(0, 0));
          assertThat(blocks.addresses()).containsExactly(pool.address(), pool.address());
          assertThat(blocks.lengths()).containsExactly(pool.length(), pool.length());
          assertThat(Tensors.bytes(pool.getDataPage(0, true))).isEqualTo(Pools.bytes(pool));
        }
      }
    }
  }

  @Test
  public void shouldExchangePagesBetweenLayerFirstAndPageFirstDirect() {
    try (HostKVCache from = Pools.small(PoolLayout.LAYER_FIRST, false, ScalarType.Half).build();
        HostKVCache to =
            Pools.small(PoolLayout.PAGE_FIRST_DIRECT, false, ScalarType.Half).build()) {
      Pools.fill(from);
      to.setFromFlatDataPage(0, from.getDataPage(Pools.PAGE_SIZE, true));
      Tensor source = from.kvBuffer();
      Tensor target = to.kvBuffer();
      for (int layer = 0; layer < Pools.LAYERS; layer++) {
        Tensors.assertSame(
            target.select(1, 0).select(1, layer).contiguous(),
            source.select(1, layer).narrow(1, Pools.PAGE_SIZE, Pools.PAGE_SIZE).contiguous());
      }
    }
  }

  /** What SGLang's get_data_page cuts out, by libtorch's own slicing. */
  private static Tensor slice(Tensor kv, PoolLayout layout, boolean mla, long page) {
    return rawSlice(kv, layout, mla, page).contiguous().clone();
  }

  private static Tensor rawSlice(Tensor kv, PoolLayout layout, boolean mla, long page) {
    int kinds = mla ? 0 : 1;
    long token = page * Pools.PAGE_SIZE;
    return switch (layout) {
      case LAYER_FIRST -> kv.narrow(kinds + 1, token, Pools.PAGE_SIZE);
      case PAGE_FIRST -> kv.narrow(kinds, token, Pools.PAGE_SIZE);
      case PAGE_FIRST_DIRECT, PAGE_HEAD -> kv.narrow(kinds, page, 1);
    };
  }

  /** Word i of the pool becomes i * 2654435761 + 12345 modulo 2^32, little-endian. */
  private static void fillCounting(HostKVCache pool) {
    ByteBuffer words = ByteBuffer.allocate((int) pool.length()).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; words.remaining() >= 4; i++) {
      words.putInt((int) (i * 2654435761L + 12345));
    }
    assertThat(words.remaining()).isZero();
    try (Tensor kv = pool.kvBuffer()) {
      new BytePointer(kv.data_ptr()).put(words.array());
    }
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private static long[] withTwo(long[] dims) {
    long[] all = new long[dims.length + 1];
    all[0] = 2;
    System.arraycopy(dims, 0, all, 1, dims.length);
    return all;
  }
}
