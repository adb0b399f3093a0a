// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/**
 * A benchmark's turns, as an option group of its command line: after a warm-up one, or one for each
 * line of standard input, so that several benchmarks can be measured in alternation. Each ends with
 * a line of JSON on standard output.
 */
final class Turns {
  @Option(names = "--pages", description = "Pages of one round (${DEFAULT-VALUE}).")
  int pages = 128;

  @Option(names = "--batch", description = "Pages of one call (${DEFAULT-VALUE}).")
  int batch = 128;

  @Option(names = "--rounds", description = "Timed rounds (${DEFAULT-VALUE}).")
  int rounds = 5;

  @Option(names = "--warmup", description = "Rounds before those (${DEFAULT-VALUE}).")
  int warmup = 1;

  @Option(
      names = "--turns",
      description = "Measures once for every line of standard input, until its end.")
  private boolean byLines;

  /**
   * Runs them until the end of standard input.
   *
   * @param round runs one round
   * @param samples what it fills, forgotten before each turn
   * @param report what was measured since
   */
  void run(Runnable round, List<Samples> samples, Supplier<JsonNode> report) throws IOException {
    turn(warmup, round, samples);
    if (!byLines) {
      turn(rounds, round, samples);
      print(report.get());
      return;
    }
    System.out.println("ready");
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    while (lines.readLine() != null) {
      turn(rounds, round, samples);
      print(report.get());
    }
  }

  private static void turn(int count, Runnable round, List<Samples> samples) {
    samples.forEach(Samples::forget);
    for (int i = 0; i < count; i++) {
      round.run();
    }
  }

  private static void print(JsonNode report) throws IOException {
    System.out.println(new ObjectMapper().writeValueAsString(report));
  }
}
