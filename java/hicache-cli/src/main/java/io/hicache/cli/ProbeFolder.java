// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A folder of our own in a storage directory, on the same file system, so that a check leaves the
 * directory's pages alone. Gone when closed, and so is the directory if it had to be made.
 */
final class ProbeFolder implements AutoCloseable {
  private final List<Path> made = new ArrayList<>();
  private final Path folder;

  /** Makes the folder, and the directory when it is missing. */
  ProbeFolder(Path directory) throws IOException {
    for (Path missing = directory;
        missing != null && !Files.exists(missing);
        missing = missing.getParent()) {
      made.add(missing);
    }
    Path created = null;
    try {
      Files.createDirectories(directory);
      created = Files.createTempDirectory(directory, ".hicache-doctor-");
    } finally {
      if (created == null) {
        removeMade();
      }
    }
    folder = created;
  }

  Path path() {
    return folder;
  }

  @Override
  public void close() {
    Folders.remove(folder);
    removeMade();
  }

  private void removeMade() {
    for (Path path : made) {
      try {
        Files.deleteIfExists(path);
      } catch (IOException inUse) {
        return; // somebody put something there meanwhile; then it is theirs
      }
    }
  }
}
