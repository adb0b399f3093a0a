// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.DoubleUnaryOperator;

/**
 * Times of one operation, one sample for each round over all pages: elapsed time, and processor
 * time of the whole process.
 *
 * <p>Threads: one thread.
 */
final class Samples {
  private static final double GIB = 1L << 30;

  private final String name;
  private final boolean movesBytes;
  private final List<Double> elapsedSeconds = new ArrayList<>();
  private final List<Double> processorSeconds = new ArrayList<>();
  private final List<Double> callSeconds = new ArrayList<>();

  /** Samples of an operation that moves the bytes of its pages, or does not. */
  Samples(String name, boolean movesBytes) {
    this.name = name;
    this.movesBytes = movesBytes;
  }

  /** Forgets all samples. */
  void forget() {
    elapsedSeconds.clear();
    processorSeconds.clear();
    callSeconds.clear();
  }

  /** A call with some of the keys, of which the first has this number. */
  interface BatchCall {
    boolean call(List<String> keys, int first);
  }

  /** Makes the calls of a round, and notes what each took; true when all were good. */
  boolean inBatches(List<String> keys, int batch, BatchCall call) {
    boolean good = true;
    for (int first = 0; first < keys.size(); first += batch) {
      List<String> part = keys.subList(first, Math.min(keys.size(), first + batch));
      long start = System.nanoTime();
      good &= call.call(part, first);
      callSeconds.add((System.nanoTime() - start) / 1e9);
    }
    return good;
  }

  /** Runs the operation, and keeps the sample. */
  void time(BooleanSupplier operation) {
    long processor = ProcessorTime.nanos();
    long start = System.nanoTime();
    boolean good = operation.getAsBoolean();
    long elapsed = System.nanoTime() - start;
    processor = ProcessorTime.nanos() - processor;
    if (!good) {
      throw new IllegalStateException(name + " failed; the log above says why");
    }
    elapsedSeconds.add(elapsed / 1e9);
    processorSeconds.add(processor / 1e9);
  }

  /**
   * Writes what {@code peer_bench.py} writes for one operation.
   *
   * @param pages in a round
   * @param pageBytes bytes of payload in a page
   */
  void describe(ObjectNode all, int pages, long pageBytes) {
    ObjectNode node = all.putObject(name);
    spread(node.putObject("pages_s"), seconds -> pages / seconds, 10);
    node.put("us_per_page_median", rounded(median(elapsedSeconds) / pages * 1e6, 100));
    node.put("cpu_us_per_page_median", rounded(median(processorSeconds) / pages * 1e6, 100));
    if (!callSeconds.isEmpty()) {
      node.put("call_us_median", rounded(median(callSeconds) * 1e6, 100));
    }
    if (movesBytes) {
      spread(node.putObject("gib_s"), seconds -> pages * pageBytes / GIB / seconds, 1000);
    }
  }

  private void spread(ObjectNode node, DoubleUnaryOperator rate, double steps) {
    List<Double> rates = elapsedSeconds.stream().map(rate::applyAsDouble).sorted().toList();
    node.put("min", rounded(rates.get(0), steps));
    node.put("median", rounded(median(rates), steps));
    node.put("max", rounded(rates.get(rates.size() - 1), steps));
  }

  private static double median(List<Double> values) {
    List<Double> sorted = new ArrayList<>(values);
    Collections.sort(sorted);
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  private static double rounded(double value, double steps) {
    return Math.round(value * steps) / steps;
  }
}
