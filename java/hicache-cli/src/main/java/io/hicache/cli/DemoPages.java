// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageOutcome;
import io.hicache.nixl.PageResult;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Pages of random content, made anew from their seed whenever they are needed, so that any number
 * of them takes the memory of two batches.
 *
 * <p>Threads: one thread.
 */
final class DemoPages {
  /**
   * Keys and values, layers, tokens, heads, elements of a head: Llama-3-8B with pages of 64 tokens.
   */
  private static final long[] DIMS = {2, 32, 64, 8, 128};

  static final String SHAPE = "bfloat16 [2, 32, 64, 8, 128]";
  static final long PAGE_BYTES = 2L * 32 * 64 * 8 * 128 * 2;

  /** bfloat16 elements in an int64, in which random bits are drawn and compared. */
  private static final int ELEMENTS_PER_WORD = 4;

  private static final int BATCH_PAGES = 8;
  private static final long SEED = 20_240_418;

  private final HiCacheNixl store;
  private final int pages;
  private long writeNanos;
  private long readNanos;

  DemoPages(HiCacheNixl store, int pages) {
    this.store = store;
    this.pages = pages;
    words()
        .close(); // loads libtorch, which takes seconds the first time, outside of what is measured
    // and shown
  }

  long bytes() {
    return pages * PAGE_BYTES;
  }

  /** Time inside the store. */
  long writeNanos() {
    return writeNanos;
  }

  /** Time inside the store. */
  long readNanos() {
    return readNanos;
  }

  /** Stores every page. */
  void write(LongConsumer advance) {
    for (int first = 0; first < pages; first += BATCH_PAGES) {
      List<String> keys = keys(first);
      try (PointerScope scope = new PointerScope()) {
        List<Tensor> values = keys.stream().map(DemoPages::page).toList();
        long start = System.nanoTime();
        List<PageResult> results = store.batchSetPages(keys, values);
        writeNanos += System.nanoTime() - start;
        results.forEach(PageResult::orThrow);
      }
      advance.accept(keys.size() * PAGE_BYTES);
    }
  }

  /** Reads every page and compares it with what was stored. */
  void read(LongConsumer advance) {
    for (int first = 0; first < pages; first += BATCH_PAGES) {
      List<String> keys = keys(first);
      try (PointerScope scope = new PointerScope()) {
        List<Tensor> targets = keys.stream().map(key -> blank()).toList();
        long start = System.nanoTime();
        List<PageResult> results = store.batchGetPages(keys, targets);
        readNanos += System.nanoTime() - start;
        for (int i = 0; i < keys.size(); i++) {
          requireSame(results.get(i), page(keys.get(i)), targets.get(i));
        }
      }
      advance.accept(keys.size() * PAGE_BYTES);
    }
  }

  private List<String> keys(int first) {
    List<String> keys = new ArrayList<>();
    for (int i = first; i < Math.min(pages, first + BATCH_PAGES); i++) {
      keys.add("page-" + i);
    }
    return keys;
  }

  /** The page of a key: the same bits each time. */
  private static Tensor page(String key) {
    torch.manual_seed(SEED + key.hashCode());
    return words().random_().view(ScalarType.BFloat16);
  }

  private static Tensor blank() {
    return words().zero_().view(ScalarType.BFloat16);
  }

  private static Tensor words() {
    long[] dims = DIMS.clone();
    dims[dims.length - 1] /= ELEMENTS_PER_WORD;
    return torch.empty(dims, new TensorOptions(ScalarType.Long), null);
  }

  private static void requireSame(PageResult result, Tensor expected, Tensor read) {
    if (result.orThrow().outcome() != PageOutcome.HIT) {
      throw new CommandFailure(
          ErrorCode.NOT_FOUND, "page '" + result.key() + "' was written and is not there", null);
    }
    // Bits are compared: a bfloat16 that is not a number differs from itself.
    if (!expected.view(ScalarType.Long).equal(read.view(ScalarType.Long))) {
      throw new CommandFailure(
          ErrorCode.CORRUPT, "page '" + result.key() + "' came back with other bytes", null);
    }
  }
}
