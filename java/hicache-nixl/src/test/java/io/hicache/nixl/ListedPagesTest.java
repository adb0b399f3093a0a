// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.SkipException;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** Pages that one store's listing showed, read, added to another store, and removed. */
public class ListedPagesTest extends PoolFixture {

  /** Source and target; in one directory, where they see nothing of each other. */
  @DataProvider
  public Object[][] layouts() {
    return new Object[][] {{"files", "segments"}, {"segments", "files"}};
  }

  private HiCacheNixl open(String layout, String model) {
    HiCacheNixl store = HiCacheNixl.open(config().layout(layout).model(model).build());
    if (!store.describe().directories().get(0).attributes()) {
      store.close();
      throw new SkipException("no extended attributes in " + dir);
    }
    return store;
  }

  private static List<PageInfo> list(HiCacheNixl store) {
    List<PageInfo> pages = new ArrayList<>();
    store.directory().forEach(pages::add);
    return pages;
  }

  /** Reads listed pages and adds them to another store. */
  private static List<PageResult> copy(
      HiCacheNixl source, HiCacheNixl target, List<PageInfo> pages) {
    long room = pages.stream().mapToLong(PageInfo::length).sum();
    try (BytePointer memory = new BytePointer(room + 1)) {
      long[] addresses = new long[pages.size()];
      long next = memory.address();
      for (int i = 0; i < addresses.length; i++) {
        addresses[i] = next;
        next += pages.get(i).length();
      }
      assertThat(source.getListedPages(pages, addresses)).allMatch(PageResult::isHit);
      return target.addListedPages(pages, addresses);
    }
  }

  @Test(dataProvider = "layouts")
  public void shouldAddPagesWithTheirDtypesAndShapes(String from, String to) {
    List<String> keys = List.of("floats", "a scalar", "no bytes", "k".repeat(3000) + "/..");
    List<Tensor> pages =
        List.of(
            Tensors.random(ScalarType.BFloat16, 3, 5, 7),
            Tensors.random(ScalarType.Long),
            Tensors.random(ScalarType.Char, 2, 0),
            Tensors.random(ScalarType.Byte, 4096));
    try (HiCacheNixl source = open(from, "m");
        HiCacheNixl target = open(to, "m")) {
      assertThat(source.batchSet(keys, pages)).isTrue();
      assertThat(copy(source, target, list(source)))
          .hasSize(4)
          .allMatch(result -> result.outcome() == PageOutcome.STORED);

      for (int i = 0; i < keys.size(); i++) {
        Tensor read = Tensors.blankLike(pages.get(i));
        Tensors.assertSame(target.get(keys.get(i), read), pages.get(i));
        PageInfo was = source.directory().find(keys.get(i)).orElseThrow();
        PageInfo is = target.directory().find(keys.get(i)).orElseThrow();
        assertThat(is.dtype()).isEqualTo(was.dtype()).isPresent();
        assertThat(is.shape()).isEqualTo(was.shape());
      }
      assertThat(target.getPage("floats", Tensors.empty(ScalarType.Half, 3, 5, 7)).outcome())
          .as("the dtype is kept")
          .isEqualTo(PageOutcome.FAILED);
    }
  }

  @Test(dataProvider = "layouts")
  public void shouldAddEveryFileOfAPageOfAPool(String from, String to) {
    List<String> keys = keys(3);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 6);
        HiCacheNixl source = open(from, MODEL);
        HiCacheNixl target = open(to, MODEL)) {
      source.registerMemPoolHost(pool);
      target.registerMemPoolHost(pool);
      List<byte[]> before = pages(pool, 3);
      assertThat(source.batchSetV1(keys, tokens(pool, 0, 1, 2))).containsOnly(true);
      List<PageInfo> listed = list(source);
      assertThat(listed).extracting(PageInfo::component).containsOnly("_k", "_v").hasSize(6);

      assertThat(copy(source, target, listed))
          .allMatch(result -> result.outcome() == PageOutcome.STORED);

      assertThat(target.batchGetV1(keys, tokens(pool, 5, 4, 3))).containsOnly(true);
      for (int i = 0; i < 3; i++) {
        assertThat(page(pool, 5 - i)).isEqualTo(before.get(i));
      }
    }
  }

  @Test(dataProvider = "layouts")
  public void shouldLeaveAloneWhatTheTargetHas(String from, String to) {
    Tensor old = Tensors.randomFloats(100);
    Tensor young = Tensors.randomFloats(100);
    try (HiCacheNixl source = open(from, "m");
        HiCacheNixl target = open(to, "m")) {
      assertThat(source.set("key", old)).isTrue();
      assertThat(target.set("key", young)).isTrue();
      assertThat(copy(source, target, list(source)))
          .singleElement()
          .satisfies(result -> assertThat(result.outcome()).isEqualTo(PageOutcome.SKIPPED));
      Tensors.assertSame(target.get("key", Tensors.blankLike(young)), young);
    }
  }

  @DataProvider
  public Object[][] eachLayout() {
    return new Object[][] {{"files"}, {"segments"}};
  }

  @Test(dataProvider = "eachLayout")
  public void shouldRemoveAListedPageAndNothingThatHasReplacedIt(String layout) {
    try (HiCacheNixl store = open(layout, "m")) {
      assertThat(store.set("key", Tensors.randomFloats(100))).isTrue();
      PageInfo first = list(store).get(0);
      assertThat(store.directory().find("key")).contains(first);
      Tensor young = Tensors.randomFloats(100);
      assertThat(store.set("key", young)).isTrue();

      assertThat(store.directory().remove(first)).isFalse();
      Tensors.assertSame(store.get("key", Tensors.blankLike(young)), young);

      PageInfo second = store.directory().find("key").orElseThrow();
      assertThat(store.directory().remove(second)).isTrue();
      assertThat(store.exists("key")).isFalse();
      assertThat(store.directory().remove(second)).as("it is gone").isFalse();
    }
  }

  @Test
  public void shouldRefuseWhatFitsNoListing() {
    try (HiCacheNixl store = open("files", "m")) {
      assertThat(store.set("key", Tensors.randomFloats(1))).isTrue();
      List<PageInfo> pages = list(store);
      refused(() -> store.addListedPages(pages, new long[2]));
      refused(() -> store.addListedPages(null, new long[0]));
      assertThat(store.addListedPages(pages, new long[] {0}))
          .singleElement()
          .satisfies(result -> assertThat(result.cause()).hasMessageContaining("address is 0"));
    }
  }
}
