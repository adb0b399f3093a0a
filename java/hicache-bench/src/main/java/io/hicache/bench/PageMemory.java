// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import io.hicache.nixl.HiCacheNixl;
import java.util.List;

/**
 * The memory of a benchmark's pages, and the calls that move it. What each mode stands for is said
 * at {@link ConnectorBenchmark}.
 *
 * <p>Threads: one thread.
 */
interface PageMemory extends AutoCloseable {
  /** Stores the pages first to first + keys.size(), in one call; true when all are stored. */
  boolean set(HiCacheNixl store, List<String> keys, int first);

  /** Fills the pages first to first + keys.size(), in one call; true when all are hits. */
  boolean get(HiCacheNixl store, List<String> keys, int first);

  /** Overwrites every target, so that what a get left out is seen. */
  void blank();

  /** True when every target holds the bytes that were set. */
  boolean isWhole();

  @Override
  void close();
}
