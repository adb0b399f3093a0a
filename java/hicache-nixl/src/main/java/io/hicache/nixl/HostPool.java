// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Host memory whose pages a store moves: {@link HostKVCache} for keys and values, {@link
 * HostStatePool} for the state of recurrent layers.
 *
 * <p>Threads: safe from any number of threads; who writes a page while another reads it is up to
 * the caller.
 */
public abstract sealed class HostPool implements AutoCloseable permits HostKVCache, HostStatePool {
  HostPool() {}

  /**
   * Tokens of a page.
   *
   * @return 1 or more
   */
  public abstract int pageSize();

  /**
   * Type of the elements.
   *
   * @return an interned constant
   */
  public abstract ScalarType dtype();

  /**
   * Bytes of a page in all its buffers.
   *
   * @return 1 or more
   */
  public abstract long pageBytes();

  /**
   * Where the bytes of pages lie.
   *
   * @param hostIndices the tokens of whole pages, {@link #pageSize()} for each, one after the other
   * @return the blocks of each page in the order of its file, in the order of the arguments
   * @throws HiCacheException INVALID_ARGUMENT when they are not the tokens of pages of this pool,
   *     CLOSED when the pool is closed
   */
  public abstract PageBlocks getPageBufferMeta(long[] hostIndices);

  /**
   * As {@link #getPageBufferMeta(long[])}.
   *
   * @param hostIndices int64, one-dimensional, contiguous, on the CPU
   * @return as {@link #getPageBufferMeta(long[])}
   */
  public PageBlocks getPageBufferMeta(Tensor hostIndices) {
    return getPageBufferMeta(HostIndices.read(hostIndices));
  }

  /**
   * Whether every block begins and ends on a boundary, so that direct I/O can use it as it lies.
   *
   * @param alignment bytes, a power of 2
   * @return true when all do
   */
  public abstract boolean isStridePageAligned(long alignment);

  /** Frees the memory; a store that uses it keeps it until it is done. */
  @Override
  public abstract void close();

  /** Bytes of each buffer that a page is made of: K and V; a latent; temporal and convolution. */
  abstract long[] bufferBytes();

  /**
   * True where SGLang moves pages of this pool without a copy, each buffer as a file of its own.
   */
  abstract boolean isZeroCopyLayout();

  abstract HostMemory memory();
}
