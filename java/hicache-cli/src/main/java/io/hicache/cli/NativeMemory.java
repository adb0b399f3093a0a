// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.ErrorCode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * Memory outside the heap for pages, freed together at the end and never by the garbage collector.
 * A store may still use a range after a time-out, so this is closed after the store, and only when
 * the store's close reported that nothing hangs.
 *
 * <p>Threads: one thread.
 */
final class NativeMemory implements AutoCloseable {
  /** Direct I/O takes addresses on such a boundary without a copy. */
  static final long ALIGNMENT = 4096;

  private static final long PIECE_BYTES = 64L << 20;

  private final List<Pointer> allocations = new ArrayList<>();
  private boolean inUse;

  /** A range of native memory; offsets and lengths are bytes. */
  static final class Range {
    private final Pointer allocation;
    private final BytePointer whole;
    private final long start;
    private final long length;

    private Range(Pointer allocation, long start, long length) {
      this.allocation = allocation;
      this.whole = new BytePointer(allocation);
      this.start = start;
      this.length = length;
    }

    long address() {
      return whole.address() + start;
    }

    long length() {
      return length;
    }

    /** The range of [offset, offset + bytes). */
    Range part(long offset, long bytes) {
      return new Range(allocation, start + offset, bytes);
    }

    /** Whether both hold the same bytes. */
    boolean isSame(Range other) {
      boolean same = length == other.length;
      for (long done = 0; same && done < length; done += PIECE_BYTES) {
        int piece = (int) Math.min(PIECE_BYTES, length - done);
        same = view(done, piece).equals(other.view(done, piece));
      }
      return same;
    }

    /**
     * A view of [offset, offset + bytes) for channels. The address moves, because positions of
     * buffers end at 2 GiB.
     */
    ByteBuffer view(long offset, int bytes) {
      return bytes == 0
          ? ByteBuffer.allocate(0)
          : whole.getPointer(start + offset).capacity(bytes).asByteBuffer();
    }
  }

  /**
   * A range on a boundary of 4096 bytes, of any content.
   *
   * @throws CommandFailure when there is not so much memory
   */
  Range allocate(long length) {
    Pointer memory = Pointer.malloc(length + ALIGNMENT);
    if (memory == null || memory.isNull()) {
      throw new CommandFailure(ErrorCode.INTERNAL, "no memory for " + length + " bytes", null);
    }
    allocations.add(memory);
    long start = -memory.address() & (ALIGNMENT - 1);
    return new Range(memory, start, length);
  }

  /** The address of each range. */
  static long[] addresses(List<Range> ranges) {
    return ranges.stream().mapToLong(Range::address).toArray();
  }

  /** Frees what a range was allocated with, when no transfer uses it any more; null is nothing. */
  void free(Range range) {
    if (range != null && allocations.remove(range.allocation)) {
      Pointer.free(range.allocation);
    }
  }

  /** A transfer hangs in it: nothing is freed any more. */
  void leave() {
    inUse = true;
  }

  @Override
  public void close() {
    if (inUse) {
      return;
    }
    allocations.forEach(Pointer::free);
    allocations.clear();
  }
}
