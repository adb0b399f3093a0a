// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The order of the dimensions of a {@link HostKVCache}, by SGLang's names. It decides in how many
 * contiguous blocks a page lies, and the order of a page's bytes in its file: pools share pages
 * only when their layouts order them alike.
 *
 * <p>Below, {@code tokens} is pages x page size, MHA pools have a leading dimension of 2 (all of K,
 * then all of V), and MLA pools have none and 1 head.
 *
 * <p>Threads: immutable.
 */
public enum PoolLayout {
  /** (layers, tokens, heads, dim): a page is one block for each layer. */
  LAYER_FIRST("layer_first"),
  /** (tokens, layers, heads, dim): a page is one block. */
  PAGE_FIRST("page_first"),
  /** (pages, layers, page size, heads, dim): a page is one block, in it layer after layer. */
  PAGE_FIRST_DIRECT("page_first_direct"),
  /** (pages, heads, page size, layers, dim): a page is one block, in it head after head. */
  PAGE_HEAD("page_head");

  private final String word;

  PoolLayout(String word) {
    this.word = word;
  }

  /**
   * SGLang's name of this layout.
   *
   * @return e.g. {@code page_first}
   */
  public String word() {
    return word;
  }

  /**
   * The layout with a name of SGLang's.
   *
   * @param word e.g. {@code page_first}
   * @return never null
   * @throws HiCacheException INVALID_ARGUMENT naming the layouts that there are
   */
  public static PoolLayout of(String word) {
    for (PoolLayout layout : values()) {
      if (layout.word.equals(word)) {
        return layout;
      }
    }
    throw HiCacheException.invalid(
        "layout '"
            + (word == null ? "null" : KeyCodec.shown(word))
            + "': no such layout of a host pool; one of "
            + Arrays.stream(values()).map(PoolLayout::word).collect(Collectors.joining(", ")));
  }

  /** The dimensions of K, of V, or of an MLA pool. */
  long[] dims(long layers, long pages, long pageSize, long heads, long dim) {
    return switch (this) {
      case LAYER_FIRST -> new long[] {layers, pages * pageSize, heads, dim};
      case PAGE_FIRST -> new long[] {pages * pageSize, layers, heads, dim};
      case PAGE_FIRST_DIRECT -> new long[] {pages, layers, pageSize, heads, dim};
      case PAGE_HEAD -> new long[] {pages, heads, pageSize, layers, dim};
    };
  }
}
