// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.StoreFixture.refused;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Locale;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** What a caller can do wrong with a host pool, and what the pool says of itself. */
public class HostKVCacheArgumentTest {
  private HostKVCache pool;

  @BeforeMethod
  public void openPool() {
    pool = Pools.small();
    Pools.fill(pool);
  }

  @AfterMethod(alwaysRun = true)
  public void closePool() {
    pool.close();
  }

  private interface Change extends UnaryOperator<HostKVCacheBuilder> {}

  @DataProvider
  public Object[][] badPools() {
    return new Object[][] {
      bad("layers is 0", b -> b.mha(0, 2, 4)),
      bad("layers is -1", b -> b.mla(-1, 4)),
      bad("heads is 0", b -> b.mha(2, 0, 4)),
      bad("headDim is 0", b -> b.mha(2, 2, 0)),
      bad("dim is -3", b -> b.mla(2, -3)),
      bad("pages is 0", b -> b.pages(0)),
      bad("pages is -2147483648", b -> b.pages(Integer.MIN_VALUE)),
      bad("pageSize is 0", b -> b.pageSize(0)),
      bad("no dtype", b -> b.dtype(null)),
      bad("no layout", b -> b.layout(null)),
      bad("more than 2^63 bytes", b -> b.pages(Integer.MAX_VALUE).pageSize(Integer.MAX_VALUE)),
      bad("more than 2^63 bytes", b -> b.mha(Integer.MAX_VALUE, Integer.MAX_VALUE, 4)),
      bad("more than 2^63 bytes", b -> b.mla(Integer.MAX_VALUE, 1)),
    };
  }

  private static Object[] bad(String message, Change change) {
    return new Object[] {message, change};
  }

  @Test(dataProvider = "badPools")
  public void shouldRefuseAPoolThatCannotBe(String message, Change change) {
    HostKVCacheBuilder builder = Pools.small(PoolLayout.LAYER_FIRST, false, ScalarType.Half);
    assertThat(refused(() -> change.apply(builder).build()))
        .hasMessageContainingAll("host pool", message);
  }

  @Test
  public void shouldRefuseAPoolWithoutAShapeOrSize() {
    assertThat(refused(() -> HostKVCache.builder().build())).hasMessageContaining("mha() or mla()");
    assertThat(refused(() -> HostKVCache.builder().mla(1, 1).build()))
        .hasMessageContaining("pages is 0");
  }

  @Test
  public void shouldRefuseDtypesThatAreNotPlainBytes() {
    for (ScalarType dtype :
        new ScalarType[] {ScalarType.QInt8, ScalarType.Undefined, ScalarType.NumOptions}) {
      HostKVCacheBuilder builder = Pools.small(PoolLayout.PAGE_FIRST, true, dtype);
      assertThat(refused(ErrorCode.UNSUPPORTED, builder::build))
          .hasMessageContainingAll("dtype " + dtype.name(), "BFloat16");
    }
  }

  @Test
  public void shouldTakeEveryDtypeThatItNames() {
    for (ScalarType dtype :
        new ScalarType[] {
          ScalarType.Byte,
          ScalarType.Char,
          ScalarType.Float8_e5m2,
          ScalarType.Float8_e4m3fn,
          ScalarType.Float8_e5m2fnuz,
          ScalarType.Float8_e4m3fnuz,
          ScalarType.Half,
          ScalarType.BFloat16,
          ScalarType.Short,
          ScalarType.Float,
          ScalarType.Int,
          ScalarType.Double,
          ScalarType.Long
        }) {
      try (HostKVCache other = Pools.small(PoolLayout.PAGE_HEAD, false, dtype).build();
          Tensor kv = other.kvBuffer()) {
        assertThat(kv.nbytes()).as(dtype.name()).isEqualTo(other.length());
        assertThat(Tensors.dtype(kv)).isEqualTo(dtype);
      }
    }
  }

  @Test
  public void shouldSayThatThereIsNoSuchMemory() {
    HostKVCacheBuilder builder =
        Pools.small(PoolLayout.PAGE_FIRST, false, ScalarType.Half).pages(Integer.MAX_VALUE);
    HiCacheException error = refused(ErrorCode.IO, () -> builder.pageSize(1 << 20).build());
    assertThat(error).hasMessageContaining("bytes of host memory");
    assertThat(error.errno()).isEqualTo(12);
  }

