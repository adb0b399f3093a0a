// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageInfo;
import io.hicache.nixl.PageOutcome;
import io.hicache.nixl.PageResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Writes a page into a file. */
@Command(
    name = "get",
    description = "Writes the page under a key into a file, whole or not at all.")
final class GetCommand extends StoreCommand {
  /**
   * A page may be replaced by one of another length between look-up and read; nobody does that
   * often.
   */
  private static final int ATTEMPTS = 5;

  @Option(names = "--key", required = true, paramLabel = "KEY", description = "The page's key.")
  private String key;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "FILE",
      description = "The file to write; replaced if there.")
  private Path out;

  @Override
  ExitCode run(HiCacheNixl store, NativeMemory memory) {
    report().put("key", key).put("file", out.toString());
    for (int attempt = 1; ; attempt++) {
      Optional<PageInfo> info = store.directory().find(key);
      if (info.isEmpty()) {
        return miss();
      }
      NativeMemory.Range page = memory.allocate(lengthOf(info.get()));
      PageResult result = store.getPage(key, page.address(), page.length());
      if (result.outcome() == PageOutcome.MISS) {
        return miss();
      }
      boolean replaced =
          result.outcome() == PageOutcome.FAILED
              && result.cause().code() == ErrorCode.INVALID_ARGUMENT
              && attempt < ATTEMPTS;
      if (!replaced) {
        result.orThrow();
        PageFile.write(out, page);
        return done(result);
      }
    }
  }

  /**
   * The page's length; one that its file contradicts may be anything, so nothing is allocated for
   * it.
   */
  private long lengthOf(PageInfo info) {
    if (!info.isWhole()) {
      throw new HiCacheException(
          ErrorCode.CORRUPT,
          "get '"
              + Text.oneLine(key)
              + "': the page has "
              + info.length()
              + " bytes and its file "
              + info.fileLength()
              + "; remove it with hicache rm");
    }
    return info.length();
  }

  private ExitCode miss() {
    complain("hicache get: no page under '" + Text.oneLine(key) + "'");
    return ExitCode.MISS;
  }

  private ExitCode done(PageResult result) {
    report().put("length", result.length()).put("verified", result.verified());
    String note = result.verified() ? "" : ", checksum not verified: the page carries none";
    String line = "wrote " + result.length() + " bytes to " + Text.oneLine(out.toString()) + note;
    if (Files.isRegularFile(out)) {
      say(line);
    } else {
      complain(line); // the page itself may have gone to standard output
    }
    return ExitCode.DONE;
  }
}
