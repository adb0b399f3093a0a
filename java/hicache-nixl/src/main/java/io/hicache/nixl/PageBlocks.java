// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * Where the bytes of pages lie in memory. The blocks of page i are the entries {@code i *
 * blocksPerPage()} up to {@code (i + 1) * blocksPerPage()}; one after the other, they are the bytes
 * of the page's file.
 *
 * <p>The addresses hold as long as the pool does. Two of these are equal only when they share their
 * arrays.
 *
 * <p>Threads: immutable, as long as nobody writes to the arrays.
 *
 * @param addresses first byte of each block; not copied
 * @param lengths bytes of each block; not copied
 * @param blocksPerPage how many blocks make one page, 1 or more
 */
public record PageBlocks(long[] addresses, long[] lengths, int blocksPerPage) {

  /**
   * Checks that the blocks make whole pages.
   *
   * @param addresses first byte of each block; not copied
   * @param lengths bytes of each block; not copied
   * @param blocksPerPage how many blocks make one page, 1 or more
   * @throws HiCacheException INVALID_ARGUMENT when they do not
   */
  public PageBlocks {
    if (addresses == null || lengths == null) {
      throw HiCacheException.invalid(
          "page blocks: the array of "
              + (addresses == null ? "addresses" : "lengths")
              + " is null");
    }
    if (blocksPerPage < 1
        || addresses.length != lengths.length
        || addresses.length % blocksPerPage != 0) {
      throw HiCacheException.invalid(
          "page blocks: "
              + addresses.length
              + " addresses and "
              + lengths.length
              + " lengths do not make pages of "
              + blocksPerPage
              + " blocks");
    }
  }

  /**
   * Number of pages.
   *
   * @return 0 or more
   */
  public int pageCount() {
    return addresses.length / blocksPerPage;
  }
}
