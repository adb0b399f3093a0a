// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * Plain files below one base directory, and the tuples by which NIXL knows them. Every path must
 * lie below the base directory, also after its links are resolved; nothing is reached through a
 * link as its last part.
 *
 * <p>As in SGLang, what fails answers false or empty, with one WARN line.
 *
 * <p>Threads: safe from any number of threads.
 */
public final class NixlFileManager implements AutoCloseable {
  private static final Logger LOG = LogManager.getLogger(NixlFileManager.class);

  private final Path base;
  private final OpenDescriptors descriptors = new OpenDescriptors();
  private final OwnFiles own = new OwnFiles();
  private final LeakNet.Watch watch;

  /**
   * Works below a directory.
   *
   * @param baseDir made when missing
   * @throws HiCacheException IO when it cannot be made or is no directory
   */
  public NixlFileManager(Path baseDir) {
    if (baseDir == null) {
      throw HiCacheException.invalid("file manager: the base directory is null");
    }
    NativeLibrary.load();
    try {
      base = Files.createDirectories(baseDir.toAbsolutePath().normalize());
    } catch (IOException e) {
      throw new HiCacheException(
          ErrorCode.IO, "file manager: cannot make the directory " + baseDir + ": " + e, e);
    }
    watch =
        LeakNet.watch(
            this, "file manager of " + base, descriptors::areClosed, descriptors::closeAll);
  }

  /**
   * Makes an empty file, and the directories above it. One of ours that is there already is
   * emptied; somebody else's is left as it is.
   *
   * @param path below the base directory, absolute or from the current directory
   * @return true when an empty file is there now; false for an empty path, one outside the base
   *     directory, somebody else's file with content, and when the file system refuses
   */
  public boolean createFile(String path) {
    try {
      Path file = confined(path);
      requireInside(file);
      Files.createDirectories(file.getParent());
      try {
        Files.createFile(file);
        own.mark(file);
        return true;
      } catch (FileAlreadyExistsException e) {
        if (own.isOwn(file)) {
          Files.newByteChannel(
                  file,
                  Set.of(
                      StandardOpenOption.WRITE,
                      StandardOpenOption.TRUNCATE_EXISTING,
                      LinkOption.NOFOLLOW_LINKS))
              .close();
          return true;
        }
        return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) && Files.size(file) == 0;
      }
    } catch (IOException | HiCacheException e) {
      LOG.warn("create file '{}' failed: {}", KeyCodec.shown(path), e.toString());
      return false;
    }
  }

  /**
   * Opens a file for reading and writing.
   *
   * @param path a regular file below the base directory, absolute or from the current directory
   * @return its file descriptor, to be given to {@link #closeFile}; empty when it cannot be opened
   * @throws HiCacheException CLOSED after {@link #close()}
   */
  public OptionalInt openFile(String path) {
    try {
      return OptionalInt.of(open(path));
    } catch (IOException | HiCacheException e) {
      if (e instanceof HiCacheException h && h.code() == ErrorCode.CLOSED) {
        throw h;
      }
      LOG.warn("open file '{}' failed: {}", KeyCodec.shown(path), e.toString());
      return OptionalInt.empty();
    }
  }

  /**
   * Closes a file that was opened here.
   *
   * @param fd as {@link #openFile} or {@link #filesToNixlTuples} gave it
   * @return false for any other number, which is left alone
   */
  public boolean closeFile(int fd) {
    return descriptors.close(fd);
  }

  /**
   * The path of a key's file.
   *
   * @param key a relative path: no part of it is empty, {@code .} or {@code ..}
   * @return the base directory and the key
   * @throws HiCacheException INVALID_ARGUMENT for a key that would leave the base directory, or
   *     have more than one spelling
   */
  public String getFilePath(String key) {
    KeyCodec.encode("file path", key);
    for (String part : key.split("/", -1)) {
      if (part.isEmpty() || part.equals(".") || part.equals("..") || part.indexOf('\0') >= 0) {
        throw HiCacheException.invalid(
            "file path '"
                + KeyCodec.shown(key)
                + "': the key is no plain relative path below "
                + base);
      }
    }
    return base + (base.getNameCount() == 0 ? "" : "/") + key;
  }

  /**
   * Opens files for a registration.
   *
   * @param paths regular files below the base directory
   * @return one tuple (0, 0, fd, path) for each, in their order, each fd to be given to {@link
   *     #closeFile}; empty when one of them cannot be opened, and then none is left open
   * @throws HiCacheException CLOSED after {@link #close()}
   */
  public List<FileTuple> filesToNixlTuples(List<String> paths) {
    List<FileTuple> tuples = new ArrayList<>();
    for (String path : paths) {
      OptionalInt fd = openFile(path);
      if (fd.isEmpty()) {
        tuples.forEach(tuple -> closeFile(tuple.fd()));
        return List.of();
      }
      tuples.add(new FileTuple(0, 0, fd.getAsInt(), path));
    }
    return List.copyOf(tuples);
  }

  /**
   * Removes the files that {@link #createFile} made below the base directory, by this process or,
   * where the file system keeps extended attributes, by an earlier one. Everything else stays,
   * directories too.
   *
   * @return number of files removed
   * @throws HiCacheException IO when the file system refuses; some may be gone then
   */
  public long clear() {
    try {
      return own.removeBelow(base);
    } catch (IOException e) {
      throw new HiCacheException(ErrorCode.IO, "clear " + base + " failed: " + e, e);
    }
  }

  /** Closes every file that is still open. Calling it again does nothing. */
  @Override
  public void close() {
    descriptors.closeAll();
    watch.end();
  }

  private int open(String path) throws IOException {
    Path file = confined(path);
    requireInside(file);
    return descriptors.open(file.toString().getBytes(StandardCharsets.UTF_8));
  }

  private Path confined(String path) {
    if (path == null || path.isEmpty()) {
      throw HiCacheException.invalid("the path is empty");
    }
    if (path.indexOf('\0') >= 0) {
      throw HiCacheException.invalid("the path holds a NUL character");
    }
    Path file = NativeText.path(path).toAbsolutePath().normalize();
    if (!file.startsWith(base) || file.equals(base)) {
      throw HiCacheException.invalid("the path is not below " + base);
    }
    return file;
  }

  /** Looks through the links in the directories above a file, as far as they are there. */
  private void requireInside(Path file) throws IOException {
    Path directory = file.getParent();
    while (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      directory = directory.getParent();
    }
    if (!directory.toRealPath().startsWith(base.toRealPath())) {
      throw HiCacheException.invalid("a link leads the path out of " + base);
    }
  }
}
