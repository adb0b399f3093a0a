// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.PageInfo;
import java.util.ArrayList;
import java.util.List;

/**
 * Gathers pages into batches and gives each batch the same memory, so that any number of pages
 * takes the memory of one batch, or of the largest page.
 *
 * <p>Threads: one thread.
 */
final class PageBatches {
  /** Bytes of a batch; a larger page goes alone. */
  static final long BYTES = 64L << 20;

  private static final int PAGES = 128;

  /** What is done with a batch: pages as they were listed, and room for each. */
  interface Work {
    void on(List<PageInfo> pages, List<NativeMemory.Range> ranges);
  }

  private final NativeMemory memory;
  private final long bytesMax;
  private final Work work;
  private final List<PageInfo> batch = new ArrayList<>();
  private NativeMemory.Range arena;
  private long batchBytes;

  PageBatches(NativeMemory memory, long bytesMax, Work work) {
    this.memory = memory;
    this.bytesMax = bytesMax;
    this.work = work;
  }

  /** Adds a page; does the work first when the batch has no room for it. */
  void add(PageInfo page) {
    boolean full = batch.size() == PAGES || batchBytes + aligned(page.length()) > bytesMax;
    if (full) {
      flush();
    }
    batch.add(page);
    batchBytes += aligned(page.length());
  }

  /** Does the work on what was added since the last time. */
  void flush() {
    if (batch.isEmpty()) {
      return;
    }
    if (arena == null || arena.length() < batchBytes) {
      memory.free(arena);
      arena = memory.allocate(Math.max(bytesMax, batchBytes));
    }
    List<PageInfo> pages = List.copyOf(batch);
    List<NativeMemory.Range> ranges = new ArrayList<>();
    long next = 0;
    for (PageInfo page : pages) {
      ranges.add(arena.part(next, page.length()));
      next += aligned(page.length());
    }
    batch.clear();
    batchBytes = 0;
    work.on(pages, ranges);
  }

  /** Keeps every page on a boundary that direct I/O takes without a copy. */
  private static long aligned(long length) {
    return (length + NativeMemory.ALIGNMENT - 1) & -NativeMemory.ALIGNMENT;
  }
}
