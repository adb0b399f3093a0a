// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Into which files the pages of a pool go, by SGLang's rules: where it moves a page without a copy,
 * each buffer of the page is a file ({@code _k} and {@code _v}); elsewhere the page is one file.
 * With a namespace of our own the page is always one file.
 *
 * <p>Threads: immutable.
 *
 * @param components what tells the files of a page apart, in the order of the page's bytes
 * @param lengths bytes of each file
 */
record PoolFiles(List<String> components, long[] lengths) {
  /** What direct I/O asks of memory, and SGLang of a pool that it moves without a copy. */
  static final long ALIGNMENT = 4096;

  /**
   * The files of a pool.
   *
   * @param sglang true for SGLang's names, false for a namespace
   * @param directIo whether direct I/O is asked for; SGLang then copies pages that are not aligned
   */
  static PoolFiles of(HostPool pool, PoolName name, boolean sglang, boolean directIo) {
    long[] buffers = pool.bufferBytes();
    boolean split =
        sglang
            && pool.isZeroCopyLayout()
            && (!directIo || LongStream.of(buffers).allMatch(bytes -> bytes % ALIGNMENT == 0));
    String base = name == PoolName.KV ? "" : "_" + name.word();
    if (!split) {
      return new PoolFiles(List.of(base), new long[] {pool.pageBytes()});
    }
    return new PoolFiles(components(name, base, buffers.length), buffers);
  }

  private static List<String> components(PoolName name, String base, int buffers) {
    if (name == PoolName.KV) {
      return buffers == 1 ? List.of("_k") : List.of("_k", "_v");
    }
    if (buffers == 1) {
      return List.of(base);
    }
    List<String> components = new ArrayList<>();
    if (name == PoolName.MAMBA) {
      components.add(base + "_temporal");
      for (int i = 1; i < buffers; i++) {
        components.add(base + "_conv_" + (i - 1));
      }
    } else if (buffers == 2) {
      components.addAll(List.of(base + "_k", base + "_v"));
    } else {
      for (int i = 0; i < buffers; i++) {
        components.add(base + "_" + i);
      }
    }
    return List.copyOf(components);
  }

  int count() {
    return components.size();
  }

  /**
   * Cuts the blocks of pages where a file ends.
   *
   * @param whole pages whose blocks are, one after the other, the bytes of all files
   * @return one array of blocks for each file of each page
   */
  PageBlocks[] cut(PageBlocks whole) {
    PageBlocks[] files = new PageBlocks[whole.pageCount() * count()];
    int perPage = whole.blocksPerPage();
    for (int page = 0; page < whole.pageCount(); page++) {
      int block = page * perPage;
      long used = 0;
      for (int file = 0; file < count(); file++) {
        long[] addresses = new long[perPage];
        long[] parts = new long[perPage];
        int n = 0;
        for (long left = lengths[file]; left > 0; n++) {
          long part = Math.min(left, whole.lengths()[block] - used);
          addresses[n] = whole.addresses()[block] + used;
          parts[n] = part;
          left -= part;
          used += part;
          if (used == whole.lengths()[block]) {
            block++;
            used = 0;
          }
        }
        files[page * count() + file] =
            new PageBlocks(Arrays.copyOf(addresses, n), Arrays.copyOf(parts, n), n);
      }
    }
    return files;
  }
}
