// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.StoreDescription;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What works in one storage directory.
 *
 * @param path the directory
 * @param existed whether it was there before
 * @param configured what the configured backend made of it; null when that does not work
 * @param problem why it does not; empty when it does
 * @param usableBytes bytes that can still be written there
 * @param totalBytes size of the file system
 * @param attempts every backend, and every queue of POSIX, in the order in which auto tries them
 */
record DirectoryCheck(
    Path path,
    boolean existed,
    StoreDescription configured,
    String problem,
    long usableBytes,
    long totalBytes,
    List<Attempt> attempts) {

  /** Backend and queue in the order of priority; a backend without queues has none. */
  private static final List<List<String>> CANDIDATES =
      List.of(
          List.of("3FS", ""),
          List.of("POSIX", "aio"),
          List.of("POSIX", "uring"),
          List.of("POSIX", "posix_aio"),
          List.of("GDS_MT", ""),
          List.of("GDS", ""),
          List.of("OBJ", ""));

  /**
   * One backend or queue that was tried.
   *
   * @param reason why it does not work; empty when it does
   * @param advice what to do about it; may be empty
   */
  record Attempt(String backend, String queue, boolean works, String reason, String advice) {}

  /** Tries everything in a directory; leaves nothing behind. */
  static DirectoryCheck of(Path directory, HiCacheConfig config) {
    boolean existed = Files.exists(directory);
    try (ProbeFolder folder = new ProbeFolder(directory)) {
      FileStore fileStore = Files.getFileStore(folder.path());
      StoreDescription configured = null;
      String problem = "";
      try {
        configured = DataPathProbe.run(config, folder.path());
      } catch (HiCacheException failure) {
        problem = failure.getMessage();
      }
      List<Attempt> attempts = new ArrayList<>();
      for (List<String> candidate : CANDIDATES) {
        attempts.add(attempt(config, candidate.get(0), candidate.get(1), folder.path()));
      }
      return new DirectoryCheck(
          directory,
          existed,
          configured,
          problem,
          fileStore.getUsableSpace(),
          fileStore.getTotalSpace(),
          List.copyOf(attempts));
    } catch (IOException unusable) {
      String problem =
          "no folder can be made in it (" + unusable + "); check that it can be written to";
      return new DirectoryCheck(directory, existed, null, problem, 0, 0, List.of());
    }
  }

  private static Attempt attempt(HiCacheConfig config, String backend, String queue, Path folder) {
    try {
      HiCacheConfig one = config.forBackend(backend);
      DataPathProbe.run(queue.isEmpty() ? one : one.toBuilder().queue(queue).build(), folder);
      return new Attempt(backend, queue, true, "", "");
    } catch (HiCacheException failure) {
      return explained(backend, queue, failure.getMessage());
    }
  }

  /** The core ends such an error with a line " BACKEND: reason; advice". */
  private static Attempt explained(String backend, String queue, String message) {
    String line = message.substring(message.lastIndexOf('\n') + 1).strip();
    String prefix = backend + ": ";
    if (!line.startsWith(prefix)) {
      return new Attempt(backend, queue, false, message, "");
    }
    String text = line.substring(prefix.length());
    int cut = text.lastIndexOf("; ");
    return cut < 0
        ? new Attempt(backend, queue, false, text, "")
        : new Attempt(backend, queue, false, text.substring(0, cut), text.substring(cut + 2));
  }

  /** What the configured store says about the directory; null when it does not work. */
  StoreDescription.Directory description() {
    return configured == null ? null : configured.directories().get(0);
  }
}
