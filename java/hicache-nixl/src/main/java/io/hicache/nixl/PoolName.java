// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * The pools that a page's state may be spread over, by SGLang's names. The name is part of the
 * names of a pool's files, except for {@link #KV}.
 *
 * <p>Threads: immutable.
 */
public enum PoolName {
  /** Keys and values. */
  KV,
  /** State of Mamba layers; each tensor-parallel rank has its own, also with MLA. */
  MAMBA,
  /** Keys and values of sliding-window layers. */
  SWA,
  /** A second set of sliding-window layers. */
  AUXILIARY_SWA,
  /** The index of sparse attention. */
  INDEXER,
  /** Keys and values of a draft model. */
  DRAFT,
  /** The index of a draft model. */
  DRAFT_INDEXER,
  /** Sliding-window layers of a draft model. */
  DRAFT_SWA,
  /** DeepSeek V4, compressed once. */
  DEEPSEEK_V4_C1,
  /** DeepSeek V4, index of C1. */
  DEEPSEEK_V4_C1_INDEXER,
  /** DeepSeek V4, scales of the index of C1. */
  DEEPSEEK_V4_C1_INDEXER_SCALE,
  /** DeepSeek V4, compressed by 2. */
  DEEPSEEK_V4_C2,
  /** DeepSeek V4, index of C2. */
  DEEPSEEK_V4_C2_INDEXER,
  /** DeepSeek V4, scales of the index of C2. */
  DEEPSEEK_V4_C2_INDEXER_SCALE,
  /** DeepSeek V4, compressed by 4. */
  DEEPSEEK_V4_C4,
  /** DeepSeek V4, index of C4. */
  DEEPSEEK_V4_C4_INDEXER,
  /** DeepSeek V4, scales of the index of C4. */
  DEEPSEEK_V4_C4_INDEXER_SCALE,
  /** DeepSeek V4, compressed by 128. */
  DEEPSEEK_V4_C128,
  /** DeepSeek V4, rotary part of C4. */
  DEEPSEEK_V4_C4_ROPE,
  /** DeepSeek V4, rotary part of C128. */
  DEEPSEEK_V4_C128_ROPE,
  /** DeepSeek V4, compressor state of C4. */
  DEEPSEEK_V4_C4_STATE,
  /** DeepSeek V4, compressor state of the index of C4. */
  DEEPSEEK_V4_C4_INDEXER_STATE,
  /** DeepSeek V4, compressor state of C128. */
  DEEPSEEK_V4_C128_STATE;

  /**
   * SGLang's word for it.
   *
   * @return e.g. {@code auxiliary_swa}
   */
  public String word() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
