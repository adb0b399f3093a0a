// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Remembers which files were made here, so that nothing else is ever removed: in an extended
 * attribute of the file, which outlives this process, or where the file system has none, in this
 * process.
 *
 * <p>Threads: safe from any number of threads.
 */
final class OwnFiles {
  /** The attribute's full name is user.hicache.file. */
  private static final String MARK = "hicache.file";

  /** Made here, on file systems without attributes: the path and the identity of the file. */
  private final Map<Path, Object> made = new ConcurrentHashMap<>();

  /** Marks a file that was just made. */
  void mark(Path file) throws IOException {
    try {
      attributes(file).write(MARK, ByteBuffer.wrap(new byte[] {'1'}));
    } catch (IOException | UnsupportedOperationException e) {
      BasicFileAttributes basic = basic(file);
      if (basic.fileKey() != null) {
        made.put(file, basic.fileKey());
      }
    }
  }

  /** True for a regular file, not a link to one, that was made here. */
  boolean isOwn(Path file) throws IOException {
    BasicFileAttributes basic = basic(file);
    if (!basic.isRegularFile()) {
      return false;
    }
    if (basic.fileKey() != null && basic.fileKey().equals(made.get(file))) {
      return true;
    }
    try {
      return attributes(file).list().contains(MARK);
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }

  /** Removes every own file below a directory, and follows no link; returns how many there were. */
  long removeBelow(Path directory) throws IOException {
    long[] removed = new long[1];
    Files.walkFileTree(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes seen) throws IOException {
            try {
              if (isOwn(file) && Files.deleteIfExists(file)) {
                made.remove(file);
                removed[0]++;
              }
            } catch (NoSuchFileException e) {
              return FileVisitResult.CONTINUE;
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
            if (e instanceof NoSuchFileException) {
              return FileVisitResult.CONTINUE;
            }
            throw e;
          }
        });
    return removed[0];
  }

  private static BasicFileAttributes basic(Path file) throws IOException {
    return Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
  }

  private static UserDefinedFileAttributeView attributes(Path file) {
    UserDefinedFileAttributeView view =
        Files.getFileAttributeView(
            file, UserDefinedFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
    if (view == null) {
      throw new UnsupportedOperationException("no extended attributes");
    }
    return view;
  }
}
