// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.HostKVCache;
import io.hicache.nixl.PageResult;
import io.hicache.nixl.PoolLayout;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Pages scattered over a registered host pool, moved by the calls of SGLang's form v1. */
final class InteropPool implements InteropPages {
  private final HostKVCache pool;
  private final boolean mla;
  private final int[] slots;
  private final long[] hostIndices;

  /** A pool of blank pages; page i of the command lies in slot (7 * i + 3) modulo their number. */
  InteropPool(HostKVCache pool, boolean mla, int pages) {
    this.pool = pool;
    this.mla = mla;
    slots = IntStream.range(0, pages).map(i -> (7 * i + 3) % pool.pageCount()).toArray();
    int tokens = pool.pageSize();
    hostIndices =
        IntStream.of(slots)
            .mapToObj(slot -> LongStream.range((long) slot * tokens, (slot + 1L) * tokens))
            .flatMapToLong(page -> page)
            .toArray();
    bytes().fill_(new Scalar(BLANK));
  }

  private Tensor bytes() {
    return pool.kvBuffer().view(ScalarType.Byte);
  }

  @Override
  public void register(HiCacheNixl store) {
    store.registerMemPoolHost(pool);
  }

  @Override
  public Tensor view(int i) {
    // (kinds, ...): of kinds MLA has one, and no dimension for it.
    Tensor kinds = mla ? bytes().unsqueeze(0) : bytes();
    long tokens = pool.pageSize();
    PoolLayout layout = pool.layout();
    return switch (layout) {
      case LAYER_FIRST -> kinds.narrow(2, slots[i] * tokens, tokens);
      case PAGE_FIRST -> kinds.narrow(1, slots[i] * tokens, tokens).permute(0, 2, 1, 3, 4);
      case PAGE_FIRST_DIRECT -> kinds.select(1, slots[i]);
      case PAGE_HEAD -> kinds.select(1, slots[i]).permute(0, 3, 2, 1, 4);
    };
  }

  @Override
  public boolean[] set(HiCacheNixl store, List<String> keys) {
    return store.batchSetV1(keys, hostIndices);
  }

  @Override
  public boolean[] get(HiCacheNixl store, List<String> keys) {
    return store.batchGetV1(keys, hostIndices);
  }

  @Override
  public List<PageResult> getPages(HiCacheNixl store, List<String> keys) {
    return store.batchGetPagesV1(keys, hostIndices);
  }

  @Override
  public boolean isRestBlank() {
    for (int i = 0; i < slots.length; i++) {
      view(i).fill_(new Scalar(BLANK));
    }
    return bytes().eq(new Scalar(BLANK)).all().item_bool();
  }

  @Override
  public void close() {
    pool.close();
  }
}
