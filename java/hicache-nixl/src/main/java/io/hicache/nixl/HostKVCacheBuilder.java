// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Collects what a {@link HostKVCache} is made of; nothing is checked before {@link #build()}. The
 * shape, pages, page size, dtype and layout have no default. A setter called again replaces what it
 * set before.
 *
 * <p>Threads: for one thread.
 */
public final class HostKVCacheBuilder {
  private Boolean mla;
  private int layers;
  private int heads;
  private int dim;
  private int pages;
  private int pageSize;
  private ScalarType dtype;
  private PoolLayout layout;
  private boolean hugePages;
  private boolean pinned;

  HostKVCacheBuilder() {}

  /**
   * A pool of K and V with heads (MHA, GQA, MQA).
   *
   * @param layers 1 or more
   * @param heads KV heads of this rank, 1 or more
   * @param headDim elements of a head, 1 or more; K and V have the same
   * @return this builder
   */
  public HostKVCacheBuilder mha(int layers, int heads, int headDim) {
    return shape(false, layers, heads, headDim);
  }

  /**
   * A pool of latent vectors (MLA), one for each token and layer.
   *
   * @param layers 1 or more
   * @param dim elements of the vector, 1 or more
   * @return this builder
   */
  public HostKVCacheBuilder mla(int layers, int dim) {
    return shape(true, layers, 1, dim);
  }

  private HostKVCacheBuilder shape(boolean mla, int layers, int heads, int dim) {
    this.mla = mla;
    this.layers = layers;
    this.heads = heads;
    this.dim = dim;
    return this;
  }

  /**
   * How many pages the pool has.
   *
   * @param pages 1 or more
   * @return this builder
   */
  public HostKVCacheBuilder pages(int pages) {
    this.pages = pages;
    return this;
  }

  /**
   * How many tokens a page has.
   *
   * @param tokens 1 or more
   * @return this builder
   */
  public HostKVCacheBuilder pageSize(int tokens) {
    pageSize = tokens;
    return this;
  }

  /**
   * Type of the elements.
   *
   * @param dtype a float or an integer; {@code Byte} for packed formats
   * @return this builder
   */
  public HostKVCacheBuilder dtype(ScalarType dtype) {
    this.dtype = dtype;
    return this;
  }

  /**
   * Order of the dimensions. Two engines that share pages need layouts that order a page alike.
   *
   * @param layout see {@link PoolLayout}
   * @return this builder
   */
  public HostKVCacheBuilder layout(PoolLayout layout) {
    this.layout = layout;
    return this;
  }

  /**
   * Asks for huge pages: those reserved by {@code vm.nr_hugepages}, else transparent ones. Memory
   * in huge pages is filled at once.
   *
   * @param wanted default false; where there are none, see {@link HostKVCache#hasHugePages()}
   * @return this builder
   */
  public HostKVCacheBuilder hugePages(boolean wanted) {
    hugePages = wanted;
    return this;
  }

  /**
   * Asks for page-locked memory, which a GPU copies at full speed.
   *
   * @param wanted default false; without a CUDA device, see {@link HostKVCache#isPinned()}
   * @return this builder
   */
  public HostKVCacheBuilder pinned(boolean wanted) {
    pinned = wanted;
    return this;
  }

  /**
   * Checks everything and allocates the pool, filled with zeros.
   *
   * @return to be closed by the caller
   * @throws HiCacheException INVALID_ARGUMENT for what is missing or wrong, UNSUPPORTED for a
   *     dtype, IO when there is no such memory, BACKEND_UNAVAILABLE when the native library cannot
   *     be loaded
   */
  public HostKVCache build() {
    if (mla == null) {
      throw HiCacheException.invalid("host pool: no shape was given; call mha() or mla()");
    }
    PoolGeometry geometry =
        new PoolGeometry(layout, mla, layers, heads, dim, pages, pageSize, dtype);
    return new HostKVCache(geometry, HostMemory.allocate(geometry.length(), hugePages, pinned));
  }
}
