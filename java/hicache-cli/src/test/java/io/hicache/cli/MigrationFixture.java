// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheConfigBuilder;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.DataProvider;

/** Pages whose content follows from their key, in stores of either layout. */
abstract class MigrationFixture extends CliFixture {
  static final String FILES = "files";
  static final String SEGMENTS = "segments";

  /** A page as it was set: its bytes, dtype and shape follow from its key. */
  record Page(String key, ScalarType dtype, long... shape) {
    /** A tensor with the page's content. */
    Tensor tensor() {
      return filled(content());
    }

    /** A tensor of the page's shape for its content. */
    Tensor target() {
      return filled(new byte[content().length]);
    }

    byte[] content() {
      long elements = 1;
      for (long size : shape) {
        elements *= size;
      }
      byte[] content = new byte[Math.toIntExact(elements * torch.elementSize(dtype))];
      new Random(key.hashCode()).nextBytes(content);
      return content;
    }

    private Tensor filled(byte[] content) {
      Tensor tensor = torch.empty(shape, new TensorOptions(dtype), null);
      if (content.length > 0) {
        new BytePointer(tensor.data_ptr()).put(content);
      }
      return tensor;
    }
  }

  @DataProvider
  public final Object[][] targets() {
    return new Object[][] {{SEGMENTS}, {FILES}};
  }

  static String other(String layout) {
    return layout.equals(FILES) ? SEGMENTS : FILES;
  }

  /** A store in the test's directory. */
  final HiCacheConfigBuilder config(String layout) {
    return HiCacheConfig.builder().environment(Map.of()).storageDir(pages).layout(layout);
  }

  static void set(HiCacheConfig config, List<Page> pages) {
    try (HiCacheNixl store = HiCacheNixl.open(config);
        PointerScope scope = new PointerScope()) {
      assertThat(
              store.batchSet(
                  pages.stream().map(Page::key).toList(),
                  pages.stream().map(Page::tensor).toList()))
          .isTrue();
    }
  }

  /** Asserts that a store has these pages, with every byte, dtype and shape, and no other. */
  static void assertHolds(HiCacheConfig config, List<Page> pages) {
    Set<String> keys = new TreeSet<>();
    pages.forEach(page -> keys.add(page.key()));
    Map<String, PageInfo> listed = new TreeMap<>();
    try (HiCacheNixl store = HiCacheNixl.open(config)) {
      store.directory().forEach(page -> listed.put(page.key(), page));
      assertThat(listed.keySet()).isEqualTo(keys);
      for (Page page : pages) {
        assertThat(contentOf(store, page)).as(page.key()).isEqualTo(page.content());
        PageInfo info = listed.get(page.key());
        assertThat(info.dtype()).as(page.key()).contains(page.dtype().name());
        List<Long> shape = new ArrayList<>();
        for (long size : page.shape()) {
          shape.add(size);
        }
        assertThat(info.shape()).as(page.key()).isEqualTo(shape);
      }
    }
  }

  /** The bytes that a store has under a page's key; null when it has none. */
  static byte[] contentOf(HiCacheNixl store, Page page) {
    try (PointerScope scope = new PointerScope()) {
      Tensor target = page.target();
      if (!store.getPage(page.key(), target).orThrow().isHit()) {
        return null;
      }
      byte[] content = new byte[Math.toIntExact(target.nbytes())];
      if (content.length > 0) {
        new BytePointer(target.data_ptr()).get(content);
      }
      return content;
    }
  }

  static Set<String> keysOf(HiCacheConfig config) {
    Set<String> keys = new TreeSet<>();
    try (HiCacheNixl store = HiCacheNixl.open(config)) {
      store.directory().forEach(page -> keys.add(page.key()));
    }
    return keys;
  }

  /** Pages of many sizes, dtypes and shapes, and keys of every kind. */
  static List<Page> variousPages() {
    List<Page> all = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      all.add(new Page("page-" + i, ScalarType.BFloat16, 2, 3, i * 97L));
    }
    all.add(new Page("large", ScalarType.Float, 3, 1 << 18));
    all.add(new Page("blocks", ScalarType.Byte, 65_536));
    all.add(new Page("scalar", ScalarType.Long));
    all.add(new Page("0123456789abcdef".repeat(4), ScalarType.Half, 8, 512));
    all.add(new Page("../..\n ключ", ScalarType.Int, 5, 5));
    all.add(new Page("k".repeat(3000), ScalarType.Double, 7));
    return all;
  }

  /** Pages of one length. */
  static List<Page> equalPages(int count, int bytes) {
    List<Page> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      all.add(new Page("page-" + i, ScalarType.Byte, bytes));
    }
    return all;
  }

  final Path inFolder(String name) {
    return folder.resolve(name);
  }
}
