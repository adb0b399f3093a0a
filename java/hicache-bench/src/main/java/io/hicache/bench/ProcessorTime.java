// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Processor time of this process, native threads among them. The JVM's own counter has steps of 10
 * ms, as long as a whole round; the kernel's per-thread ones count nanoseconds.
 */
final class ProcessorTime {
  private static final Path THREADS = Path.of("/proc/self/task");

  private ProcessorTime() {}

  /** Nanoseconds that the threads alive now have run. */
  static long nanos() {
    long sum = 0;
    try (DirectoryStream<Path> threads = Files.newDirectoryStream(THREADS)) {
      for (Path thread : threads) {
        sum += nanosOf(thread);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return sum;
  }

  private static long nanosOf(Path thread) throws IOException {
    try {
      String counters = Files.readString(thread.resolve("schedstat"));
      return Long.parseLong(counters.substring(0, counters.indexOf(' ')));
    } catch (NoSuchFileException ended) {
      return 0;
    }
  }
}
