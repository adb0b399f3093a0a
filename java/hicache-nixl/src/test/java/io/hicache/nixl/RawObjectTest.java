// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.Test;

/** Raw objects are SGLang's, by name and byte; nothing but their length can be wrong. */
@Test(groups = "obj")
public class RawObjectTest extends ObjectFixture {
  private HiCacheConfigBuilder raw() {
    return config().objectFormat("raw").model("meta-llama/L").tpRank(1).tpSize(2);
  }

  private String nameOf(String key) {
    return prefix() + key + "_meta-llama-L_1_2";
  }

  @Test
  public void shouldWriteSglangsNameAndBytes() {
    Tensor page = Tensors.randomFloats(2_500);
    try (HiCacheNixl store = HiCacheNixl.open(raw().build())) {
      assertThat(store.set("ab12", page)).isTrue();
      assertThat(nameOf(store, "ab12")).isEqualTo(nameOf("ab12"));
      assertThat(bucket.get(nameOf("ab12"))).isEqualTo(Tensors.bytes(page));
      PageResult result = store.getPage("ab12", Tensors.blankLike(page));
      assertThat(result.outcome()).isEqualTo(PageOutcome.HIT);
      assertThat(result.verified()).isFalse();
      assertThat(result.length()).isEqualTo(10_000);
    }
    try (HiCacheNixl mla = HiCacheNixl.open(raw().mla(true).build())) {
      assertThat(nameOf(mla, "ab12")).isEqualTo(prefix() + "ab12_meta-llama-L");
    }
  }

  @Test
  public void shouldReadWhatSglangWrote() {
    try (HiCacheNixl store = HiCacheNixl.open(raw().build())) {
      for (int length : new int[] {1, 511, 512, 513, 4096, 100_001}) {
        Tensor page = Tensors.random(ScalarType.Byte, length);
        bucket.put(nameOf("k"), Tensors.bytes(page));
        Tensor target = Tensors.blankLike(page);
        PageResult result = store.getPage("k", target);
        assertThat(result.outcome()).as("%d bytes: %s", length, result).isEqualTo(PageOutcome.HIT);
        assertThat(result.verified()).isFalse();
        Tensors.assertSame(target, page);
        assertThat(store.exists("k")).isTrue();
      }
      assertThat(store.exists("absent")).isFalse();
    }
  }

  /** The store tells where an object ends by what lay in its memory before: whatever that was. */
  @Test
  public void shouldServePagesOfOneByteValueOnly() {
    try (HiCacheNixl store = HiCacheNixl.open(raw().build())) {
      for (int value = 0; value < 256; value += value == 0xA5 || value == 0x5A ? 1 : 5) {
        Tensor page = Tensors.filled(ScalarType.Byte, value, 600);
        assertThat(store.set("k", page)).isTrue();
        Tensor target = Tensors.filled(ScalarType.Byte, ~value, 600);
        Tensors.assertSame(store.get("k", target), page);
      }
    }
  }

  @Test
  public void shouldNotServeARawObjectOfAnotherLength() {
    try (HiCacheNixl store = HiCacheNixl.open(raw().build())) {
      for (int length : new int[] {2, 600, 100_000}) {
        Tensor page = Tensors.random(ScalarType.Byte, length);
        byte[] bytes = Tensors.bytes(page);
        for (int wrong : new int[] {0, 1, length - 1, length + 1, length + 4096}) {
          if (wrong == length) {
            continue;
          }
          bucket.put(nameOf("k"), Arrays.copyOf(bytes, wrong));
          Tensor target = Tensors.blankLike(page);
          PageResult result = store.getPage("k", target);
          String what = wrong + " of " + length + " bytes: " + result;
          assertThat(result.outcome()).as(what).isIn(PageOutcome.FAILED, PageOutcome.CORRUPT);
          assertThat(result.cause().code())
              .as(what)
              .isIn(ErrorCode.INVALID_ARGUMENT, ErrorCode.CORRUPT);
          assertThat(Tensors.bytes(target)).as(what).containsOnly(0x5A);
        }
      }
    }
  }

  @Test
  public void shouldMoveABatchAndMissWhatIsNotThere() {
    List<Tensor> pages =
        List.of(Tensors.randomFloats(700), Tensors.randomFloats(700), Tensors.randomFloats(700));
    try (HiCacheNixl store = HiCacheNixl.open(raw().build())) {
      assertThat(store.batchSet(List.of("a", "b", "c"), pages)).isTrue();
      bucket.delete(nameOf("b"));
      List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();
      assertThat(store.batchGetPages(List.of("a", "b", "c"), targets))
          .extracting(PageResult::outcome)
          .containsExactly(PageOutcome.HIT, PageOutcome.MISS, PageOutcome.HIT);
      Tensors.assertSame(targets.get(0), pages.get(0));
      assertThat(Tensors.bytes(targets.get(1))).containsOnly(0x5A);
      Tensors.assertSame(targets.get(2), pages.get(2));
    }
  }

  @Test
  public void shouldRefuseAnEmptyRawPage() {
    try (HiCacheNixl store = HiCacheNixl.open(raw().build())) {
      PageResult result = store.setPage("k", Tensors.random(ScalarType.Byte, 0));
      assertThat(result.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(result.cause().code()).isEqualTo(ErrorCode.UNSUPPORTED);
      assertThat(result.cause()).hasMessageContaining("sealed");
    }
  }
}
