// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.Test;

/** What is stored last is what is read, and a delete takes one page. */
public class OverwriteTest extends StoreFixture {

  @Test(dataProvider = "queues")
  public void shouldReplaceAPageByAShorterOrLongerOne(String queue) throws Exception {
    try (HiCacheNixl store = open(queue)) {
      for (long floats : new long[] {1000, 10, 5000, 1, 0, 4096, 1024}) {
        Tensor page = Tensors.randomFloats(floats);
        assertThat(store.set("page", page)).isTrue();
        Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
        assertThat(Files.size(store.directory().path("page"))).isEqualTo(4 * floats);
      }
    }
    assertThat(filesBelow(dir)).as("no old page and no temporary file is left").hasSize(1);
  }

  @Test
  public void shouldReplaceAPageByOneOfAnotherDtype() {
    try (HiCacheNixl store = open()) {
      assertThat(store.set("page", Tensors.random(ScalarType.Half, 8))).isTrue();
      Tensor page = Tensors.random(ScalarType.BFloat16, 8);
      assertThat(store.set("page", page)).isTrue();
      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
    }
  }

  @Test
  public void shouldStoreTheLastOfSeveralEntriesWithOneKey() {
    Tensor first = Tensors.randomFloats(100);
    Tensor second = Tensors.randomFloats(200);
    Tensor last = Tensors.randomFloats(50);
    try (HiCacheNixl store = open()) {
      List<PageResult> results =
          store.batchSetPages(
              List.of("same", "other", "same", "same"), List.of(first, second, second, last));

      assertThat(results)
          .extracting(PageResult::outcome)
          .containsExactly(
              PageOutcome.SKIPPED, PageOutcome.STORED, PageOutcome.SKIPPED, PageOutcome.STORED);
      Tensors.assertSame(store.get("same", Tensors.blankLike(last)), last);
      assertThat(store.batchSet(List.of("same", "same"), List.of(first, last))).isTrue();
    }
  }

  @Test
  public void shouldFillSeveralTargetsFromOneKey() {
    Tensor page = Tensors.randomFloats(300);
    List<Tensor> targets = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      targets.add(Tensors.blankLike(page));
    }
    try (HiCacheNixl store = open()) {
      assertThat(store.set("page", page)).isTrue();
      assertThat(store.batchGet(Collections.nCopies(5, "page"), targets)).doesNotContainNull();
      targets.forEach(target -> Tensors.assertSame(target, page));
    }
  }

  @Test
  public void shouldReturnPagesToTheirOwnTargetsInALargeBatch() {
    List<String> keys = new ArrayList<>();
    List<Tensor> pages = new ArrayList<>();
    for (int i = 0; i < 700; i++) {
      keys.add("page_" + i);
      pages.add(Tensors.randomFloats(1 + Tensors.random().nextInt(3000)));
    }
    try (HiCacheNixl store = open()) {
      assertThat(store.batchSet(keys, pages)).isTrue();
      assertThat(store.delete("page_350")).isTrue();
      assertThat(store.batchExists(keys)).isEqualTo(350);

      List<Tensor> restored = store.batchGet(keys, pages.stream().map(Tensors::blankLike).toList());

      for (int i = 0; i < keys.size(); i++) {
        if (i == 350) {
          assertThat(restored.get(i)).isNull();
        } else {
          Tensors.assertSame(restored.get(i), pages.get(i));
        }
      }
    }
  }

  @Test
  public void shouldMissWhatWasNeverStoredOrWasDeleted() {
    Tensor page = Tensors.randomFloats(10);
    try (HiCacheNixl store = open();
        CapturedLog log = new CapturedLog()) {
      assertThat(store.getPage("page", page).outcome()).isEqualTo(PageOutcome.MISS);
      assertThat(store.get("page", page)).isNull();
      assertThat(store.exists("page")).isFalse();
      assertThat(store.delete("page")).isFalse();
      assertThat(store.set("page", page)).isTrue();
      assertThat(store.existsPage("page"))
          .isEqualTo(new PageResult("page", PageOutcome.HIT, 40, false, null));
      assertThat(store.deletePage("page").outcome()).isEqualTo(PageOutcome.REMOVED);
      assertThat(store.deletePage("page").outcome()).isEqualTo(PageOutcome.MISS);
      assertThat(store.get("page", page)).isNull();
      assertThat(log.lines()).as("a miss is no warning").noneMatch(l -> l.startsWith("WARN"));
    }
  }

  @Test
  public void shouldFindPagesAgainInAnotherStoreOnTheSameDirectory() {
    Tensor page = Tensors.randomFloats(500);
    try (HiCacheNixl store = open()) {
      assertThat(store.set("page", page)).isTrue();
    }
    try (HiCacheNixl store = open();
        HiCacheNixl second = open()) {
      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
      Tensor newer = Tensors.randomFloats(500);
      assertThat(second.set("page", newer)).isTrue();
      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), newer);
    }
  }

  @Test
  public void shouldClearOnlyItsOwnModelAndRank() throws Exception {
    Tensor page = Tensors.randomFloats(10);
    Files.writeString(dir.resolve("foreign"), "kept");
    try (HiCacheNixl a = HiCacheNixl.open(config().model("a").build());
        HiCacheNixl b = HiCacheNixl.open(config().model("b").build());
        HiCacheNixl rank1 = HiCacheNixl.open(config().model("a").tpSize(2).tpRank(1).build())) {
      for (HiCacheNixl store : List.of(a, b, rank1)) {
        assertThat(store.batchSet(List.of("x", "y"), List.of(page, page))).isTrue();
      }
      assertThat(a.clear()).isEqualTo(2);
      assertThat(a.clear()).isZero();
      assertThat(a.batchExists(List.of("x", "y"))).isZero();
      assertThat(b.batchExists(List.of("x", "y"))).isEqualTo(2);
      assertThat(rank1.batchExists(List.of("x", "y"))).isEqualTo(2);
    }
    assertThat(dir.resolve("foreign")).hasContent("kept");
  }
}
