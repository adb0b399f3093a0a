// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.ErrorCode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** Folders that a command makes for itself. */
final class Folders {
  private Folders() {}

  /** Removes a folder and all below it, never through a symbolic link; null is nothing. */
  static void remove(Path folder) {
    if (folder == null) {
      return;
    }
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    } catch (IOException | UncheckedIOException stuck) {
      throw new CommandFailure(
          ErrorCode.IO, "cannot remove " + folder + ": " + stuck.getMessage(), stuck);
    }
  }

  /** Bytes that may still be written to a folder's file system; 0 where it cannot be told. */
  static long usableBytes(Path folder) {
    try {
      return Files.getFileStore(folder).getUsableSpace();
    } catch (IOException unknown) {
      return 0;
    }
  }
}
