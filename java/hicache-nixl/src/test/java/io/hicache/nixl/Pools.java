// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.hicache_memory_describe;

import java.io.ByteArrayOutputStream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Host pools for tests, and their bytes read from outside. */
final class Pools {
  static final int LAYERS = 3;
  static final int HEADS = 2;
  static final int HEAD_DIM = 4;
  static final int LATENT = 6;
  static final int PAGES = 5;
  static final int PAGE_SIZE = 8;

  private Pools() {}

  /** A builder of a small pool. */
  static HostKVCacheBuilder small(PoolLayout layout, boolean mla, ScalarType dtype) {
    HostKVCacheBuilder builder =
        HostKVCache.builder().pages(PAGES).pageSize(PAGE_SIZE).dtype(dtype).layout(layout);
    return mla ? builder.mla(LAYERS, LATENT) : builder.mha(LAYERS, HEADS, HEAD_DIM);
  }

  static HostKVCache small() {
    return small(PoolLayout.PAGE_FIRST, false, ScalarType.BFloat16).build();
  }

  /** The tokens of pages, as an engine passes them. */
  static long[] tokens(long... pages) {
    long[] tokens = new long[pages.length * PAGE_SIZE];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = pages[i / PAGE_SIZE] * PAGE_SIZE + i % PAGE_SIZE;
    }
    return tokens;
  }

  /** The bytes of one page of blocks, one block after the other, read from their addresses. */
  static byte[] bytes(PageBlocks blocks, int page) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (int b = 0; b < blocks.blocksPerPage(); b++) {
      int i = page * blocks.blocksPerPage() + b;
      byte[] bytes = new byte[(int) blocks.lengths()[i]];
      new Memory(blocks.addresses()[i]).get(bytes);
      all.writeBytes(bytes);
    }
    return all.toByteArray();
  }

  /** The bytes of the whole pool as they lie. */
  static byte[] bytes(HostKVCache pool) {
    byte[] bytes = new byte[(int) pool.length()];
    new Memory(pool.address()).get(bytes);
    return bytes;
  }

  /** Fills a pool through its tensor with random values. */
  static void fill(HostKVCache pool) {
    try (Tensor kv = pool.kvBuffer()) {
      kv.copy_(Tensors.random(pool.dtype(), kv.shape()));
    }
  }

  /** Whether the core has memory at an address. */
  static boolean isAllocated(long address) {
    return hicache_memory_describe(address, new byte[0], 0) > 0;
  }

  private static final class Memory extends BytePointer {
    Memory(long address) {
      super((Pointer) null);
      this.address = address;
    }
  }
}
