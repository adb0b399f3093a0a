// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import io.hicache.nixl.HostKVCache;
import io.hicache.nixl.PoolLayout;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The memory of keys and values: the store's host pool, used by the attention as it lies. An engine
 * on a GPU has its pages there, and copies between them and a pool like this one.
 *
 * <p>The layout {@code page_first_direct} gives each layer of a page as one contiguous block, and
 * each page as two, K and V: the model works by layers, the store by pages.
 *
 * <p>Threads: one thread at a time; the store reads and writes pages that the engine lends it.
 */
final class PagedKv implements AutoCloseable {
  static final PoolLayout LAYOUT = PoolLayout.PAGE_FIRST_DIRECT;

  private final HostKVCache pool;
  private final Tensor keys; // (pages, layers, pageSize, kvHeads, headDim)
  private final Tensor values;

  PagedKv(ModelConfig config, int pages, int pageSize) {
    pool =
        HostKVCache.builder()
            .mha(config.layers(), config.kvHeads(), config.headDim())
            .pages(pages)
            .pageSize(pageSize)
            .dtype(ScalarType.Float)
            .layout(LAYOUT)
            .build();
    keys = pool.kvBuffer().select(0, 0);
    values = pool.kvBuffer().select(0, 1);
  }

  HostKVCache pool() {
    return pool;
  }

  int pageSize() {
    return pool.pageSize();
  }

  /**
   * Sets a page to zero. Masked positions have the weight 0 in the attention, and 0 times what a
   * page held before could be NaN.
   */
  void clear(int page) {
    keys.select(0, page).zero_();
    values.select(0, page).zero_();
  }

  /**
   * Writes consecutive tokens of a page.
   *
   * @param first row of the first token in the page
   * @param newKeys (tokens, kvHeads, headDim), rotated
   * @param newValues (tokens, kvHeads, headDim)
   */
  void write(int layer, int page, int first, Tensor newKeys, Tensor newValues) {
    long tokens = newKeys.size(0);
    keys.select(0, page).select(0, layer).narrow(0, first, tokens).copy_(newKeys);
    values.select(0, page).select(0, layer).narrow(0, first, tokens).copy_(newValues);
  }

  /**
   * The keys of a sequence.
   *
   * @param pageTable int64, the pages in the sequence's order
   * @return a contiguous copy, (kvHeads, pages x pageSize, headDim)
   */
  Tensor keys(int layer, Tensor pageTable) {
    return gather(keys, layer, pageTable);
  }

  /** As {@link #keys}. */
  Tensor values(int layer, Tensor pageTable) {
    return gather(values, layer, pageTable);
  }

  private static Tensor gather(Tensor of, int layer, Tensor pageTable) {
    Tensor pages = of.select(1, layer).index_select(0, pageTable);
    return pages.flatten(0, 1).transpose(0, 1).contiguous();
  }

  /** Gives the memory back once the store lets go of it. */
  @Override
  public void close() {
    keys.close();
    values.close();
    pool.close();
  }
}
