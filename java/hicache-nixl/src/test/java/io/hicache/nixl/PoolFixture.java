// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Stores over registered pools, whose pages an engine names by SHA-256. */
abstract class PoolFixture extends StoreFixture {
  static final String MODEL = "m";

  private static final int HEADS = 4;
  private static final int HEAD_DIM = 64;

  /** A store of {@link #MODEL} that is the first of one rank. */
  @Override
  HiCacheConfigBuilder config() {
    return super.config().model(MODEL);
  }

  /**
   * An MHA pool of one layer whose pages are 1 KiB for each token, in two blocks; with 8 tokens
   * each block is 4096 bytes.
   */
  static HostKVCache mha(PoolLayout layout, int pages, int pageSize) {
    return filled(
        HostKVCache.builder()
            .mha(1, HEADS, HEAD_DIM)
            .pages(pages)
            .pageSize(pageSize)
            .layout(layout));
  }

  static HostKVCache mha(PoolLayout layout, int pages) {
    return mha(layout, pages, 8);
  }

  /** An MLA pool whose pages are one block of 4096 bytes. */
  static HostKVCache mla(int pages) {
    return filled(
        HostKVCache.builder()
            .mla(1, HEADS * HEAD_DIM)
            .pages(pages)
            .pageSize(8)
            .layout(PoolLayout.PAGE_FIRST));
  }

  /** A pool with random content. */
  static HostKVCache filled(HostKVCacheBuilder builder) {
    HostKVCache pool = builder.dtype(ScalarType.BFloat16).build();
    Pools.fill(pool);
    return pool;
  }

  /** The tokens of pages of a pool. */
  static long[] tokens(HostPool pool, int... pages) {
    int size = pool.pageSize();
    return Arrays.stream(pages)
        .mapToObj(page -> LongStream.range((long) page * size, (page + 1L) * size))
        .flatMapToLong(range -> range)
        .toArray();
  }

  /** The tokens of the first pages of a pool. */
  static long[] firstPages(HostPool pool, int count) {
    return tokens(pool, IntStream.range(0, count).toArray());
  }

  static byte[] page(HostKVCache pool, int page) {
    return Tensors.bytes(pool.getDataPage((long) page * pool.pageSize(), true));
  }

  /** Pages of a pool as they are now. */
  static List<byte[]> pages(HostKVCache pool, int count) {
    return IntStream.range(0, count).mapToObj(page -> page(pool, page)).toList();
  }

  /** So many different page keys, 64 hexadecimal digits each. */
  static List<String> keys(int count) {
    List<String> keys = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte[] digest = new byte[32];
      Tensors.random().nextBytes(digest);
      keys.add(java.util.HexFormat.of().formatHex(digest));
    }
    return keys;
  }

  /** The names of the pages' files in all buckets of this test's directory. */
  final List<String> fileNames() throws IOException {
    return pageFiles().stream().map(file -> file.getFileName().toString()).toList();
  }

  /** The pages' files, without the store's own folder. */
  final List<Path> pageFiles() throws IOException {
    return filesBelow(dir).stream()
        .filter(file -> !file.toString().contains("/.hicache/"))
        .toList();
  }

  /** The one file of this name, in whichever bucket. */
  final Path fileNamed(String name) throws IOException {
    List<Path> found =
        pageFiles().stream().filter(file -> file.getFileName().toString().equals(name)).toList();
    if (found.size() != 1) {
      throw new AssertionError(found.size() + " files are named " + name);
    }
    return found.get(0);
  }
}
