// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.Test;

/** Links that somebody planted in the storage directory lead nowhere. */
public class PlantedLinkTest extends StoreFixture {
  private Path outside;
  private Path secret;

  @BeforeMethod
  public void makeOutside() throws IOException {
    outside = Files.createDirectory(dir.resolve("outside"));
    secret = Files.writeString(outside.resolve("secret"), "0123456789abcdef");
  }

  private HiCacheNixl openInside() {
    return HiCacheNixl.open(config().storageDirs(dir.resolve("pages")).build());
  }

  @Test
  public void shouldNotReadOrWriteThroughALinkInPlaceOfAPage() throws IOException {
    Tensor page = Tensors.randomFloats(4);
    try (HiCacheNixl store = openInside()) {
      Path file = store.directory().path("page");
      Files.createDirectories(file.getParent());
      Files.createSymbolicLink(file, secret);

      Tensor target = Tensors.blankLike(page);
      assertThat(store.getPage("page", target).outcome()).isNotEqualTo(PageOutcome.HIT);
      assertThat(Tensors.bytes(target)).isNotEqualTo(Files.readAllBytes(secret));
      assertThat(store.exists("page")).isFalse();
      PageResult stored = store.setPage("page", page);

      assertThat(secret).hasContent("0123456789abcdef");
      if (stored.outcome() == PageOutcome.STORED) {
        assertThat(file)
            .isRegularFile()
            .satisfies(f -> assertThat(Files.isSymbolicLink(f)).isFalse());
        Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
      }
      store.delete("page");
      store.clear();
      assertThat(secret).hasContent("0123456789abcdef");
    }
  }

  @Test
  public void shouldNotFollowALinkInPlaceOfABucket() throws IOException {
    Tensor page = Tensors.randomFloats(4);
    List<Path> before = filesBelow(outside);
    try (HiCacheNixl store = openInside()) {
      Path bucket = store.directory().path("page").getParent();
      Files.deleteIfExists(bucket);
      Files.createSymbolicLink(bucket, outside);
      Files.write(
          outside.resolve(store.directory().path("page").getFileName()), Tensors.bytes(page));

      PageResult set = store.setPage("page", page);
      assertThat(set.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(set.cause()).hasMessageContaining("page");
      assertThat(store.getPage("page", Tensors.blankLike(page)).outcome())
          .isNotEqualTo(PageOutcome.HIT);
      assertThat(store.exists("page")).isFalse();
      assertThat(store.delete("page")).isFalse();
      assertThat(filesBelow(outside)).hasSize(before.size() + 1);
      assertThat(secret).hasContent("0123456789abcdef");
    }
  }

  @Test
  public void shouldNotListOrClearBehindALink() throws IOException {
    Tensor page = Tensors.randomFloats(4);
    try (HiCacheNixl store = openInside();
        HiCacheNixl other = HiCacheNixl.open(config().storageDirs(dir.resolve("other")).build())) {
      assertThat(other.set("kept", page)).isTrue();
      assertThat(store.set("own", page)).isTrue();
      Path bucket = other.directory().path("kept").getParent();
      Path linked = dir.resolve("pages").resolve(bucket.getFileName());
      if (!linked.equals(store.directory().path("own").getParent())) {
        Files.deleteIfExists(linked);
        Files.createSymbolicLink(linked, bucket);
      }

      store.directory().forEach(info -> assertThat(info.key()).isEqualTo("own"));
      assertThat(store.clear()).isEqualTo(1);

      assertThat(other.exists("kept")).isTrue();
    }
  }
}
