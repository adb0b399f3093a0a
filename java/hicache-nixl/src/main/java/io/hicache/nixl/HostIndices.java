// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.lang.ref.Reference;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * SGLang's host indices: the tokens of whole pages, page after page.
 *
 * <p>Threads: stateless.
 */
final class HostIndices {
  private static final String CALL = "getPageBufferMeta";
  private static final int MAX_ARRAY = Integer.MAX_VALUE - 8;

  private HostIndices() {}

  /**
   * The values of an index tensor.
   *
   * @throws HiCacheException INVALID_ARGUMENT unless it is int64, one-dimensional, contiguous and
   *     on the CPU
   */
  static long[] read(Tensor indices) {
    TensorDescriptor about = TensorDescriptor.of(indices, () -> CALL + " host indices");
    if (about.cuda() || about.dtype() != ScalarType.Long.value || about.dims().length != 1) {
      throw HiCacheException.invalid(
          CALL
              + ": the host indices are "
              + indices.scalar_type().intern()
              + " with "
              + about.dims().length
              + " dimensions on "
              + (about.cuda() ? "a CUDA device" : "the CPU")
              + "; pass int64 with one dimension on the CPU");
    }
    if (about.dims()[0] > MAX_ARRAY) {
      throw HiCacheException.invalid(
          CALL + ": " + about.dims()[0] + " host indices; ask for fewer at a time");
    }
    long[] values = new long[(int) about.dims()[0]];
    if (values.length > 0) {
      new LongPointer(indices.data_ptr()).get(values);
    }
    Reference.reachabilityFence(indices);
    return values;
  }

  /**
   * The page of each group of indices.
   *
   * @throws HiCacheException INVALID_ARGUMENT when they are not the tokens of whole pages
   */
  static long[] toPages(PoolGeometry geometry, long[] indices) {
    if (indices == null) {
      throw HiCacheException.invalid(CALL + ": the array of host indices is null");
    }
    int pageSize = geometry.pageSize();
    if (indices.length % pageSize != 0) {
      throw HiCacheException.invalid(
          CALL
              + ": "
              + indices.length
              + " host indices are no multiple of the page size "
              + pageSize
              + "; pass every token of each page");
    }
    long[] pages = new long[indices.length / pageSize];
    for (int i = 0; i < indices.length; i++) {
      long first = indices[i - i % pageSize];
      if (i % pageSize == 0) {
        pages[i / pageSize] = geometry.pageAt(CALL, first);
      } else if (indices[i] != first + i % pageSize) {
        throw HiCacheException.invalid(
            CALL
                + ": host index "
                + i
                + " is "
                + indices[i]
                + " where "
                + (first + i % pageSize)
                + " is due: the tokens of a page stand side by side");
      }
    }
    return pages;
  }

  /**
   * The number of blocks of so many pages.
   *
   * @throws HiCacheException INVALID_ARGUMENT when an array cannot hold them
   */
  static int blockCount(int pages, int blocksPerPage) {
    long count = (long) pages * blocksPerPage;
    if (count > MAX_ARRAY) {
      throw HiCacheException.invalid(
          CALL + ": " + pages + " pages have " + count + " blocks; ask for fewer at a time");
    }
    return (int) count;
  }
}
