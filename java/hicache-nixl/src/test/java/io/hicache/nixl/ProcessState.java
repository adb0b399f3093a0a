// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** What this process holds, as the kernel counts it. */
record ProcessState(long openFiles, long threads) {

  /** Counts now. */
  static ProcessState now() throws IOException {
    residentBytes(); // the JDK opens a socket pair of its own with the first file channel
    return new ProcessState(count(Path.of("/proc/self/fd")), threads(Path.of("/proc/self/task")));
  }

  /** Waits until there are no more than before; threads end a moment after their join. */
  static ProcessState settledTo(ProcessState before) throws IOException, InterruptedException {
    ProcessState now = now();
    for (int i = 0; i < 100 && !now.isWithin(before); i++) {
      Thread.sleep(20);
      now = now();
    }
    return now;
  }

  /**
   * True when nothing was added since. Less is fine: what an earlier test left may end meanwhile.
   */
  boolean isWithin(ProcessState before) {
    return openFiles <= before.openFiles && threads <= before.threads;
  }

  /** Fails when something was added since before, and stays. */
  static void assertNothingAddedTo(ProcessState before) throws IOException, InterruptedException {
    ProcessState after = settledTo(before);
    assertThat(after.isWithin(before)).as("before %s, after %s", before, after).isTrue();
  }

  /** Resident memory in bytes. */
  static long residentBytes() throws IOException {
    List<String> status = Files.readAllLines(Path.of("/proc/self/status"));
    String line = status.stream().filter(l -> l.startsWith("VmRSS:")).findFirst().orElseThrow();
    return 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
  }

  /** All threads but the compiler's and the collector's, which come and go by themselves. */
  private static long threads(Path tasks) throws IOException {
    List<Path> ids;
    try (Stream<Path> entries = Files.list(tasks)) {
      ids = entries.toList();
    }
    long threads = 0;
    for (Path id : ids) {
      try {
        String name = Files.readString(id.resolve("comm")).strip();
        threads += name.matches("C[12] Compiler.*|G1 .*|GC Thread.*") ? 0 : 1;
      } catch (IOException e) {
        continue; // ended meanwhile
      }
    }
    return threads;
  }

  private static long count(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.count();
    }
  }
}
