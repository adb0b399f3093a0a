// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.bytedeco.pytorch.Tensor;
import org.testng.SkipException;
import org.testng.annotations.Test;

/** Bytes that changed behind the store's back are never served as a page. */
public class DamagedPageTest extends StoreFixture {
  private static final int FLOATS = 6000;

  private interface Damage {
    void to(FileChannel file, long length) throws IOException;
  }

  @Test(dataProvider = "queues")
  public void shouldNotServeATruncatedPage(String queue) throws IOException {
    try (HiCacheNixl store = open(queue)) {
      for (long cut : new long[] {1, 4096, 2 * FLOATS, 4 * FLOATS}) {
        assertNotServed(store, (file, length) -> file.truncate(length - cut));
        assertThat(store.exists("page")).isFalse();
      }
    }
  }

  @Test(dataProvider = "queues")
  public void shouldNotServeALengthenedPage(String queue) throws IOException {
    try (HiCacheNixl store = open(queue)) {
      for (int more : new int[] {1, 4096}) {
        assertNotServed(store, (file, length) -> file.write(ByteBuffer.allocate(more), length));
        assertThat(store.exists("page")).isFalse();
      }
    }
  }

  @Test(dataProvider = "queues")
  public void shouldNotServeAPageWithAFlippedByte(String queue) throws IOException {
    try (HiCacheNixl store = open(queue)) {
      requireAttributes(store);
      for (int position : new int[] {0, 1, 4095, 4096, 4 * FLOATS / 2, 4 * FLOATS - 1}) {
        assertNotServed(
            store,
            (file, length) -> {
              ByteBuffer one = ByteBuffer.allocate(1);
              file.read(one, position);
              one.put(0, (byte) (one.get(0) ^ (1 << Tensors.random().nextInt(8)))).rewind();
              file.write(one, position);
            });
      }
    }
  }

  @Test
  public void shouldReportWhatIsWrongWithADamagedPage() throws IOException {
    try (HiCacheNixl store = open()) {
      requireAttributes(store);
      Tensor page = Tensors.randomFloats(FLOATS);
      assertThat(store.set("page", page)).isTrue();
      Path file = store.directory().path("page");
      damage(file, (channel, length) -> channel.write(ByteBuffer.wrap(new byte[64]), 100));

      PageResult result = store.getPage("page", Tensors.blankLike(page));

      assertThat(result.outcome()).isEqualTo(PageOutcome.CORRUPT);
      assertThat(result.verified()).isFalse();
      assertThat(result.cause().code()).isEqualTo(ErrorCode.CORRUPT);
      assertThat(result.cause()).hasMessageContaining("page");
      assertThat(store.set("page", page)).isTrue();
      damage(file, (channel, length) -> channel.write(ByteBuffer.wrap(new byte[64]), 100));
      try (CapturedLog log = new CapturedLog()) {
        assertThat(store.get("page", Tensors.blankLike(page))).isNull();
        assertThat(log.lines()).anyMatch(line -> line.startsWith("WARN get failed"));
      }
    }
  }

  @Test
  public void shouldServeAPageAgainOnceItIsStoredAnew() throws IOException {
    try (HiCacheNixl store = open()) {
      Tensor page = Tensors.randomFloats(FLOATS);
      assertThat(store.set("page", page)).isTrue();
      damage(store.directory().path("page"), (file, length) -> file.truncate(10));
      assertThat(store.exists("page")).isFalse();

      assertThat(store.set("page", page)).isTrue();

      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
    }
  }

  @Test
  public void shouldServeAForeignPageOfTheRightLengthUnverified() throws IOException {
    try (HiCacheNixl store = open()) {
      Tensor page = Tensors.randomFloats(64);
      Path file = store.directory().path("foreign");
      Files.createDirectories(file.getParent());
      Files.write(file, Tensors.bytes(page));

      Tensor target = Tensors.blankLike(page);
      PageResult result = store.getPage("foreign", target);

      assertThat(result.outcome()).isEqualTo(PageOutcome.HIT);
      assertThat(result.verified()).isFalse();
      Tensors.assertSame(target, page);
      // Cut short, or a page of another size: nothing tells, so it stays.
      for (int floats : new int[] {63, 65}) {
        PageResult wrong = store.getPage("foreign", Tensors.randomFloats(floats));
        assertThat(wrong.outcome()).isEqualTo(PageOutcome.FAILED);
        assertThat(wrong.cause().code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);
      }
      assertThat(file).hasBinaryContent(Tensors.bytes(page));
    }
  }

  private static void requireAttributes(HiCacheNixl store) {
    if (!store.describe().directories().get(0).attributes()) {
      throw new SkipException("no extended attributes here, so no checksum of a page");
    }
  }

  private static void assertNotServed(HiCacheNixl store, Damage damage) throws IOException {
    Tensor page = Tensors.randomFloats(FLOATS);
    assertThat(store.set("page", page)).isTrue();
    Tensor target = Tensors.blankLike(page);
    assertThat(store.getPage("page", target).verified())
        .isEqualTo(store.describe().directories().get(0).attributes());
    Tensors.assertSame(target, page);
    damage(store.directory().path("page"), damage);

    PageResult result = store.getPage("page", Tensors.blankLike(page));

    assertThat(result.outcome()).isIn(PageOutcome.CORRUPT, PageOutcome.MISS, PageOutcome.FAILED);
    assertThat(store.get("page", Tensors.blankLike(page))).isNull();
  }

  private static void damage(Path file, Damage damage) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      damage.to(channel, channel.size());
    }
  }
}
