// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The shape of a pool and where in it the bytes of a page lie, in numbers alone.
 *
 * <p>Every layout is, as bytes, (blocks, pages, bytes of a block): block b of page p begins at
 * {@code (b * pages + p) * blockBytes}. The blocks are K then V, and under them the layers where
 * they are outermost. With one page all blocks touch and are one.
 *
 * <p>Threads: immutable.
 *
 * @param layout the order of the dimensions
 * @param mla true: one latent vector for each token; false: K and V with heads
 * @param layers 1 or more
 * @param heads 1 or more; 1 for MLA
 * @param dim elements of a head, or of the latent vector; 1 or more
 * @param pages 1 or more
 * @param pageSize tokens of a page, 1 or more
 * @param dtype type of the elements
 */
record PoolGeometry(
    PoolLayout layout,
    boolean mla,
    int layers,
    int heads,
    int dim,
    int pages,
    int pageSize,
    ScalarType dtype) {

  /**
   * Checks every number.
   *
   * @throws HiCacheException INVALID_ARGUMENT for what is missing, not positive, or too large
   *     together; UNSUPPORTED for a dtype whose elements are not plain bytes
   */
  PoolGeometry {
    requirePositive("layers", layers);
    requirePositive("heads", heads);
    requirePositive(mla ? "dim" : "headDim", dim);
    requirePositive("pages", pages);
    requirePositive("pageSize", pageSize);
    requireGiven("dtype", dtype);
    requireGiven("layout", layout);
    dtype = dtype.intern();
    long elementBytes = elementBytes(dtype);
    try {
      long tokens = Math.multiplyExact((long) pages, (long) pageSize);
      LongStream.of(mla ? 1 : 2, tokens, layers, heads, dim, elementBytes)
          .reduce(1, Math::multiplyExact);
      Math.multiplyExact(2, layers);
    } catch (ArithmeticException e) {
      throw new HiCacheException(
          ErrorCode.INVALID_ARGUMENT,
          "host pool: "
              + layers
              + " layers, "
              + heads
              + " heads of "
              + dim
              + ", "
              + pages
              + " pages of "
              + pageSize
              + " tokens are more than 2^63 bytes; check each number",
          e);
    }
  }

  private static void requirePositive(String what, int value) {
    if (value < 1) {
      throw HiCacheException.invalid(
          "host pool: " + what + " is " + value + "; it must be 1 or more");
    }
  }

  private static void requireGiven(String what, Object value) {
    if (value == null) {
      throw HiCacheException.invalid("host pool: no " + what + " was given");
    }
  }

  /** Bytes of an element whose value is in its bytes alone. */
  static long elementBytes(ScalarType dtype) {
    return switch (dtype) {
      case Byte, Char, Float8_e5m2, Float8_e4m3fn, Float8_e5m2fnuz, Float8_e4m3fnuz -> 1;
      case Half, BFloat16, Short -> 2;
      case Float, Int -> 4;
      case Double, Long -> 8;
      default ->
          throw new HiCacheException(
              ErrorCode.UNSUPPORTED,
              "host pool: the dtype "
                  + dtype
                  + " is not supported; use BFloat16, Half, Float, an 8-bit float or an integer,"
                  + " Byte for packed ones");
    };
  }

  /** The dimensions of the whole pool. */
  long[] dims() {
    return withKindFirst(layout.dims(layers, pages, pageSize, heads, dim));
  }

  /** The dimensions of one page of it. */
  long[] pageDims() {
    return withKindFirst(layout.dims(layers, 1, pageSize, heads, dim));
  }

  private long[] withKindFirst(long[] dims) {
    return mla ? dims : LongStream.concat(LongStream.of(2), Arrays.stream(dims)).toArray();
  }

  long tokens() {
    return (long) pages * pageSize;
  }

  /** Elements of one page. */
  long pageElements() {
    return Arrays.stream(pageDims()).reduce(1, (a, b) -> a * b);
  }

  long pageBytes() {
    return pageElements() * elementBytes(dtype);
  }

  /** Bytes of the whole pool. */
  long length() {
    return pages * pageBytes();
  }

  int blocksPerPage() {
    return pages == 1 ? 1 : (mla ? 1 : 2) * (layout == PoolLayout.LAYER_FIRST ? layers : 1);
  }

  long blockBytes() {
    return pageBytes() / blocksPerPage();
  }

  /** Where a block of a page begins, in bytes from the start of the pool. */
  long offset(long page, int block) {
    return (block * (long) pages + page) * blockBytes();
  }

  /**
   * The page that begins at a token.
   *
   * @param call as messages name it
   * @throws HiCacheException INVALID_ARGUMENT when none does
   */
  long pageAt(String call, long token) {
    if (token < 0 || token >= tokens()) {
      throw HiCacheException.invalid(
          call + ": token " + token + " is outside the pool, which has 0.." + (tokens() - 1));
    }
    if (token % pageSize != 0) {
      throw HiCacheException.invalid(
          call
              + ": no page begins at token "
              + token
              + "; give its first token, a multiple of the page size "
              + pageSize);
    }
    return token / pageSize;
  }

  @Override
  public String toString() {
    return layout.word()
        + (mla ? " MLA " : " MHA ")
        + Arrays.toString(dims())
        + " "
        + dtype
        + ", "
        + pages
        + " pages of "
        + pageSize
        + " tokens, "
        + length()
        + " bytes";
  }
}
