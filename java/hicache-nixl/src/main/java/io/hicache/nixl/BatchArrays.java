// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Arrays;
import java.util.concurrent.ArrayBlockingQueue;

/**
 * The arrays of one submit call, or room for the answers to it. Those of usual batches are used
 * again: making and clearing them anew would be most of the garbage of a call.
 *
 * <p>Threads: one thread at a time; {@link #take} and {@link #giveBack} on any.
 */
final class BatchArrays {
  private static final int SPARE_ENTRIES_MAX = 512; // larger batches are rare
  private static final int SPARE_KEY_BYTES = 256; // an entry, at most: JNI copies the whole array
  private static final int KEY_BYTES = 72;
  private static final int DIMS = 4;

  /** By the binary logarithm of their entries. */
  private static final SpareArrays[] SPARE = new SpareArrays[32];

  private static final class SpareArrays extends ArrayBlockingQueue<BatchArrays> {
    SpareArrays() {
      super(8);
    }
  }

  static {
    Arrays.setAll(SPARE, i -> new SpareArrays());
  }

  byte[] keyBytes;
  final int[] keyLengths;
  long[] addresses;
  long[] lengths;
  final int[] dtypes;
  final int[] ranks;
  long[] dims;
  private final int entries;

  private BatchArrays(int entries) {
    this.entries = entries;
    keyBytes = new byte[Math.max(64, entries * KEY_BYTES)];
    keyLengths = new int[entries];
    addresses = new long[entries];
    lengths = new long[entries];
    dtypes = new int[entries];
    ranks = new int[entries];
    dims = new long[entries * DIMS];
  }

  /** Arrays for at least so many entries, with whatever in them. */
  static BatchArrays take(int entries) {
    if (entries == 0 || entries > SPARE_ENTRIES_MAX) {
      return new BatchArrays(entries);
    }
    int size = sizeOf(entries);
    BatchArrays spare = SPARE[size].poll();
    return spare == null ? new BatchArrays(1 << size) : spare;
  }

  /** Lets others use the arrays; the caller does not any more. */
  void giveBack() {
    boolean usual =
        entries > 0
            && entries <= SPARE_ENTRIES_MAX
            && addresses.length == entries
            && keyBytes.length <= entries * SPARE_KEY_BYTES
            && dims.length == entries * DIMS;
    if (usual) {
      SPARE[sizeOf(entries)].offer(this);
    }
  }

  private static int sizeOf(int entries) {
    return Integer.SIZE - Integer.numberOfLeadingZeros(entries - 1);
  }

  /** Makes room for more bytes of keys behind the first used ones. */
  void reserveKeyBytes(int used, int more) {
    int needed = Math.addExact(used, more);
    if (needed > keyBytes.length) {
      keyBytes = Arrays.copyOf(keyBytes, (int) Math.min(Integer.MAX_VALUE - 8L, needed * 2L));
    }
  }

  /** Makes room for so many blocks, where an entry may have several; nothing is kept. */
  void reserveBlocks(int blocks) {
    if (blocks > addresses.length) {
      addresses = new long[blocks];
      lengths = new long[blocks];
    }
  }

  /** Makes room for more dims behind the first used ones. */
  void reserveDims(int used, int more) {
    if (used + more > dims.length) {
      dims = Arrays.copyOf(dims, Math.max(dims.length * 2, used + more));
    }
  }
}
