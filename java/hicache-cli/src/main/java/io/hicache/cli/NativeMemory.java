// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.ErrorCode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * Memory outside the heap for pages, all freed together and never by the garbage collector. A store
 * may still use a range after a time-out, so this is closed after the store, and only when the
 * store's close reported that nothing hangs.
 *
 * <p>Threads: one thread.
 */
final class NativeMemory implements AutoCloseable {
  /** Direct I/O takes addresses on such a boundary without a copy. */
  private static final long ALIGNMENT = 4096;

  private final List<Pointer> allocations = new ArrayList<>();

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
    return new Range(new BytePointer(memory), start, length);
  }

  @Override
  public void close() {
    allocations.forEach(Pointer::free);
    allocations.clear();
  }
}
