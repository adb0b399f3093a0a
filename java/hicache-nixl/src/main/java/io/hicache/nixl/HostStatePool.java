// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A host pool of the state of recurrent layers (Mamba): slots of one state each, in several buffers
 * with their own shapes: the temporal state first, then the convolution states.
 *
 * <pre>{@code
 * try (HostStatePool pool =
 *     HostStatePool.allocate(ScalarType.Float, 64, new long[] {24, 128, 64}, new long[] {24, 3, 256})) {
 *   Tensor temporal = pool.buffer(0); // (64, 24, 128, 64)
 * }
 * }</pre>
 *
 * <p>A page is one slot, and its index the number of the slot. Memory, lifetime and errors are as
 * in {@link HostKVCache}.
 *
 * <p>Threads: as {@link HostPool}.
 */
public final class HostStatePool extends HostPool {
  private static final long ALIGNMENT = 4096;

  private final ScalarType dtype;
  private final int slots;
  private final long[][] shapes;
  private final long[] bufferBytes;
  private final long[] offsets;
  private final HostMemory memory;
  private final LeakNet.Watch watch;

  private HostStatePool(ScalarType dtype, int slots, long[][] shapes, long[] bufferBytes) {
    this.dtype = dtype;
    this.slots = slots;
    this.shapes = shapes;
    this.bufferBytes = bufferBytes;
    offsets = new long[shapes.length];
    long length = 0;
    for (int i = 0; i < shapes.length; i++) {
      offsets[i] = length;
      long bytes = Math.multiplyExact(slots, bufferBytes[i]);
      length = Math.addExact(length, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    }
    memory = HostMemory.allocate(length, false, false);
    watch =
        LeakNet.watch(
            this,
            HostStatePool.class,
            "the host state pool of " + slots + " slots",
            memory::isClosed,
            memory::close);
  }

  /**
   * Allocates a pool.
   *
   * @param dtype type of the elements
   * @param slots how many states it holds, 1 or more
   * @param shapes dimensions of each buffer of one state, 1 or more of each; the temporal state
   *     first
   * @return to be closed by the caller; zeroed
   * @throws HiCacheException INVALID_ARGUMENT for a wrong number, UNSUPPORTED for a dtype whose
   *     elements are not plain bytes, IO when there is no such memory
   */
  public static HostStatePool allocate(ScalarType dtype, int slots, long[]... shapes) {
    if (shapes == null || shapes.length == 0 || slots < 1) {
      throw HiCacheException.invalid(
          "host state pool: " + slots + " slots, no buffers or none; give at least one of each");
    }
    long[] bytes = new long[shapes.length];
    long[][] kept = new long[shapes.length][];
    for (int i = 0; i < shapes.length; i++) {
      if (shapes[i] == null
          || shapes[i].length == 0
          || LongStream.of(shapes[i]).anyMatch(d -> d < 1)) {
        throw HiCacheException.invalid(
            "host state pool: buffer "
                + i
                + " has the dimensions "
                + Arrays.toString(shapes[i])
                + "; all must be 1 or more");
      }
      kept[i] = shapes[i].clone();
    }
    try {
      for (int i = 0; i < kept.length; i++) {
        long elements = LongStream.of(kept[i]).reduce(1, Math::multiplyExact);
        bytes[i] = Math.multiplyExact(elements, PoolGeometry.elementBytes(dtype));
      }
      return new HostStatePool(dtype.intern(), slots, kept, bytes);
    } catch (ArithmeticException e) {
      throw new HiCacheException(
          ErrorCode.INVALID_ARGUMENT,
          "host state pool: more than 2^63 bytes; check each number",
          e);
    }
  }

  /**
   * One buffer of all slots as a tensor over the pool's memory.
   *
   * @param index 0 for the temporal state
   * @return its dimensions are the slots, then those of the buffer
   */
  public Tensor buffer(int index) {
    memory.requireOpen();
    if (index < 0 || index >= shapes.length) {
      throw HiCacheException.invalid(
          "buffer: there is no buffer " + index + ", the pool has 0.." + (shapes.length - 1));
    }
    long[] dims = LongStream.concat(LongStream.of(slots), LongStream.of(shapes[index])).toArray();
    try (TensorOptions options = new TensorOptions(dtype)) {
      return torch.from_blob(memory.pointer().getPointer(offsets[index]), dims, options);
    }
  }

  @Override
  public int pageSize() {
    return 1;
  }

  @Override
  public ScalarType dtype() {
    return dtype;
  }

  @Override
  public long pageBytes() {
    return LongStream.of(bufferBytes).sum();
  }

  @Override
  public PageBlocks getPageBufferMeta(long[] hostIndices) {
    memory.requireOpen();
    if (hostIndices == null) {
      throw HiCacheException.invalid("getPageBufferMeta: the array of host indices is null");
    }
    List<Long> addresses = new ArrayList<>();
    List<Long> lengths = new ArrayList<>();
    for (long slot : hostIndices) {
      if (slot < 0 || slot >= slots) {
        throw HiCacheException.invalid(
            "getPageBufferMeta: there is no slot " + slot + ", the pool has 0.." + (slots - 1));
      }
      for (int i = 0; i < bufferBytes.length; i++) {
        addresses.add(memory.address() + offsets[i] + slot * bufferBytes[i]);
        lengths.add(bufferBytes[i]);
      }
    }
    return new PageBlocks(
        addresses.stream().mapToLong(Long::longValue).toArray(),
        lengths.stream().mapToLong(Long::longValue).toArray(),
        bufferBytes.length);
  }

  @Override
  public boolean isStridePageAligned(long alignment) {
    return LongStream.of(bufferBytes).allMatch(bytes -> bytes % alignment == 0);
  }

  @Override
  public void close() {
    memory.close();
    watch.end();
  }

  @Override
  long[] bufferBytes() {
    return bufferBytes.clone();
  }

  @Override
  boolean isZeroCopyLayout() {
    return true;
  }

  @Override
  HostMemory memory() {
    return memory;
  }
}
