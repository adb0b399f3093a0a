// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import io.hicache.nixl.HiCacheNixl;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * One region of host memory on a page boundary that holds all pages side by side, as an engine's
 * host pool does. Pages are set from it and got back into the same place.
 */
final class PagePool implements PageMemory {
  private static final long ALIGNMENT = 4096;

  private final Pointer memory;
  private final Tensor words;
  private final Tensor golden;
  private final List<Tensor> pages = new ArrayList<>();
  private final long[] addresses;
  private final long[] lengths;
  private final boolean plain;

  /**
   * @param plain true: pages are handed over as addresses; false: as tensors made by from_blob
   */
  PagePool(int count, long pageBytes, boolean plain) {
    this.plain = plain;
    long bytes = count * pageBytes;
    memory = Pointer.malloc(bytes + ALIGNMENT);
    if (memory == null || memory.isNull()) {
      throw new IllegalStateException("no memory for a pool of " + bytes + " bytes");
    }
    long start = -memory.address() & (ALIGNMENT - 1);
    BytePointer region = new BytePointer(memory);
    words = blob(region.getPointer(start), bytes / Long.BYTES, ScalarType.Long);
    words.random_();
    golden = words.clone();
    addresses = new long[count];
    lengths = new long[count];
    for (int i = 0; i < count; i++) {
      long offset = start + i * pageBytes;
      pages.add(blob(region.getPointer(offset), pageBytes / Short.BYTES, ScalarType.BFloat16));
      addresses[i] = memory.address() + offset;
      lengths[i] = pageBytes;
    }
  }

  private static Tensor blob(Pointer data, long elements, ScalarType dtype) {
    return torch.from_blob(data, new long[] {elements}, new TensorOptions(dtype));
  }

  @Override
  public boolean set(HiCacheNixl store, List<String> keys, int first) {
    int end = first + keys.size();
    return plain
        ? store.batchSet(keys, part(addresses, first, end), part(lengths, first, end))
        : store.batchSet(keys, pages.subList(first, end));
  }

  @Override
  public boolean get(HiCacheNixl store, List<String> keys, int first) {
    int end = first + keys.size();
    if (!plain) {
      return store.batchGet(keys, pages.subList(first, end)).stream().allMatch(Objects::nonNull);
    }
    for (boolean hit :
        store.batchGet(keys, part(addresses, first, end), part(lengths, first, end))) {
      if (!hit) {
        return false;
      }
    }
    return true;
  }

  /** A tensor for each page, for as long as the pool lives. */
  List<Tensor> pages() {
    return Collections.unmodifiableList(pages);
  }

  private static long[] part(long[] of, int begin, int end) {
    return Arrays.copyOfRange(of, begin, end);
  }

  @Override
  public void blank() {
    words.zero_();
  }

  @Override
  public boolean isWhole() {
    return words.equal(golden);
  }

  @Override
  public void close() {
    pages.forEach(Tensor::close);
    words.close();
    golden.close();
    Pointer.free(memory);
  }
}
