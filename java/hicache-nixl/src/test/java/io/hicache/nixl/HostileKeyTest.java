// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.Test;

/** Keys are names, never paths: none leaves the directory, none is taken for another. */
public class HostileKeyTest extends StoreFixture {
  /** Of a longer key the object keeps a digest alone. */
  private static final int OBJECT_KEY_BYTES = 256;

  private static final List<String> USABLE_OR_REFUSED =
      List.of(
          ".",
          "..",
          "...",
          "../escape",
          "../../escape",
          "/",
          "//",
          "/etc/hicache-escape",
          "a/b",
          "a//b",
          "a/",
          "./a",
          "a/./b",
          "a/../b",
          "a/../../b",
          "\\",
          "..\\escape",
          "C:\\x",
          "nul\0byte",
          "\0",
          "line\nbreak",
          "tab\t",
          "\u0001",
          "\u007f",
          "%",
          "%2e%2e",
          "%2F",
          "%00",
          "%25",
          "%zz",
          "100%",
          "~",
          "~root",
          "$HOME",
          "`id`",
          "$(id)",
          "; rm -rf .",
          "*",
          "?",
          "[a]",
          "{a,b}",
          "|",
          "<",
          ">",
          "\"",
          "'",
          " ",
          "  ",
          " leading",
          "trailing ",
          ".hidden",
          "-rf",
          "--",
          ".tmp",
          "x.tmp",
          ".hicache",
          ".hicache.tmp",
          ".hicache-tmp",
          "hicache",
          "tmp",
          "00",
          "ff",
          "00/x",
          "CON",
          "nul",
          "aux.txt",
          "\u202eRTL",
          "\u200bzero width",
          "\ufeffBOM",
          "\u00e9",
          "e\u0301",
          "\u212b",
          "\u00c5",
          "\ufb01",
          "fi",
          "\ud83d\ude00",
          "\u4e2d\u6587",
          "key",
          "Key",
          "KEY",
          "key ",
          "ke",
          "key0",
          "key_0_1",
          "key__0_1",
          "key_k",
          "key_v",
          "_",
          "__",
          "a".repeat(200),
          "a".repeat(255),
          "a".repeat(256),
          "a".repeat(4096),
          "a".repeat(65535),
          "a".repeat(65534) + "b",
          "\u4e2d".repeat(85),
          "\u4e2d".repeat(21845),
          "../".repeat(1000) + "etc/passwd",
          "%".repeat(300),
          "/".repeat(300));

  @Test(dataProvider = "queues")
  public void shouldStoreEachKeyAsItselfOrRefuseIt(String queue) throws IOException {
    Set<String> outsideBefore = entriesAbove();
    List<String> stored = new ArrayList<>();
    List<Tensor> pages = new ArrayList<>();
    try (HiCacheNixl store = open(queue)) {
      for (String key : USABLE_OR_REFUSED) {
        Tensor page = Tensors.randomFloats(16);
        PageResult result = store.setPage(key, page);
        if (result.outcome() == PageOutcome.STORED) {
          stored.add(key);
          pages.add(page);
          assertThatItsFileIsInside(store, key);
        } else {
          assertThat(result.outcome()).as(KeyCodec.shown(key)).isEqualTo(PageOutcome.FAILED);
          assertThat(result.cause().code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);
          assertThat(store.existsPage(key).outcome()).isNotEqualTo(PageOutcome.HIT);
        }
      }
      assertThat(stored)
          .contains("key", "Key", "key ", "\u00e9", "e\u0301", "a/b", "a".repeat(65535));
      assertEachHasItsOwnPage(store, stored, pages);
      List<String> listed = new ArrayList<>();
      store.directory().forEach(info -> listed.add(info.key()));
      // A key that the lower tier cannot tell from its page's name is listed under that, too.
      assertThat(listed.size()).isBetween(stored.size(), stored.size() + (inTiers() ? 4 : 0));
      int keptBytes = inObjects() ? OBJECT_KEY_BYTES : 1000;
      assertThat(listed)
          .containsAll(stored.stream().filter(key -> bytesOf(key) <= keptBytes).toList());
      assertEachIsDeletedAlone(store, stored, pages);
    }
    assertThat(entriesAbove()).isEqualTo(outsideBefore);
    assertThat(Path.of("/etc/hicache-escape")).doesNotExist();
  }

