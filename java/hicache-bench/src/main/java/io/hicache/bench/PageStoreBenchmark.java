// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheNixl;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Calls of {@link HiCacheNixl} in the shape that {@code hicache_nixl_bench --start_block_size 72K
 * --keys 1024} gives its calls of the C API: one caller, the memory of one batch, one pass after
 * another over keys whose pages are there and are replaced. Each call answers for all its pages, or
 * the benchmark fails.
 *
 * <p>The time of a batch, {@code batch*}, is that of 128 pages.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class PageStoreBenchmark {
  private static final int BATCH = 128;
  private static final int BATCHES = 8;
  private static final long PAGE_BYTES = 72 << 10;

  /** files or segments. */
  @Param({"segments", "files"})
  public String layout;

  /** Storage directory; its pages of the model bench/jmh are removed at the end. */
  @Param("/dev/shm/hicache-jmh")
  public String directory;

  /** What is passed: tensors, or addresses and lengths. */
  @Param({"tensors", "addresses"})
  public String memory;

  private final List<List<String>> batches = keys();
  private final List<String> singles = batches.stream().flatMap(List::stream).toList();
  private PagePool pool;
  private List<Tensor> pages;
  private long[] addresses;
  private long[] lengths;
  private boolean byAddress;
  private HiCacheNixl store;
  private int next;

  private static List<List<String>> keys() {
    return IntStream.range(0, BATCHES)
        .mapToObj(batch -> IntStream.range(batch * BATCH, (batch + 1) * BATCH))
        .map(numbers -> numbers.mapToObj(InteropStream::key).toList())
        .toList();
  }

  /** Opens a store and puts all pages in. */
  @Setup(Level.Trial)
  public void open() {
    pool = new PagePool(BATCH, PAGE_BYTES, false);
    pages = pool.pages();
    addresses = pages.stream().mapToLong(page -> page.data_ptr().address()).toArray();
    lengths = pages.stream().mapToLong(Tensor::nbytes).toArray();
    byAddress = memory.equals("addresses");
    store =
        HiCacheNixl.open(
            HiCacheConfig.builder()
                .environment(Map.of())
                .storageDir(Path.of(directory, layout))
                .backend("POSIX")
                .layout(layout)
                .model("bench/jmh")
                .build());
    for (List<String> keys : batches) {
      require(store.batchSet(keys, pages));
    }
  }

  /** Removes the pages. */
  @TearDown(Level.Trial)
  public void close() {
    store.clear();
    store.close();
    pool.close();
  }

  /** Replaces 128 pages. */
  @Benchmark
  public void batchSet() {
    require(
        byAddress ? store.batchSet(batch(), addresses, lengths) : store.batchSet(batch(), pages));
  }

  /** Gets 128 pages. */
  @Benchmark
  public void batchGet() {
    if (byAddress) {
      for (boolean hit : store.batchGet(batch(), addresses, lengths)) {
        require(hit);
      }
    } else {
      List<Tensor> got = store.batchGet(batch(), pages);
      for (int i = 0; i < BATCH; i++) {
        require(got.get(i) != null);
      }
    }
  }

  /** Asks for 128 pages. */
  @Benchmark
  public void batchExists() {
    require(store.batchExists(batch()) == BATCH);
  }

  /** Replaces one page. */
  @Benchmark
  public void singleSet() {
    require(
        byAddress
            ? store.set(single(), addresses[0], lengths[0])
            : store.set(single(), pages.get(0)));
  }

  /** Gets one page. */
  @Benchmark
  public void singleGet() {
    require(
        byAddress
            ? store.get(single(), addresses[0], lengths[0])
            : store.get(single(), pages.get(0)) != null);
  }

  private List<String> batch() {
    return batches.get(next++ & BATCHES - 1);
  }

  private String single() {
    return singles.get(next++ & BATCHES * BATCH - 1);
  }

  private static void require(boolean good) {
    if (!good) {
      throw new IllegalStateException("a page was not stored or not found; the log says why");
    }
  }
}
