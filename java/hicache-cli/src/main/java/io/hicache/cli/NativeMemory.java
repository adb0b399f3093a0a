// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.ErrorCode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;

/**
 * Memory outside the heap for pages, all freed together. A store may still use a range after a
 * time-out, so this is closed after the store, and only when the store's close reported that
 * nothing hangs.
 *
 * <p>Threads: one thread.
 */
final class NativeMemory implements AutoCloseable {
  /** Direct I/O takes addresses on such a boundary without a copy. */
  private static final long ALIGNMENT = 4096;

  private final List<BytePointer> allocations = new ArrayList<>();

  /** A range of native memory; offsets and lengths are bytes. */
  static final class Range {
    private final BytePointer whole;
    private final long start;
    private final long length;

    private Range(BytePointer whole, long start, long length) {
      this.whole = whole;
      this.start = start;
      this.length = length;
    }

    long address() {
      return whole.address() + start;
    }

    long length() {
      return length;
    }

    /** A view of [offset, offset + bytes) for channels. The address moves: positions of buffers end at 2 GiB. */
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
    try {
      BytePointer pointer = new BytePointer(Math.addExact(length, ALIGNMENT));
      allocations.add(pointer);
      long start = -pointer.address() & (ALIGNMENT - 1);
      return new Range(pointer, start, length);
    } catch (OutOfMemoryError | ArithmeticException | NegativeArraySizeException tooLarge) {
      throw new CommandFailure(
          ErrorCode.INTERNAL,
          "no memory for " + length + " bytes (" + tooLarge.getMessage() + ")",
          tooLarge);
    }
  }

  @Override
  public void close() {
    allocations.forEach(BytePointer::close);
    allocations.clear();
  }
}
