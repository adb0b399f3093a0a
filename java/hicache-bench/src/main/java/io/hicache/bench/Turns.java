// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/**
 * A benchmark's turns: after a warm-up one, or one for each line of standard input, so that several
 * benchmarks can be measured in alternation. Each ends with a line of JSON on standard output.
 */
final class Turns {
  private Turns() {}

  /**
   * Runs them until the end of standard input.
   *
   * @param byLines whether a line of standard input asks for each turn; else there is one
   * @param turn runs so many rounds, and forgets what was measured before
   * @param report what was measured since
   */
  static void run(
      boolean byLines, int warmup, int rounds, IntConsumer turn, Supplier<JsonNode> report)
      throws IOException {
    turn.accept(warmup);
    if (!byLines) {
      turn.accept(rounds);
      print(report.get());
      return;
    }
    System.out.println("ready");
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    while (lines.readLine() != null) {
      turn.accept(rounds);
      print(report.get());
    }
  }

  private static void print(JsonNode report) throws IOException {
    System.out.println(new ObjectMapper().writeValueAsString(report));
  }
}