  @Test
  public void shouldRefuseKeysThatAreNone() {
    Tensor page = Tensors.randomFloats(4);
    try (HiCacheNixl store = open()) {
      for (String key :
          new String[] {
            null,
            "",
            "\ud83d",
            "\ude00",
            "a\ud83db",
            "\ude00\ud83d",
            "a".repeat(65536),
            "\u4e2d".repeat(21846)
          }) {
        refused(() -> store.set(key, page));
        refused(() -> store.get(key, page));
        refused(() -> store.exists(key));
        refused(() -> store.delete(key));
        refused(() -> store.directory().find(key));
        refused(() -> store.directory().path(key));
      }
      store.directory().forEach(info -> assertThat(info).isNull());
    }
    // A key that merely holds a replacement character is as good as any other.
    try (HiCacheNixl store = open()) {
      assertThat(store.set("\ufffd", page)).isTrue();
      assertThat(store.exists("?")).isFalse();
    }
  }

  @Test
  public void shouldKeepRandomKeysApart() {
    Random random = Tensors.random();
    Set<String> keys = new HashSet<>();
    while (keys.size() < 300) {
      StringBuilder key = new StringBuilder();
      int length = 1 + random.nextInt(6);
      for (int i = 0; i < length; i++) {
        key.append("./%_~aA0\u00e9\\ \0".charAt(random.nextInt(12)));
      }
      keys.add(key.toString());
    }
    List<String> stored = new ArrayList<>();
    List<Tensor> pages = new ArrayList<>();
    try (HiCacheNixl store = open()) {
      for (String key : keys) {
        Tensor page = Tensors.randomFloats(5);
        if (store.setPage(key, page).outcome() == PageOutcome.STORED) {
          stored.add(key);
          pages.add(page);
        }
      }
      assertThat(stored).hasSizeGreaterThan(100);
      assertEachHasItsOwnPage(store, stored, pages);
    }
  }

  private static int bytesOf(String key) {
    return key.getBytes(StandardCharsets.UTF_8).length;
  }

  private void assertThatItsFileIsInside(HiCacheNixl store, String key) {
    try {
      if (inObjects()) {
        String name = store.directory().path(key).toString();
        assertThat(name).startsWith(prefix());
        assertThat(name.substring(prefix().length())).isNotEmpty().doesNotContain("/");
        return;
      }
      assertThat(store.directory().path(key)).startsWith(dir);
    } catch (HiCacheException e) {
      // A JVM in the POSIX locale has no such path; the page is stored all the same.
      assertThat(e.code()).isEqualTo(ErrorCode.UNSUPPORTED);
      assertThat(System.getProperty("sun.jnu.encoding")).isNotEqualTo("UTF-8");
    }
  }

  private static void assertEachHasItsOwnPage(
      HiCacheNixl store, List<String> keys, List<Tensor> pages) {
    List<Tensor> targets = pages.stream().map(Tensors::blankLike).toList();
    List<Tensor> restored = store.batchGet(keys, targets);
    for (int i = 0; i < keys.size(); i++) {
      assertThat(restored.get(i)).as(KeyCodec.shown(keys.get(i))).isNotNull();
      Tensors.assertSame(restored.get(i), pages.get(i));
    }
  }

  private static void assertEachIsDeletedAlone(
      HiCacheNixl store, List<String> keys, List<Tensor> pages) {
    for (int i = 0; i < keys.size(); i++) {
      assertThat(store.delete(keys.get(i))).isTrue();
      assertThat(store.exists(keys.get(i))).isFalse();
      if (i + 1 < keys.size()) {
        String next = keys.get(i + 1);
        assertThat(store.get(next, Tensors.blankLike(pages.get(i + 1)))).as(next).isNotNull();
      }
    }
  }

  /** What lies beside and above this test's directory. */
  private Set<String> entriesAbove() throws IOException {
    Set<String> names = new HashSet<>();
    Path directory = dir.getParent();
    for (int i = 0; i < 3; i++, directory = directory.getParent()) {
      try (var entries = Files.list(directory)) {
        entries.map(Path::toString).forEach(names::add);
      }
    }
    return names;
  }
}
