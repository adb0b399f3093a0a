// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** Objects that other hands wrote, cut or changed are never served as a page. */
@Test(groups = "obj")
public class DamagedObjectTest extends ObjectFixture {
  private static final int HEADER_BYTES = 512;
  private static final int PAGE_BYTES = 24_000;
  private final Tensor page = Tensors.randomFloats(PAGE_BYTES / Float.BYTES);

  private void assertNotServed(HiCacheNixl store, String what) {
    Tensor target = Tensors.blankLike(page);
    PageResult result = store.getPage("page", target);
    assertThat(result.outcome()).as(what).isIn(PageOutcome.CORRUPT, PageOutcome.FAILED);
    assertThat(result.cause().code()).as(what).isIn(ErrorCode.CORRUPT, ErrorCode.INVALID_ARGUMENT);
    assertThat(result.cause()).as(what).hasMessageContaining(nameOf(store, "page"));
    assertThat(Tensors.bytes(target)).as(what).containsOnly(0x5A);
  }

  private byte[] storedObject(HiCacheNixl store) {
    assertThat(store.set("page", page)).isTrue();
    byte[] object = bucket.get(nameOf(store, "page"));
    assertThat(object).hasSize(HEADER_BYTES + PAGE_BYTES).endsWith(Tensors.bytes(page));
    return object;
  }

  @Test
  public void shouldMissWhatIsNotThere() {
    try (HiCacheNixl store = open()) {
      assertThat(store.set("page", page)).isTrue();
      Tensor target = Tensors.blankLike(page);
      assertThat(store.getPage("absent", target).outcome()).isEqualTo(PageOutcome.MISS);
      assertThat(Tensors.bytes(target)).containsOnly(0x5A);
      assertThat(store.existsPage("absent").outcome()).isEqualTo(PageOutcome.MISS);
      List<Tensor> targets = List.of(target, Tensors.blankLike(page), Tensors.blankLike(page));
      List<PageResult> got = store.batchGetPages(List.of("a", "page", "b"), targets);
      assertThat(got)
          .extracting(PageResult::outcome)
          .containsExactly(PageOutcome.MISS, PageOutcome.HIT, PageOutcome.MISS);
      Tensors.assertSame(targets.get(1), page);
      assertThat(Tensors.bytes(target)).containsOnly(0x5A);
    }
  }

  @Test
  public void shouldNotServeAShortObject() {
    try (HiCacheNixl store = open()) {
      byte[] object = storedObject(store);
      for (int length :
          new int[] {
            0, 1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 1, 4096, object.length - 1
          }) {
        bucket.put(nameOf(store, "page"), Arrays.copyOf(object, length));
        assertNotServed(store, "of " + length + " bytes");
        if (length < HEADER_BYTES) {
          assertThat(store.exists("page")).as("of %d bytes", length).isFalse();
        }
      }
      assertServedAgain(store);
    }
  }

  @Test
  public void shouldNotServeALongObject() {
    try (HiCacheNixl store = open()) {
      byte[] object = storedObject(store);
      for (int more : new int[] {1, 16, 4096}) {
        bucket.put(nameOf(store, "page"), Arrays.copyOf(object, object.length + more));
        assertNotServed(store, more + " bytes more");
      }
      assertServedAgain(store);
    }
  }

  @Test
  public void shouldNotServeAnObjectWithAFlippedBit() {
    try (HiCacheNixl store = open()) {
      byte[] object = storedObject(store);
      int last = object.length - 1;
      for (int position : new int[] {0, 8, 9, 16, 40, 300, 511, 512, 513, 5_000, last}) {
        byte[] flipped = object.clone();
        flipped[position] ^= (byte) (1 << Tensors.random().nextInt(8));
        bucket.put(nameOf(store, "page"), flipped);
        assertNotServed(store, "flipped at " + position);
        if (position < HEADER_BYTES) {
          assertThat(store.exists("page")).as("flipped at %d", position).isFalse();
        }
      }
      assertServedAgain(store);
    }
  }

  @DataProvider
  public Object[][] foreign() {
    byte[] noise = new byte[HEADER_BYTES + PAGE_BYTES];
    Tensors.random().nextBytes(noise);
    return new Object[][] {
      {"random bytes of the right length", noise},
      {"the page without a header, as SGLang writes it", Tensors.bytes(page)},
      {"zeros", new byte[HEADER_BYTES + PAGE_BYTES]},
      {"text", "hello".getBytes(java.nio.charset.StandardCharsets.US_ASCII)},
      {
        "an error document",
        "<Error><Code>NoSuchKey</Code></Error>".getBytes(java.nio.charset.StandardCharsets.US_ASCII)
      },
    };
  }

  @Test(dataProvider = "foreign")
  public void shouldNotServeAForeignObject(String what, byte[] bytes) {
    try (HiCacheNixl store = open()) {
      bucket.put(nameOf(store, "page"), bytes);
      assertNotServed(store, what);
      assertThat(store.exists("page")).as(what).isFalse();
      assertServedAgain(store);
    }
  }

  @Test
  public void shouldNotServeAnotherKeysObjectUnderThisName() {
    try (HiCacheNixl store = open();
        HiCacheNixl other = HiCacheNixl.open(config().model("other").build())) {
      assertThat(store.set("neighbour", page)).isTrue();
      assertThat(other.set("page", page)).isTrue();
      bucket.put(nameOf(store, "page"), bucket.get(nameOf(store, "neighbour")));
      assertNotServed(store, "a copy of another key's");
      assertThat(store.exists("page")).isFalse();
      bucket.put(nameOf(store, "page"), bucket.get(nameOf(other, "page")));
      assertNotServed(store, "a copy of another model's");
    }
  }

  @Test
  public void shouldNotServeAPageOfAnotherLengthOrDtype() {
    try (HiCacheNixl store = open()) {
      assertThat(store.set("page", page)).isTrue();
      for (int floats : new int[] {PAGE_BYTES / 4 - 1, PAGE_BYTES / 4 + 1, 1}) {
        Tensor target = Tensors.blankLike(Tensors.randomFloats(floats));
        PageResult result = store.getPage("page", target);
        assertThat(result.outcome()).isEqualTo(PageOutcome.FAILED);
        assertThat(result.cause().code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);
        assertThat(Tensors.bytes(target)).containsOnly(0x5A);
      }
      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
    }
  }

  private void assertServedAgain(HiCacheNixl store) {
    assertThat(store.set("page", page)).isTrue();
    assertThat(store.exists("page")).isTrue();
    Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
  }
}
