// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.ErrorCode;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/** A file of the user's that holds one page. Moves it to and from native memory in pieces. */
final class PageFile {
  /** A page is one transfer, and Linux moves no more in one read or write: see write(2), NOTES. */
  static final long LARGEST_BYTES = 0x7ffff000;

  private static final int PIECE_BYTES = 64 << 20;

  private PageFile() {}

  /**
   * Reads a whole file.
   *
   * @throws CommandFailure naming the file: too large for a page, not readable, or of another size
   *     at the end than at the start
   */
  static NativeMemory.Range read(Path file, NativeMemory memory) {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new CommandFailure(ErrorCode.INVALID_ARGUMENT, file + " is not a regular file", null);
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      if (channel.size() > LARGEST_BYTES) {
        throw new CommandFailure(
            ErrorCode.UNSUPPORTED,
            file + " has " + channel.size() + " bytes, and a page at most " + LARGEST_BYTES,
            null);
      }
      NativeMemory.Range page = memory.allocate(channel.size());
      long done = 0;
      while (done < page.length()) {
        int piece = (int) Math.min(PIECE_BYTES, page.length() - done);
        int read = channel.read(page.view(done, piece));
        if (read <= 0) {
          break;
        }
        done += read;
      }
      if (done < page.length() || channel.size() != page.length()) {
        throw new CommandFailure(
            ErrorCode.IO, file + " changed while it was read; try again", null);
      }
      return page;
    } catch (IOException unreadable) {
      throw failure("read", file, unreadable);
    }
  }

  /**
   * Writes a whole file: under another name in the same directory, then renamed, so that a reader
   * sees the old file or the new one. What is not a regular file, a pipe or a device, is written
   * directly.
   *
   * @throws CommandFailure naming the file
   */
  static void write(Path file, NativeMemory.Range page) {
    try {
      if (Files.isDirectory(file)) {
        throw new CommandFailure(ErrorCode.INVALID_ARGUMENT, file + " is a directory", null);
      }
      if (Files.exists(file) && !Files.isRegularFile(file)) {
        write(file, page, StandardOpenOption.WRITE);
        return;
      }
      Path target = Files.exists(file) ? file.toRealPath() : file.toAbsolutePath();
      Path part = target.resolveSibling(".hicache-" + UUID.randomUUID() + ".part");
      try {
        write(part, page, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
        Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(part);
      }
    } catch (IOException unwritable) {
      throw failure("write", file, unwritable);
    }
  }

  private static void write(Path file, NativeMemory.Range page, StandardOpenOption... options)
      throws IOException {
    try (FileChannel channel = FileChannel.open(file, options)) {
      long done = 0;
      while (done < page.length()) {
        int piece = (int) Math.min(PIECE_BYTES, page.length() - done);
        int written = channel.write(page.view(done, piece));
        if (written <= 0) {
          throw new IOException("only " + done + " of " + page.length() + " bytes were taken");
        }
        done += written;
      }
    }
  }

  private static CommandFailure failure(String verb, Path file, IOException cause) {
    if (cause instanceof NoSuchFileException) {
      return new CommandFailure(
          ErrorCode.NOT_FOUND,
          "cannot " + verb + " " + file + ": no such file or directory",
          cause);
    }
    return new CommandFailure(
        ErrorCode.IO, "cannot " + verb + " " + file + ": " + cause.getMessage(), cause);
  }
}