  @DataProvider
  public Object[][] badIndices() {
    long[] swapped = Pools.tokens(1);
    swapped[3] = 12;
    swapped[4] = 11;
    long[] repeated = Pools.tokens(1);
    repeated[7] = 14;
    long[] secondBad = Pools.tokens(0, 1);
    secondBad[8] = 9;
    return new Object[][] {
      {null, "is null"},
      {new long[7], "7 host indices are no multiple of the page size 8"},
      {new long[9], "9 host indices are no multiple"},
      {shifted(Pools.tokens(0), -8), "token -8 is outside the pool, which has 0..39"},
      {shifted(Pools.tokens(0), 40), "token 40 is outside the pool"},
      {shifted(Pools.tokens(0), Long.MAX_VALUE - 8), "is outside the pool"},
      {shifted(Pools.tokens(0), 4), "no page begins at token 4"},
      {secondBad, "no page begins at token 9"},
      {swapped, "host index 3 is 12 where 11 is due"},
      {repeated, "host index 7 is 14 where 15 is due"},
      {new long[8], "host index 1 is 0 where 1 is due"},
    };
  }

  private static long[] shifted(long[] tokens, long by) {
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] += by;
    }
    return tokens;
  }

  @Test(dataProvider = "badIndices")
  public void shouldRefuseIndicesThatAreNoPages(long[] indices, String message) {
    assertThat(refused(() -> pool.getPageBufferMeta(indices)))
        .hasMessageContainingAll("getPageBufferMeta", message);
    if (indices != null) {
      assertThat(refused(() -> pool.getPageBufferMeta(tensorOf(indices))))
          .hasMessageContainingAll("getPageBufferMeta", message);
    }
  }

  @Test
  public void shouldTakeIndicesAsATensor() {
    PageBlocks expected = pool.getPageBufferMeta(Pools.tokens(3, 1));
    PageBlocks found = pool.getPageBufferMeta(tensorOf(Pools.tokens(3, 1)));
    assertThat(found.addresses()).isEqualTo(expected.addresses());
    assertThat(found.lengths()).isEqualTo(expected.lengths());
    PageBlocks none = pool.getPageBufferMeta(Tensors.empty(ScalarType.Long, 0));
    assertThat(none.pageCount()).isZero();
    assertThat(pool.getPageBufferMeta(new long[0]).addresses()).isEmpty();
  }

  @Test
  public void shouldRefuseIndexTensorsOfAnotherKind() {
    Tensor good = tensorOf(Pools.tokens(0));
    assertThat(refused(() -> pool.getPageBufferMeta((Tensor) null))).hasMessageContaining("null");
    assertThat(refused(() -> pool.getPageBufferMeta(good.view(2, 4))))
        .hasMessageContaining("2 dimensions");
    assertThat(refused(() -> pool.getPageBufferMeta(Tensors.empty(ScalarType.Int, 8))))
        .hasMessageContainingAll("Int", "pass int64");
    assertThat(
            refused(
                () -> pool.getPageBufferMeta(Tensors.empty(ScalarType.Long, 8, 2).select(1, 0))))
        .hasMessageContaining("contiguous()");
    refused(() -> pool.getPageBufferMeta(good.to(new Device("meta"), ScalarType.Long)));
  }

  private static Tensor tensorOf(long[] values) {
    Tensor tensor = Tensors.empty(ScalarType.Long, values.length);
    new LongPointer(tensor.data_ptr()).put(values);
    return tensor;
  }

  @Test
  public void shouldRefusePagesOutsideThePool() {
    for (long index : new long[] {-8, -1, 1, 7, 40, Long.MAX_VALUE, Long.MIN_VALUE}) {
      assertThat(refused(() -> pool.getDataPage(index, true)))
          .hasMessageContainingAll("getDataPage", "token " + index);
      assertThat(refused(() -> pool.setFromFlatDataPage(index, pool.getDummyFlatDataPage())))
          .hasMessageContainingAll("setFromFlatDataPage", "token " + index);
    }
  }

  @Test
  public void shouldRefuseAPageOfAnotherKindAndStayAsItWas() {
    byte[] before = Pools.bytes(pool);
    long elements = pool.getDummyFlatDataPage().numel();
    assertThat(refused(() -> pool.setFromFlatDataPage(0, Tensors.empty(ScalarType.Half, elements))))
        .hasMessageContainingAll("Half", "BFloat16");
    for (long wrong : new long[] {0, elements - 1, elements + 1}) {
      assertThat(refused(() -> pool.setFromFlatDataPage(0, page(wrong))))
          .hasMessageContainingAll(2 * wrong + " bytes", pool.pageBytes() + " of BFloat16");
    }
    assertThat(refused(() -> pool.setFromFlatDataPage(0, null))).hasMessageContaining("null");
    assertThat(refused(() -> pool.setFromFlatDataPage(0, page(elements, 2).select(1, 0))))
        .hasMessageContaining("contiguous()");
    refused(
        () ->
            pool.setFromFlatDataPage(
                0, page(elements).to(new Device("meta"), ScalarType.BFloat16)));
    Tensor inside = pool.kvBuffer().view(-1).narrow(0, 4, elements);
    assertThat(refused(() -> pool.setFromFlatDataPage(0, inside))).hasMessageContaining("clone()");
    assertThat(Pools.bytes(pool)).isEqualTo(before);
  }

  private static Tensor page(long... dims) {
    return Tensors.filled(ScalarType.BFloat16, 1, dims);
  }

  @Test
  public void shouldTellTheAlignmentOfItsBlocks() {
    assertThat(pool.address() % 4096).isZero();
    assertThat(pool.isStridePageAligned(1)).isTrue();
    assertThat(pool.isStridePageAligned(128)).isTrue(); // a block: 8 x 3 x 2 x 4 x 2 = 384 bytes
    assertThat(pool.isStridePageAligned(256)).isFalse();
    assertThat(pool.isStridePageAligned(4096)).isFalse();
    for (long alignment : new long[] {0, -1, Long.MIN_VALUE}) {
      refused(() -> pool.isStridePageAligned(alignment));
    }
    for (PoolLayout layout : PoolLayout.values()) {
      try (HostKVCache aligned =
          HostKVCache.builder()
              .mha(2, 8, 64)
              .pages(3)
              .pageSize(4)
              .dtype(ScalarType.BFloat16)
              .layout(layout)
              .build()) {
        assertThat(aligned.isStridePageAligned(4096)).as(layout.word()).isTrue();
        for (long address : aligned.getPageBufferMeta(new long[] {4, 5, 6, 7}).addresses()) {
          assertThat(address % 4096).isZero();
        }
        assertThat(aligned.isStridePageAligned(1 << 16)).isFalse();
      }
    }
  }

  @Test
  public void shouldShowWhatBecameOfItsWishes() {
    assertThat(pool.hasHugePages()).isFalse();
    assertThat(pool.isPinned()).isFalse();
    assertThat(pool).asString().contains("huge pages: no, pinned: no", "page_first MHA [2, 40, 3");
    CudaDevices devices = CudaDevices.probe();
    try (CapturedLog log = new CapturedLog();
        HostKVCache wishful =
            Pools.small(PoolLayout.PAGE_FIRST, true, ScalarType.Byte)
                .hugePages(true)
                .pinned(true)
                .build()) {
      assertThat(wishful.address() % (2 << 20)).isZero();
      assertThat(wishful)
          .asString()
          .contains("huge pages: " + (wishful.hasHugePages() ? "yes" : "no ("))
          .contains("pinned: " + (wishful.isPinned() ? "yes" : "no ("));
      if (devices.count() == 0) {
        assertThat(wishful.isPinned()).isFalse();
        assertThat(wishful).asString().contains("no CUDA device: " + devices.reason());
      }
      assertThat(log.lines()).contains("INFO host pool allocated: " + wishful);
      Pools.fill(wishful);
      assertThat(Tensors.bytes(wishful.getDataPage(0, true)))
          .isEqualTo(Pools.bytes(wishful.getPageBufferMeta(Pools.tokens(0)), 0));
    }
  }

  @Test
  public void shouldKnowLayoutsBySglangsNames() {
    for (PoolLayout layout : PoolLayout.values()) {
      assertThat(layout.word()).isEqualTo(layout.name().toLowerCase(Locale.ROOT));
      assertThat(PoolLayout.of(layout.word())).isEqualTo(layout);
    }
    assertThat(refused(() -> PoolLayout.of("page_unified")))
        .hasMessageContainingAll("'page_unified'", "layer_first, page_first, page_first_direct");
    refused(() -> PoolLayout.of(null));
  }

  @Test
  public void shouldRefuseBlocksThatMakeNoPages() {
    refused(() -> new PageBlocks(null, new long[0], 1));
    refused(() -> new PageBlocks(new long[0], null, 1));
    refused(() -> new PageBlocks(new long[2], new long[1], 1));
    refused(() -> new PageBlocks(new long[3], new long[3], 2));
    refused(() -> new PageBlocks(new long[3], new long[3], 0));
    assertThat(new PageBlocks(new long[6], new long[6], 2).pageCount()).isEqualTo(3);
  }

  @Test
  public void shouldHoldItsBytesInOneRange() {
    try (Tensor kv = pool.kvBuffer();
        BytePointer first = new BytePointer(kv.data_ptr())) {
      assertThat(first.address()).isEqualTo(pool.address());
      assertThat(pool.length()).isEqualTo(2L * 40 * 3 * 2 * 4 * 2);
    }
  }
}
