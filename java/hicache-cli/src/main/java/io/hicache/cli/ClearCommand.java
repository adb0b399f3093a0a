// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.StoreDescription;
import java.util.Locale;
import java.util.Scanner;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Removes all pages of a model and rank, or of a namespace and its ranks. */
@Command(
    name = "clear",
    description =
        "Removes every page of the chosen model and rank, or namespace; nothing else in the directories is touched.")
final class ClearCommand extends StoreCommand {
  @Option(names = "--yes", description = "Do not ask; needed where nobody can answer.")
  private boolean yes;

  @Override
  ExitCode run(HiCacheNixl store, NativeMemory memory) {
    if (!yes && !confirmed(store.describe())) {
      throw usageError("not confirmed, nothing was removed");
    }
    long removed = store.clear();
    report().put("removed", removed);
    say("removed " + removed + " pages");
    return ExitCode.DONE;
  }

  private boolean confirmed(StoreDescription store) {
    if (!cli().isInteractive() || isJson()) {
      throw usageError("clear removes every page; say --yes to confirm");
    }
    out()
        .print(
            "Remove every page whose name ends in '"
                + Text.oneLine(store.suffix())
                + "' from "
                + place(store)
                + store.tiers().map(below -> " and " + below.lowerPlace()).orElse("")
                + "? [y/N] ");
    out().flush();
    Scanner answers = new Scanner(cli().input());
    String answer =
        answers.hasNextLine() ? answers.nextLine().strip().toLowerCase(Locale.ROOT) : "";
    return answer.equals("y") || answer.equals("yes");
  }

  private static String place(StoreDescription store) {
    return store
        .objects()
        .map(it -> it.bucket() + "/" + Text.oneLine(it.prefix()) + "* at " + it.endpoint())
        .orElseGet(
            () ->
                store.directories().stream()
                    .map(directory -> directory.path().toString())
                    .toList()
                    .toString());
  }
}
