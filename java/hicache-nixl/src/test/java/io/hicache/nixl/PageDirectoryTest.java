// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.testng.SkipException;
import org.testng.annotations.Test;

/** The pages as the directories show them, and the store's description. */
public class PageDirectoryTest extends StoreFixture {

  @Test
  public void shouldFindWhatWasStored() {
    try (HiCacheNixl store = open()) {
      Instant before = Instant.now().minusSeconds(2);
      assertThat(store.directory().find("page")).isEmpty();
      assertThat(store.set("page", Tensors.randomFloats(2, 3))).isTrue();

      PageInfo page = store.directory().find("page").orElseThrow();

      assertThat(page.key()).isEqualTo("page");
      assertThat(page.length()).isEqualTo(24);
      assertThat(page.fileLength()).isEqualTo(24);
      assertThat(page.isWhole()).isTrue();
      assertThat(page.modified()).isBetween(before, Instant.now().plusSeconds(2));
    }
  }

  @Test
  public void shouldShowADamagedPageAsDamaged() throws Exception {
    try (HiCacheNixl store = open()) {
      if (!store.describe().directories().get(0).attributes()) {
        throw new SkipException("no extended attributes in " + dir);
      }
      assertThat(store.set("page", Tensors.randomFloats(100))).isTrue();
      Files.write(store.directory().path("page"), new byte[10]);

      PageInfo page = store.directory().find("page").orElseThrow();

      assertThat(page.isWhole()).isFalse();
      assertThat(page.length()).isEqualTo(400);
      assertThat(page.fileLength()).isEqualTo(10);
    }
  }

  @Test
  public void shouldShowEveryPageOfItsOwnModelOnce() {
    List<String> keys = new ArrayList<>();
    List<Tensor> pages = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      keys.add("page/" + i);
      pages.add(Tensors.randomFloats(i));
    }
    try (HiCacheNixl store = HiCacheNixl.open(config().model("m").build());
        HiCacheNixl other = HiCacheNixl.open(config().model("other").build())) {
      assertThat(store.batchSet(keys, pages)).isTrue();
      assertThat(other.set("foreign", Tensors.randomFloats(4))).isTrue();

      List<PageInfo> seen = new ArrayList<>();
      store.directory().forEach(seen::add);

      assertThat(seen).extracting(PageInfo::key).containsExactlyInAnyOrderElementsOf(keys);
      for (PageInfo info : seen) {
        assertThat(store.directory().find(info.key())).contains(info);
      }
    }
  }

  @Test
  public void shouldLetAVisitorUseTheStoreAndEndTheVisit() {
    Tensor page = Tensors.randomFloats(10);
    try (HiCacheNixl store = open()) {
      assertThat(store.batchSet(List.of("a", "b", "c"), List.of(page, page, page))).isTrue();
      List<String> deleted = new ArrayList<>();
      store
          .directory()
          .forEach(
              info -> {
                assertThat(store.delete(info.key())).isTrue();
                deleted.add(info.key());
              });
      assertThat(deleted).containsExactlyInAnyOrder("a", "b", "c");

      assertThat(store.set("a", page)).isTrue();
      IllegalStateException stop = new IllegalStateException("seen enough");
      assertThatThrownBy(
              () ->
                  store
                      .directory()
                      .forEach(
                          info -> {
                            throw stop;
                          }))
          .isSameAs(stop);
      assertThat(store.exists("a")).isTrue();
    }
  }

  @Test
  public void shouldTellThePathOfAPageBeforeAndAfterItIsStored() {
    try (HiCacheNixl store = open()) {
      Path path = store.directory().path("page");
      assertThat(path).startsWithRaw(dir).doesNotExist();
      assertThat(store.set("page", Tensors.randomFloats(4))).isTrue();
      assertThat(store.directory().path("page")).isEqualTo(path);
      assertThat(path).hasSize(16);
    }
  }

  @Test(dataProvider = "queues")
  public void shouldDescribeItself(String queue) {
    try (HiCacheNixl store = open(queue)) {
      StoreDescription about = store.describe();

      assertThat(about.backend()).isEqualTo("POSIX");
      assertThat(about.backends().nixlPlugin()).isEqualTo("POSIX");
      assertThat(about.queue()).isEqualToIgnoringCase(queue);
      assertThat(about.layout()).isEqualTo("files");
      assertThat(about.naming()).isEqualTo("sglang");
      assertThat(about.lanes()).isEqualTo(2);
      assertThat(about.lanesInQuarantine()).isZero();
      assertThat(about.batches()).isZero();
      assertThat(about.pagesInFlight()).isZero();
      assertThat(about.nixlPath()).exists();
      assertThat(about.directories())
          .singleElement()
          .satisfies(d -> assertThat(d.path()).isEqualTo(dir))
          .satisfies(d -> assertThat(d.fileSystem()).isNotBlank())
          .satisfies(d -> assertThat(d.directIoReason().isEmpty()).isEqualTo(d.directIo()));
      assertThat(about.toString()).contains("POSIX", dir.toString()).doesNotContain("\n");
    }
  }
}
