// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageResult;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * The memory of the pages of one command of {@link InteropPeer}, and the calls that move it.
 *
 * <p>Threads: one thread.
 */
interface InteropPages extends AutoCloseable {
  /** What every byte of the memory is before a read, as a byte without sign. */
  int BLANK = 0xa5;

  /** Makes the memory known to the store, where the calls need that. */
  void register(HiCacheNixl store);

  /** Page i as bytes, in the order of {@link InteropStream}; not a copy. */
  Tensor view(int i);

  /** Stores all pages; for each, whether it is stored. */
  boolean[] set(HiCacheNixl store, List<String> keys);

  /** Fills all pages; for each, whether it is there. */
  boolean[] get(HiCacheNixl store, List<String> keys);

  /** As get, and tells what became of each page. */
  List<PageResult> getPages(HiCacheNixl store, List<String> keys);

  /** Blanks all pages, and tells whether the rest of the memory is blank. */
  boolean isRestBlank();

  @Override
  void close();
}
