// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * How many pages each finding was made of.
 *
 * <p>Threads: one thread.
 *
 * @param <F> what may be found; its names in lower case are the words of reports
 */
final class FindingCounts<F extends Enum<F>> {
  private final F[] findings;
  private final Map<F, Long> counts;

  FindingCounts(Class<F> kind) {
    findings = kind.getEnumConstants();
    counts = new EnumMap<>(kind);
  }

  /** The word for a finding. */
  static String word(Enum<?> finding) {
    return finding.name().toLowerCase(Locale.ROOT);
  }

  void note(F finding) {
    counts.merge(finding, 1L, Long::sum);
  }

  long of(F finding) {
    return counts.getOrDefault(finding, 0L);
  }

  /** Of all findings together. */
  long total() {
    return counts.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Writes each finding's count into a report, those of 0 too. */
  void putInto(ObjectNode report) {
    for (F finding : findings) {
      report.put(word(finding), of(finding));
    }
  }

  /** One line: {@code 3 ok, 0 unverified, ...}. */
  @Override
  public String toString() {
    return Arrays.stream(findings)
        .map(finding -> of(finding) + " " + word(finding))
        .collect(Collectors.joining(", "));
  }
}
