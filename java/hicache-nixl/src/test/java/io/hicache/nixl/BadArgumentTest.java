// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** What a caller can do wrong: each gives one clear error, and spoils nothing else. */
public class BadArgumentTest extends StoreFixture {
  private HiCacheNixl store;

  @BeforeMethod
  public void openStore() {
    store = open();
  }

  @AfterMethod(alwaysRun = true)
  public void closeStore() {
    store.close();
  }

  @DataProvider
  public Object[][] badTensors() {
    return new Object[][] {
      bad("null", () -> null, "is null"),
      bad("closed", BadArgumentTest::closed, "was closed"),
      bad("undefined", Tensor::new, "is undefined"),
      bad("transposed", () -> Tensors.randomFloats(4, 6).t(), "call contiguous()"),
      bad("column", () -> Tensors.randomFloats(4, 6).select(1, 1), "call contiguous()"),
      bad("every other", BadArgumentTest::everyOther, "call contiguous()"),
      bad("expanded", () -> Tensors.randomFloats(1, 4).expand(3, 4), "call contiguous()"),
      bad(
          "lazy conjugate",
          () -> Tensors.random(ScalarType.ComplexFloat, 4).conj(),
          "resolve_conj()"),
      bad("quantized", () -> Tensors.empty(ScalarType.QInt8, 4), "int_repr()"),
      bad("sparse", () -> Tensors.randomFloats(2, 2).to_sparse(), "to_dense()"),
      bad("on no device", BadArgumentTest::onNoDevice, "neither on the CPU"),
      bad(
          "nine dimensions",
          () -> Tensors.randomFloats(1, 1, 1, 1, 1, 1, 1, 1, 1),
          "pass view(-1)"),
    };
  }

  /** TestNG prints what a provider gives, and a bad tensor cannot be printed. */
  private static Object[] bad(String kind, Supplier<Tensor> tensor, String advice) {
    return new Object[] {kind, tensor, advice};
  }

  private static Tensor closed() {
    Tensor tensor = Tensors.randomFloats(2, 2);
    tensor.close();
    return tensor;
  }

  private static Tensor everyOther() {
    return Tensors.randomFloats(8).slice(0, new LongOptional(0), new LongOptional(8), 2);
  }

  private static Tensor onNoDevice() {
    return Tensors.randomFloats(2, 2).to(new Device("meta"), ScalarType.Float);
  }

  @Test(dataProvider = "badTensors")
  public void shouldRefuseATensorWithAdvice(String kind, Supplier<Tensor> made, String advice) {
    Tensor tensor = made.get();
    assertThat(refused(() -> store.set("key", tensor)))
        .hasMessageContainingAll("set 'key'", advice);
    assertThat(refused(() -> store.get("key", tensor)))
        .hasMessageContainingAll("get 'key'", advice);
    assertThat(store.exists("key")).isFalse();
  }

  @Test
  public void shouldRefuseBadRanges() {
    refused(() -> store.set("key", 0, 1));
    refused(() -> store.set("key", 4096, -1));
    refused(() -> store.get("key", 0, 1));
    refused(() -> store.get("key", 4096, -1));
    assertThat(store.exists("key")).isFalse();
  }

  @Test
  public void shouldStoreARangeOfNoBytes() {
    assertThat(store.set("nothing", 0, 0)).isTrue();
    assertThat(store.exists("nothing")).isTrue();
    assertThat(store.get("nothing", 0, 0)).isTrue();
  }

  @Test
  public void shouldRefuseListsOfDifferentSizesNamingBoth() {
    List<Tensor> two = List.of(Tensors.randomFloats(2), Tensors.randomFloats(2));
    List<String> three = List.of("a", "b", "c");

    assertThat(refused(() -> store.batchSet(three, two)))
        .hasMessageContainingAll("3 keys", "2 tensors");
    assertThat(refused(() -> store.batchGet(three, two)))
        .hasMessageContainingAll("3 keys", "2 tensors");
    refused(() -> store.batchSet(three, new long[2], new long[3]));
    refused(() -> store.batchGet(three, new long[3], new long[2]));
    refused(() -> store.batchSet(null, two));
    refused(() -> store.batchSet(three, (List<Tensor>) null));
    refused(() -> store.batchExists(null));
    assertThat(store.batchExists(three)).isZero();
  }

