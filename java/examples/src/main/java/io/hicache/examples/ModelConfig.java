// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import io.hicache.nixl.HiCacheIdentity;

/**
 * The shape of a decoder-only transformer, and the seed of its weights. Everything is float32.
 *
 * <p>Threads: immutable.
 *
 * @param layers decoder layers
 * @param heads query heads
 * @param kvHeads heads of keys and values; each serves heads / kvHeads query heads (GQA)
 * @param headDim elements of a head, even for RoPE
 * @param hidden elements of a token's state
 * @param ffn elements between the projections of the feed-forward part
 * @param vocab number of token ids
 * @param seed of the random weights
 */
record ModelConfig(
    int layers, int heads, int kvHeads, int headDim, int hidden, int ffn, int vocab, long seed) {

  ModelConfig {
    if (layers < 1 || kvHeads < 1 || hidden < 1 || ffn < 1 || vocab < 2) {
      throw new IllegalArgumentException(
          "model: layers, KV heads, hidden and ffn must be 1 or more, vocab 2 or more");
    }
    if (heads < kvHeads || heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          "model: " + heads + " query heads cannot share " + kvHeads + " KV heads evenly");
    }
    if (headDim < 2 || headDim % 2 != 0) {
      throw new IllegalArgumentException("model: RoPE needs an even headDim, not " + headDim);
    }
  }

  /** 18 million parameters in the layers: a prompt of 1024 tokens takes seconds. */
  static ModelConfig small() {
    return new ModelConfig(6, 8, 2, 64, 512, 1536, 4096, 42);
  }

  /**
   * What the store must know of this model. It tells everything that decides the bytes of a page
   * apart from its tokens: pages of another shape or other weights are never taken for this
   * model's, and a store of another identity is refused at open.
   */
  HiCacheIdentity identity(int pageSize) {
    return HiCacheIdentity.builder("engine-example")
        .model(
            String.format(
                "decoder: layers %d, heads %d, KV heads %d of %d, hidden %d, ffn %d, vocab %d",
                layers, heads, kvHeads, headDim, hidden, ffn, vocab))
        .revision("random weights of seed " + seed)
        .dtype("float")
        .pageSize(pageSize)
        .kvLayout(PagedKv.LAYOUT.word())
        .build();
  }

  /** How many query heads share one KV head. */
  int group() {
    return heads / kvHeads;
  }
}
