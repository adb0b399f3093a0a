// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** By whichever of its usual names a namespace calls a dtype, it is the same namespace. */
public class DtypeNamesTest extends PoolFixture {
  private static final int PAGES = 3;

  /** What a pool can hold, its usual names, and the digest that libtorch's name always had. */
  @DataProvider
  public Object[][] dtypes() {
    return new Object[][] {
      {ScalarType.Float, "float32 float fp32", "87938168cf440d0037d8c5732a893dc6"},
      {ScalarType.Double, "float64 double fp64", "d307f52c70ab962f71772f93d5c8abbe"},
      {ScalarType.Half, "float16 half fp16", "b2321f306ee69c06591b19a253cc00c6"},
      {ScalarType.BFloat16, "bfloat16 bf16", "67a9797acbcf17c2d7f15d02428fef12"},
      {
        ScalarType.Float8_e4m3fn, "float8_e4m3fn fp8_e4m3", "4438c9f37e2a0ebdd869ee1a9f27701f",
      },
      {ScalarType.Float8_e5m2, "float8_e5m2 fp8_e5m2", "7a165311d9c744ae5e51fe7eaffe70d1"},
      {ScalarType.Float8_e4m3fnuz, "float8_e4m3fnuz", "0c0bb8dc6b634a955089884051055590"},
      {ScalarType.Float8_e5m2fnuz, "float8_e5m2fnuz", "b9b53199dc05db563c63c4a0fd80c816"},
      {ScalarType.Byte, "uint8 byte", "3780df459a4ac5e04a320d61f65a4acd"},
      {ScalarType.Char, "int8 char", "a5ce2f7ba9460087f4fdc0c0a36b431f"},
      {ScalarType.Short, "int16 short", "e48c23de6fb163ee23d2c829fac9c941"},
      {ScalarType.Int, "int32 int", "e15093744fc090f6c846926fe0089cf8"},
      {ScalarType.Long, "int64 long", "cb408b38f33f9b3b87b969eebc38e7b0"},
    };
  }

  /** The usual names, and libtorch's as it writes it and in capitals. */
  private static List<String> names(ScalarType dtype, String usual) {
    List<String> names = new ArrayList<>(List.of(usual.split(" ")));
    names.add(dtype.name());
    names.add(dtype.name().toUpperCase(Locale.ROOT));
    return names;
  }

  @Test(dataProvider = "dtypes")
  public void shouldHaveOneDigestForAllNamesOfADtype(
      ScalarType dtype, String usual, String digest) {
    HiCacheIdentity first = HiCacheIdentityTest.full().dtype(dtype.name()).build();
    for (String name : names(dtype, usual)) {
      HiCacheIdentity identity = HiCacheIdentityTest.full().dtype(name).build();
      assertThat(identity.digest()).as(name).isEqualTo(digest);
      assertThat(identity).as(name).isEqualTo(first).hasSameHashCodeAs(first);
      assertThat(identity.dtype()).isEqualTo(name);
    }
  }

  @Test(dataProvider = "dtypes")
  public void shouldTakeAPoolByEveryNameOfItsDtype(ScalarType dtype, String usual, String digest) {
    try (HostKVCache pool = pool(dtype)) {
      for (String name : names(dtype, usual)) {
        try (HiCacheNixl store = openNamed(name)) {
          store.registerMemPoolHost(pool);
        }
      }
    }
  }

  @Test
  public void shouldRefuseAPoolOfAnotherDtypeNamingBoth() {
    for (Object[] dtype : dtypes()) {
      ScalarType other = dtype[0] == ScalarType.Half ? ScalarType.Short : ScalarType.Half;
      String name = ((String) dtype[1]).split(" ")[0];
      try (HostKVCache pool = pool(other);
          HiCacheNixl store = HiCacheNixl.open(named(name).namespace(name).build())) {
        assertThat(refused(() -> store.registerMemPoolHost(pool)))
            .hasMessageContaining("dtype = " + name + ", the pool " + other.name());
      }
    }
    try (HostKVCache pool = pool(ScalarType.Half);
        HiCacheNixl store = openNamed("half-and-half")) {
      assertThat(refused(() -> store.registerMemPoolHost(pool)))
          .hasMessageContaining("dtype = half-and-half, the pool Half");
    }
  }

  @Test
  public void shouldFindThePagesAgainUnderAnotherNameOfTheDtype() throws Exception {
    List<String> keys = keys(PAGES);
    Path record = dir.resolve(".hicache").resolve("namespace-n.json");
    try (HostKVCache pool = pool(ScalarType.Half)) {
      List<byte[]> set = pages(pool, PAGES);
      try (HiCacheNixl store = openNamed("float16")) {
        store.registerMemPoolHost(pool);
        assertThat(store.batchSetV1(keys, firstPages(pool, PAGES))).containsOnly(true);
      }
      byte[] recorded = Files.readAllBytes(record);
      for (String name : List.of("float16", "half", "Half", "fp16")) {
        Pools.fill(pool);
        try (HiCacheNixl store = openNamed(name)) {
          store.registerMemPoolHost(pool);
          assertThat(store.batchExists(keys)).isEqualTo(PAGES);
          assertThat(store.batchGetV1(keys, firstPages(pool, PAGES))).containsOnly(true);
        }
        assertThat(pages(pool, PAGES)).usingElementComparator(Arrays::compare).isEqualTo(set);
      }
      assertThat(record).hasBinaryContent(recorded);
    }
    assertThat(refused(() -> openNamed("bfloat16")))
        .hasMessageContaining("dtype = 'bfloat16', but the namespace was made with")
        .hasMessageContaining("'float16'");
  }

  @Test
  public void shouldKeepTextsThatNameNoDtypeApart() {
    List<String> texts = List.of("", "float8", "fp4", "FP4", "fp8-mixed", "floats", "torch.half");
    List<String> digests = new ArrayList<>();
    for (String text : texts) {
      digests.add(HiCacheIdentityTest.full().dtype(text).build().digest());
    }
    for (Object[] dtype : dtypes()) {
      digests.add((String) dtype[2]);
    }
    assertThat(digests).doesNotHaveDuplicates();
    assertThat(HiCacheIdentityTest.full().dtype("other").build().digest())
        .isEqualTo("437909dac5eaecf97624c8c00cb1fc3e");
  }

  private static HostKVCache pool(ScalarType dtype) {
    HostKVCache pool =
        HostKVCache.builder()
            .mha(1, 4, 64)
            .pages(PAGES)
            .pageSize(8)
            .layout(PoolLayout.PAGE_FIRST)
            .dtype(dtype)
            .build();
    Pools.fill(pool);
    return pool;
  }

  private HiCacheConfigBuilder named(String dtype) {
    return config().naming("namespace").namespace("n").dtype(dtype);
  }

  private HiCacheNixl openNamed(String dtype) {
    return HiCacheNixl.open(named(dtype).build());
  }
}