  @Test
  public void shouldAnswerEmptyBatchesAsSglangDoes() {
    assertThat(store.batchSet(List.of(), List.of())).isFalse();
    assertThat(store.batchSet(List.of(), new long[0], new long[0])).isFalse();
    assertThat(store.batchGet(List.of(), List.of())).isEmpty();
    assertThat(store.batchGet(List.of(), new long[0], new long[0])).isEmpty();
    assertThat(store.batchExists(List.of())).isZero();
    assertThat(store.batchSetPages(List.of(), List.of())).isEmpty();
    assertThat(store.batchDeletePages(List.of())).isEmpty();
  }

  @Test
  public void shouldSetAsideOneBadEntryOfABatch() {
    List<String> keys = Arrays.asList("a", "", "c", null, "e", "f");
    List<Tensor> pages = new ArrayList<>();
    keys.forEach(key -> pages.add(Tensors.randomFloats(3, 3)));
    pages.set(4, Tensors.randomFloats(3, 3).t());

    List<PageResult> results = store.batchSetPages(keys, pages);

    assertThat(results)
        .extracting(PageResult::outcome)
        .containsExactly(
            PageOutcome.STORED,
            PageOutcome.FAILED,
            PageOutcome.STORED,
            PageOutcome.FAILED,
            PageOutcome.FAILED,
            PageOutcome.STORED);
    assertThat(results).extracting(PageResult::key).containsExactlyElementsOf(keys);
    for (int bad : new int[] {1, 3, 4}) {
      assertThat(results.get(bad).cause().code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);
      refused(() -> results.get(bad).orThrow());
    }
    assertThat(store.batchSet(keys, pages)).isFalse();
    List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();
    List<Tensor> restored = store.batchGet(keys, targets);
    for (int i = 0; i < keys.size(); i++) {
      if (results.get(i).outcome() == PageOutcome.STORED) {
        Tensors.assertSame(restored.get(i), pages.get(i));
      } else {
        assertThat(restored.get(i)).isNull();
      }
    }
  }

  @Test
  public void shouldRefuseATargetOfAnotherSize() {
    Tensor page = Tensors.randomFloats(4, 4);
    assertThat(store.set("page", page)).isTrue();

    for (long[] shape : new long[][] {{4, 3}, {4, 5}, {1}, {0}}) {
      Tensor target = Tensors.filled(ScalarType.Float, 0x5A, shape);
      assertThat(refused(() -> store.get("page", target))).hasMessageContaining("page");
      PageResult result = store.getPage("page", target);
      assertThat(result.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(result.cause().code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);
      refused(() -> store.get("page", Tensors.address(page), 63));
    }
    Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
  }

  @Test
  public void shouldRefuseATargetOfAnotherDtype() {
    requireSeals(store);
    Tensor page = Tensors.randomFloats(4, 4);
    assertThat(store.set("page", page)).isTrue();

    refused(() -> store.get("page", Tensors.filled(ScalarType.Int, 0x5A, 4, 4)));
    refused(() -> store.get("page", Tensors.filled(ScalarType.Half, 0x5A, 4, 8)));
    Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
  }

  @Test
  public void shouldGoOnAroundABadTarget() {
    Tensor page = Tensors.randomFloats(4, 4);
    List<String> keys = List.of("a", "b", "c");
    assertThat(store.batchSet(keys, List.of(page, page, page))).isTrue();
    List<Tensor> targets =
        List.of(
            Tensors.blankLike(page),
            Tensors.filled(ScalarType.Float, 0, 2),
            Tensors.blankLike(page));

    List<Tensor> restored = store.batchGet(keys, targets);

    Tensors.assertSame(restored.get(0), page);
    assertThat(restored.get(1)).isNull();
    Tensors.assertSame(restored.get(2), page);
  }

  @Test
  public void shouldLogOneLineForABatchWithFailures() {
    Tensor page = Tensors.randomFloats(2, 2);
    try (CapturedLog log = new CapturedLog()) {
      store.batchSet(List.of("a", "", ""), List.of(page, page, page));
      assertThat(log.lines())
          .filteredOn(line -> line.startsWith("WARN"))
          .singleElement()
          .asString()
          .contains("batchSet: 2 of 3 pages failed", "the key is empty");
    }
  }

  @Test
  public void shouldRefuseToOpenNothing() {
    refused(() -> HiCacheNixl.open((HiCacheConfig) null));
    refused(() -> HiCacheNixl.open((Path) null));
  }
}
