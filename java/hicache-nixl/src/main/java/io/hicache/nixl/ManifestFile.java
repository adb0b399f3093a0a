// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The file of one namespace's manifest in one base directory. It appears whole or not at all, once,
 * whoever dies meanwhile, and it is reached through no symbolic link.
 *
 * <p>Threads: safe from any number of threads and processes.
 */
final class ManifestFile {
  /** The core's own folder in a base directory. */
  private static final String FOLDER = ".hicache";

  /**
   * The core removes files of this prefix whenever a store opens: what a killed process left goes
   * with them, and a file of a live one may go too, which is then written again.
   */
  private static final String TEMP_PREFIX = "probe-namespace-";

  private static final int BYTES_MAX = 64 << 10;
  private static final int ATTEMPTS = 100;
  private static final Set<OpenOption> NEW_FILE =
      Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
  private static final FileAttribute<?> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final Path folder;
  private final Path file;

  /** Of a namespace with a checked name, in a base directory that a store has open. */
  ManifestFile(Path directory, String namespace) {
    folder = directory.resolve(FOLDER);
    file = folder.resolve("namespace-" + namespace + ".json");
  }

  /**
   * The content; empty when there is none.
   *
   * @throws HiCacheException IO when it cannot be read or is no regular file, CORRUPT when it is
   *     far too long
   */
  Optional<byte[]> read() {
    try {
      // Before opening: a link is to be named as such, and opening a named pipe would wait for
      // ever.
      if (!isOf(folder, true)) {
        throw planted(folder, "directory");
      }
      if (!isOf(file, false)) {
        throw planted(file, "regular file");
      }
      try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
        byte[] content = in.readNBytes(BYTES_MAX + 1);
        if (content.length > BYTES_MAX) {
          throw new HiCacheException(
              ErrorCode.CORRUPT,
              "namespace manifest "
                  + file
                  + " is damaged: it has more than "
                  + BYTES_MAX
                  + " bytes. Remove it; the next open records the identity anew");
        }
        return Optional.of(content);
      }
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw failed("reading", e);
    }
  }

  /**
   * Writes the content, unless somebody else has done so first.
   *
   * @throws HiCacheException IO; the file is not there then, or it is somebody else's
   */
  void publish(byte[] content) {
    boolean interrupted = Thread.interrupted();
    try {
      for (int attempt = 1; !published(content); attempt++) {
        interrupted |= Thread.interrupted();
        if (attempt == ATTEMPTS) {
          throw new NoSuchFileException(folder + "/" + TEMP_PREFIX + "*");
        }
      }
    } catch (IOException | UnsupportedOperationException e) {
      throw failed("making", e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** One attempt; false when it has to be made again. */
  private boolean published(byte[] content) throws IOException {
    String unique = Long.toHexString(ThreadLocalRandom.current().nextLong());
    Path temp = folder.resolve(TEMP_PREFIX + unique);
    try {
      try (FileChannel out = FileChannel.open(temp, NEW_FILE, OWNER_ONLY)) {
        for (ByteBuffer rest = ByteBuffer.wrap(content); rest.hasRemaining(); ) {
          out.write(rest);
        }
        out.force(true);
      }
      Files.createLink(file, temp);
      return true;
    } catch (FileAlreadyExistsException e) {
      return Files.exists(file, LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException | ClosedByInterruptException e) {
      return false;
    } finally {
      Files.deleteIfExists(temp);
    }
  }

  private static boolean isOf(Path path, boolean directory) throws IOException {
    BasicFileAttributes found =
        Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    return directory ? found.isDirectory() : found.isRegularFile();
  }

  private static HiCacheException planted(Path path, String kind) {
    return new HiCacheException(
        ErrorCode.IO,
        "namespace manifest: '" + path + "' is no " + kind + ", perhaps a link; move it away");
  }

  private HiCacheException failed(String doing, Exception cause) {
    return new HiCacheException(
        ErrorCode.IO,
        doing
            + " the namespace manifest "
            + file
            + " failed: "
            + cause
            + "; a namespace needs a base directory that can be written to and has hard links",
        cause);
  }

  /** The path of the file. */
  @Override
  public String toString() {
    return file.toString();
  }
}
