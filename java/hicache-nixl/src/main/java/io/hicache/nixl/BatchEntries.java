// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_DTYPE_UNKNOWN;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_MEMORY_DRAM;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_memory_type_of;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The good entries of a batch one by one, as long as its arrays are there: where each begins in
 * them is counted once.
 *
 * <p>Threads: immutable.
 */
final class BatchEntries {
  private final PageBatch batch;
  private final int[] keyStarts;
  private final int[] blockStarts;
  private final int[] dimStarts;

  BatchEntries(PageBatch batch) {
    this.batch = batch;
    keyStarts = starts(batch.keyLengths(), batch.count());
    blockStarts = starts(batch.blockCounts(), batch.count());
    boolean moves = batch.operation() == Operation.SET || batch.operation() == Operation.GET;
    dimStarts = moves && batch.ranks() != null ? starts(batch.ranks(), batch.count()) : null;
  }

  /** Where each entry begins, and where the last ends; null: each has one. */
  private static int[] starts(int[] lengths, int count) {
    int[] starts = new int[count + 1];
    for (int i = 0; i < count; i++) {
      starts[i + 1] = starts[i] + (lengths == null ? 1 : lengths[i]);
    }
    return starts;
  }

  /** Some of the values; null where there are none. */
  static int[] pick(int[] values, int[] chosen) {
    return values == null ? null : Arrays.stream(chosen).map(i -> values[i]).toArray();
  }

  /** Some of the values; null where there are none. */
  static long[] pick(long[] values, int[] chosen) {
    return values == null ? null : Arrays.stream(chosen).mapToLong(i -> values[i]).toArray();
  }

  PageName name(int entry) {
    int[] components = batch.componentLengths();
    int length = components == null ? 0 : components[entry];
    int start = keyStarts[entry + 1] - length;
    return new PageName(
        batch.keyOfEntry(entry),
        new String(batch.keyBytes(), start, length, StandardCharsets.US_ASCII));
  }

  /** Bytes of a page that a set or a get moves. */
  long bytes(int entry) {
    long bytes = 0;
    for (int block = blockStarts[entry]; block < blockStarts[entry + 1]; block++) {
      bytes += batch.lengths()[block];
    }
    return bytes;
  }

  /** Whether all of a page's memory is the host's. */
  boolean isInHostMemory(int entry) {
    int[] device = new int[1];
    for (int block = blockStarts[entry]; block < blockStarts[entry + 1]; block++) {
      if (batch.lengths()[block] > 0
          && hicache_memory_type_of(batch.addresses()[block], device) != HICACHE_MEMORY_DRAM) {
        return false;
      }
    }
    return true;
  }

  /** Copies the bytes of a page, block after block. */
  void copyBytes(int entry, long to) {
    long next = to;
    for (int block = blockStarts[entry]; block < blockStarts[entry + 1]; block++) {
      long length = batch.lengths()[block];
      if (length > 0) {
        HostMemory.copy(next, batch.addresses()[block], length);
      }
      next += length;
    }
  }

  int dtype(int entry) {
    return batch.dtypes()[entry];
  }

  /**
   * Whether the batch knows of a page what a set of it would keep: a pool's pages have no shape.
   */
  boolean isOfPool(int entry) {
    return batch.blockCounts() != null && dtype(entry) != HICACHE_DTYPE_UNKNOWN;
  }

  /** Writes some of the entries into other arrays, from their beginning. */
  void copy(int[] chosen, BatchArrays into) {
    into.reserveBlocks(Arrays.stream(chosen).map(i -> blockStarts[i + 1] - blockStarts[i]).sum());
    int keyBytes = 0;
    int blocks = 0;
    int dims = 0;
    for (int j = 0; j < chosen.length; j++) {
      int i = chosen[j];
      int keyLength = batch.keyLengths()[i];
      into.reserveKeyBytes(keyBytes, keyLength);
      System.arraycopy(batch.keyBytes(), keyStarts[i], into.keyBytes, keyBytes, keyLength);
      into.keyLengths[j] = keyLength;
      keyBytes += keyLength;
      int blockCount = blockStarts[i + 1] - blockStarts[i];
      System.arraycopy(batch.addresses(), blockStarts[i], into.addresses, blocks, blockCount);
      System.arraycopy(batch.lengths(), blockStarts[i], into.lengths, blocks, blockCount);
      blocks += blockCount;
      into.dtypes[j] = batch.dtypes()[i];
      if (dimStarts != null) {
        int rank = batch.ranks()[i];
        into.reserveDims(dims, rank);
        System.arraycopy(batch.dims(), dimStarts[i], into.dims, dims, rank);
        into.ranks[j] = rank;
        dims += rank;
      }
    }
  }
}
