// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheConfigBuilder;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.StoreDescription;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The main job on this machine: tensors of a real model's shape go to storage and come back. */
@Command(
    name = "demo",
    description = {
      "Writes pages of a Llama-3-8B shape through NIXL, reads them back, and compares every byte.",
      "A page is 64 tokens: 8 MiB of keys and values of 32 layers, 8 heads of 128, in bfloat16.",
      "Works in a folder of its own unless --dir is given; removes its pages at the end."
    })
final class DemoCommand extends HiCacheCommand {
  private static final String MODEL = "hicache-demo";

  @Option(
      names = "--pages",
      paramLabel = "N",
      defaultValue = "64",
      description = "Pages to write (default 64).")
  private int pages;

  @Override
  ExitCode run() {
    if (pages < 1) {
      throw usageError("--pages " + pages + ": must be at least 1");
    }
    if (storeOptions().hasDirectory()) {
      return run(storeOptions().builder(cli().environment()));
    }
    Path folder = null;
    try {
      folder = Files.createTempDirectory("hicache-demo");
      return run(storeOptions().builder(cli().environment()).storageDir(folder));
    } catch (IOException unwritable) {
      throw new CommandFailure(
          ErrorCode.IO,
          "no folder for the pages: " + unwritable + "; give one with --dir",
          unwritable);
    } finally {
      Folders.remove(folder);
    }
  }

  private ExitCode run(HiCacheConfigBuilder builder) {
    return StoreCommand.withStore(builder.model(MODEL).build(), (store, memory) -> run(store));
  }

  private ExitCode run(HiCacheNixl store) {
    StoreDescription about = store.describe();
    requireSpace(about);
    DemoPages demo = new DemoPages(store, pages);
    try (Progress progress = Progress.ofBytes("pages", 2 * demo.bytes(), !isJson())) {
      demo.write(progress::advance);
      demo.read(progress::advance);
    } finally {
      store.clear();
    }
    print(demo, about);
    return ExitCode.DONE;
  }

  private void requireSpace(StoreDescription about) {
    long needed = (long) pages * DemoPages.PAGE_BYTES;
    long free =
        about.directories().stream()
            .mapToLong(directory -> Folders.usableBytes(directory.path()))
            .sum();
    if (free < needed) {
      throw new CommandFailure(
          ErrorCode.NO_SPACE,
          "the pages need "
              + Text.bytes(needed)
              + ", and "
              + Text.bytes(free)
              + " are free; use --pages or another --dir",
          null);
    }
  }

  private void print(DemoPages demo, StoreDescription about) {
    String directories =
        about.directories().stream()
            .map(directory -> directory.path().toString())
            .collect(Collectors.joining(", "));
    String directIo =
        about.directories().stream()
            .map(
                directory -> Text.yesNo(directory.directIo()) + " (" + directory.fileSystem() + ")")
            .distinct()
            .collect(Collectors.joining(", "));
    report()
        .put("pages", pages)
        .put("page_bytes", DemoPages.PAGE_BYTES)
        .put("bytes", demo.bytes())
        .put("write_gib_per_s", Text.gibPerSecond(demo.bytes(), demo.writeNanos()))
        .put("read_gib_per_s", Text.gibPerSecond(demo.bytes(), demo.readNanos()))
        .put("backend", about.backend())
        .put("queue", about.queue())
        .put(
            "direct_io",
            about.directories().stream().allMatch(StoreDescription.Directory::directIo))
        .putPOJO(
            "directories",
            about.directories().stream().map(directory -> directory.path().toString()).toList());
    List<List<String>> rows = new ArrayList<>();
    rows.add(
        List.of(
            "pages", pages + " of " + Text.bytes(DemoPages.PAGE_BYTES) + ", " + DemoPages.SHAPE));
    rows.add(List.of("bytes", Text.bytes(demo.bytes())));
    rows.add(List.of("written", Text.rate(demo.bytes(), demo.writeNanos())));
    rows.add(
        List.of("read back", Text.rate(demo.bytes(), demo.readNanos()) + ", every byte compared"));
    rows.add(List.of("backend", about.backend()));
    rows.add(List.of("queue", about.queue().isEmpty() ? "-" : about.queue()));
    rows.add(List.of("O_DIRECT", directIo));
    rows.add(List.of("directory", directories));
    say(Text.table(rows).stripTrailing());
  }
}
