// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A resource limit of this process.
 *
 * @param soft the limit in force; -1: unlimited
 * @param hard how far the process may raise it; -1: unlimited
 */
record ProcessLimits(long soft, long hard) {
  private static final Path LIMITS = Path.of("/proc/self/limits");

  /** Number of files that may be open. */
  static Optional<ProcessLimits> openFiles() {
    return named("Max open files", lines());
  }

  /** Bytes of memory that may be locked. */
  static Optional<ProcessLimits> lockedMemory() {
    return named("Max locked memory", lines());
  }

  /** The limit of a name among the lines of /proc/self/limits. */
  static Optional<ProcessLimits> named(String name, List<String> lines) {
    Pattern line = Pattern.compile(Pattern.quote(name) + "\\s+(\\S+)\\s+(\\S+).*");
    return lines.stream()
        .map(line::matcher)
        .filter(Matcher::matches)
        .map(match -> new ProcessLimits(number(match.group(1)), number(match.group(2))))
        .findFirst();
  }

  private static List<String> lines() {
    try {
      return Files.readAllLines(LIMITS);
    } catch (IOException unknown) {
      return List.of();
    }
  }

  private static long number(String text) {
    return text.equals("unlimited") ? -1 : Long.parseLong(text);
  }

  boolean isBelow(long wanted) {
    return soft >= 0 && soft < wanted;
  }
}
