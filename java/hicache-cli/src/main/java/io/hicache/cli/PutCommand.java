// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageResult;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Stores a file as a page. */
@Command(
    name = "put",
    description = "Stores a file as the page under a key, replacing what was there.")
final class PutCommand extends StoreCommand {
  @Option(names = "--key", required = true, paramLabel = "KEY", description = "The page's key.")
  private String key;

  @Parameters(
      paramLabel = "FILE",
      description = "The page's bytes; a regular file of up to 2147479552 bytes.")
  private Path file;

  @Override
  ExitCode run(HiCacheNixl store, NativeMemory memory) {
    NativeMemory.Range page = PageFile.read(file, memory);
    PageResult stored = store.setPage(key, page.address(), page.length()).orThrow();
    Path path = store.directory().path(key);
    report()
        .put("key", key)
        .put("length", stored.length())
        .put("file", file.toString())
        .put("path", path.toString());
    say("stored " + stored.length() + " bytes in " + Text.oneLine(path.toString()));
    return ExitCode.DONE;
  }
}
