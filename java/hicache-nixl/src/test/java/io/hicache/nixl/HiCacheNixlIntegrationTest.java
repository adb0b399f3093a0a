// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.Test;

/** HiCache Integration Tests: the four of the specification, over real POSIX. */
public class HiCacheNixlIntegrationTest extends StoreFixture {

  @Test(dataProvider = "queues", description = "Single tensor set/get operations")
  public void singleTensorSetGetOperations(String queue) {
    Tensor page = Tensors.randomFloats(10, 10);
    Tensor target = Tensors.blankLike(page);
    try (HiCacheNixl store = open(queue)) {
      assertThat(store.set("key", page)).isTrue();
      assertThat(store.exists("key")).isTrue();
      assertThat(store.get("key", target)).isSameAs(target);
      Tensors.assertSame(target, page);

      Tensor other = Tensors.randomFloats(10, 10);
      Tensor otherTarget = Tensors.blankLike(other);
      assertThat(store.set("by_address", Tensors.address(other), other.nbytes())).isTrue();
      assertThat(store.get("by_address", Tensors.address(otherTarget), other.nbytes())).isTrue();
      Tensors.assertSame(otherTarget, other);
    }
  }

  @Test(dataProvider = "queues", description = "Batch tensor set/get operations")
  public void batchTensorSetGetOperations(String queue) {
    List<String> keys = List.of("key1", "key2", "key3");
    List<Tensor> pages =
        List.of(Tensors.randomFloats(5, 5), Tensors.randomFloats(3, 3), Tensors.randomFloats(7, 7));
    try (HiCacheNixl store = open(queue)) {
      assertThat(store.batchSet(keys, pages)).isTrue();
      assertThat(store.batchExists(keys)).isEqualTo(3);

      List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();
      assertThat(store.batchGet(keys, targets)).containsExactlyElementsOf(targets);
      assertSame(targets, pages);

      List<Tensor> again = pages.stream().map(Tensors::blankLike).toList();
      assertThat(store.batchGet(keys, addresses(again), lengths(again)))
          .containsExactly(true, true, true);
      assertSame(again, pages);

      List<String> others = List.of("other1", "other2", "other3");
      assertThat(store.batchSet(others, addresses(pages), lengths(pages))).isTrue();
      List<Tensor> otherTargets = pages.stream().map(Tensors::blankLike).toList();
      assertThat(store.batchGet(others, otherTargets)).doesNotContainNull();
      assertSame(otherTargets, pages);
    }
  }

  @Test(dataProvider = "queues", description = "Mixed single and batch operations")
  public void mixedSingleAndBatchOperations(String queue) {
    Tensor single = Tensors.randomFloats(4, 4);
    List<String> keys = List.of("batch1", "batch2");
    List<Tensor> pages = List.of(Tensors.randomFloats(2, 2), Tensors.randomFloats(6, 6));
    try (HiCacheNixl store = open(queue)) {
      assertThat(store.set("single", single)).isTrue();
      assertThat(store.batchSet(keys, pages)).isTrue();

      List<Tensor> all = List.of(single, pages.get(0), pages.get(1));
      List<Tensor> targets = all.stream().map(Tensors::blankLike).toList();
      assertThat(store.batchGet(List.of("single", "batch1", "batch2"), targets))
          .containsExactlyElementsOf(targets);
      assertSame(targets, all);

      Tensor alone = Tensors.blankLike(pages.get(1));
      assertThat(store.get("batch2", alone)).isSameAs(alone);
      Tensors.assertSame(alone, pages.get(1));
      assertThat(store.batchExists(List.of("single", "batch1", "absent", "batch2"))).isEqualTo(2);
    }
  }

  @Test(dataProvider = "queues", description = "Data integrity for various tensor types")
  public void dataIntegrityForVariousTensorTypes(String queue) {
    try (HiCacheNixl store = open(queue)) {
      for (ScalarType dtype :
          List.of(
              ScalarType.Float,
              ScalarType.Double,
              ScalarType.Int,
              ScalarType.Long,
              ScalarType.Bool)) {
        Tensor page = Tensors.random(dtype, 10, 10);
        assertThat(store.set("type_" + dtype, page)).isTrue();
        for (int round = 0; round < 2; round++) {
          Tensor target = Tensors.blankLike(page);
          assertThat(store.get("type_" + dtype, target)).isSameAs(target);
          Tensors.assertSame(target, page);
        }
      }
    }
  }

  private static long[] addresses(List<Tensor> tensors) {
    return tensors.stream().mapToLong(Tensors::address).toArray();
  }

  private static long[] lengths(List<Tensor> tensors) {
    return tensors.stream().mapToLong(Tensor::nbytes).toArray();
  }

  private static void assertSame(List<Tensor> actual, List<Tensor> expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.size(); i++) {
      Tensors.assertSame(actual.get(i), expected.get(i));
    }
  }
}
