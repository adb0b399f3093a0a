// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.Test;

/** Every dtype of libtorch, every rank, and tensors without elements. */
public class DtypeTest extends StoreFixture {
  private static final long[][] SHAPES = {
    {},
    {1},
    {7},
    {3, 5},
    {2, 3, 4},
    {2, 1, 3, 2},
    {1, 2, 1, 2, 3},
    {2, 2, 2, 1, 1, 2},
    {1, 1, 2, 1, 3, 1, 2},
    {2, 1, 2, 1, 2, 1, 2, 3},
    {0},
    {2, 0, 3},
    {0, 1, 1, 1, 1, 1, 1, 1},
    {4096},
    {33, 129}
  };

  /** What the specification and its users name; libtorch must be able to make these. */
  private static final Set<ScalarType> NAMED =
      EnumSet.of(
          ScalarType.Bool,
          ScalarType.Byte,
          ScalarType.Char,
          ScalarType.Short,
          ScalarType.Int,
          ScalarType.Long,
          ScalarType.UInt16,
          ScalarType.UInt32,
          ScalarType.UInt64,
          ScalarType.Half,
          ScalarType.BFloat16,
          ScalarType.Float,
          ScalarType.Double,
          ScalarType.Float8_e4m3fn,
          ScalarType.Float8_e5m2,
          ScalarType.ComplexFloat,
          ScalarType.ComplexDouble);

  @Test(dataProvider = "queues")
  public void shouldRestoreEveryDtypeInEveryShape(String queue) {
    Set<ScalarType> dtypes = creatable();
    System.out.println("dtypes: " + dtypes);
    assertThat(dtypes).containsAll(NAMED);
    try (HiCacheNixl store = open(queue)) {
      for (ScalarType dtype : dtypes) {
        List<String> keys = new ArrayList<>();
        List<Tensor> pages = new ArrayList<>();
        for (int i = 0; i < SHAPES.length; i++) {
          keys.add(dtype + "_" + i);
          pages.add(Tensors.random(dtype, SHAPES[i]));
        }
        List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();

        assertThat(store.batchSet(keys, pages)).isTrue();
        assertThat(store.batchExists(keys)).isEqualTo(SHAPES.length);
        assertThat(store.batchGet(keys, targets)).containsExactlyElementsOf(targets);

        for (int i = 0; i < SHAPES.length; i++) {
          Tensors.assertSame(targets.get(i), pages.get(i));
          assertThat(store.directory().find(keys.get(i)))
              .hasValueSatisfying(info -> assertThat(info.isWhole()).isTrue());
        }
      }
    }
  }

  @Test
  public void shouldKeepDtypeAndShapeWithThePage() {
    try (HiCacheNixl store = open()) {
      requireSeals(store);
      assertThat(store.set("page", Tensors.random(ScalarType.BFloat16, 2, 3, 5))).isTrue();
      assertThat(store.set("scalar", Tensors.random(ScalarType.Double))).isTrue();

      PageInfo page = store.directory().find("page").orElseThrow();
      assertThat(page.sealed()).isTrue();
      assertThat(page.dtype()).hasValue("BFloat16");
      assertThat(page.shape()).containsExactly(2L, 3L, 5L);
      assertThat(page.length()).isEqualTo(60);
      PageInfo scalar = store.directory().find("scalar").orElseThrow();
      assertThat(scalar.dtype()).hasValue("Double");
      assertThat(scalar.shape()).isEmpty();
      assertThat(scalar.length()).isEqualTo(8);
    }
  }

  @Test
  public void shouldRestoreIntoAnotherShapeOfTheSameSize() {
    Tensor page = Tensors.randomFloats(6, 4);
    Tensor flat = Tensors.filled(ScalarType.Float, 0x5A, 24);
    try (HiCacheNixl store = open()) {
      assertThat(store.set("page", page)).isTrue();
      assertThat(store.get("page", flat)).isSameAs(flat);
      assertThat(Tensors.bytes(flat)).isEqualTo(Tensors.bytes(page));
    }
  }

  private static Set<ScalarType> creatable() {
    Set<ScalarType> creatable = EnumSet.noneOf(ScalarType.class);
    for (ScalarType dtype : ScalarType.values()) {
      if (dtype == ScalarType.Undefined || dtype == ScalarType.NumOptions) {
        continue; // no dtypes: libtorch aborts the process when it is asked for them
      }
      try {
        Tensor tensor = Tensors.empty(dtype, 2, 2);
        if (Tensors.dtype(tensor) == dtype && tensor.nbytes() > 0 && !tensor.is_quantized()) {
          creatable.add(dtype);
        }
      } catch (RuntimeException e) {
        assertThat(NAMED).as("libtorch cannot make %s: %s", dtype, e).doesNotContain(dtype);
      }
    }
    return creatable;
  }
}
