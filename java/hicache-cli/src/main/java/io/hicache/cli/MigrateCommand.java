// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.StoreDescription;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Moves pages from one layout to the other, in the same directories. */
@Command(
    name = "migrate",
    description = {
      "Moves every page of the chosen model and rank, or namespace, from one layout to the other; other pages stay.",
      "A page leaves its layout only once the other one has it: after Ctrl-C, a kill or a full disk the same command goes"
          + " on."
    })
final class MigrateCommand extends HiCacheCommand {
  private static final String FILES = "files";
  private static final String SEGMENTS = "segments";

  /** A batch is read, stored and perhaps compared, each within the deadline; then stores close. */
  private static final int CALLS_OF_A_BATCH = 4;

  @Option(
      names = "--to",
      required = true,
      paramLabel = "LAYOUT",
      description = "files or segments: where the pages go; they come from the other one.")
  private String to;

  @Option(names = "--keep", description = "Leave the pages in their layout, too.")
  private boolean keep;

  @Option(
      names = "--dry-run",
      description = "Say how many pages and bytes would be moved, and move none.")
  private boolean dryRun;

  @Override
  ExitCode run() {
    if (!List.of(FILES, SEGMENTS).contains(to)) {
      throw usageError("--to " + to + ": must be " + FILES + " or " + SEGMENTS);
    }
    if (storeOptions().hasLayout()) {
      throw usageError("--layout: leave it out; --to names the target, the source is the other");
    }
    if (storeOptions().hasTiers()) {
      throw usageError("--tier: pages move inside one directory; name it with --dir");
    }
    HiCacheConfig asEngine = storeOptions().builder(cli().environment()).layout(to).build();
    report().put("from", from()).put("to", to).put("keep", keep).put("dry_run", dryRun);
    // Corrupt pages are named, not removed, and nothing is evicted.
    HiCacheConfig source =
        asEngine.toBuilder()
            .layout(from())
            .cleanerEnabled(false)
            .checksum(true)
            .removeCorrupt(false)
            .build();
    return StoreCommand.withStore(
        source,
        (store, memory) -> dryRun ? tellWhatWouldBe(store) : migrate(store, memory, asEngine));
  }

  private String from() {
    return to.equals(FILES) ? SEGMENTS : FILES;
  }

  private ExitCode tellWhatWouldBe(HiCacheNixl source) {
    MigrationSurvey survey = MigrationSurvey.of(source);
    report().put("pages", survey.pages()).put("bytes", survey.bytes());
    say(
        String.format(
            Locale.ROOT,
            "%d pages, %s would be moved from %s to %s",
            survey.pages(),
            Text.bytes(survey.bytes()),
            from(),
            to));
    return ExitCode.DONE;
  }

  private ExitCode migrate(HiCacheNixl source, NativeMemory memory, HiCacheConfig asEngine) {
    if (to.equals(SEGMENTS)) {
      // The size of segments depends on the capacity where they are made: the engine's counts.
      HiCacheNixl.open(asEngine).close();
    }
    HiCacheConfig unlimited =
        asEngine.withoutLimits().toBuilder().checksum(true).removeCorrupt(false).build();
    HiCacheNixl target = HiCacheNixl.open(unlimited);
    try {
      return migrate(source, target, memory, unlimited);
    } finally {
      if (!target.close(Duration.ofMillis(unlimited.closeTimeoutMillis()))) {
        memory.leave();
      }
    }
  }

  private ExitCode migrate(
      HiCacheNixl source, HiCacheNixl target, NativeMemory memory, HiCacheConfig config) {
    for (StoreDescription.Directory directory : target.describe().directories()) {
      if (to.equals(FILES) && !directory.attributes()) {
        complain(
            "hicache migrate: "
                + directory.path()
                + " keeps no attributes: checksum, dtype and shape of its pages get lost");
      }
    }
    MigrationSurvey survey = MigrationSurvey.of(source, target);
    survey.requireRoom(bytesInBoth(), ", or lower min_free_bytes" + adviceOnRoom());
    cli()
        .interruption()
        .heed(
            Duration.ofMillis(
                CALLS_OF_A_BATCH * config.timeoutMillis() + 2 * config.closeTimeoutMillis()));
    PageMigration migration = new PageMigration(source, target, memory, keep, PageBatches.BYTES);
    try (Progress progress = Progress.ofBytes("migrate", survey.bytes(), !isJson())) {
      migration.moveAll(cli().interruption()::isRequested, progress::advance);
    }
    return print(migration, source.describe().suffix());
  }

  /** Files give their room back one by one; segments keep their size. */
  private long bytesInBoth() {
    return keep || to.equals(FILES) ? Long.MAX_VALUE : PageBatches.BYTES;
  }

  private String adviceOnRoom() {
    if (keep) {
      return ", or move without --keep";
    }
    return to.equals(FILES) ? "; segments keep their size, so that pages take room twice" : "";
  }

  private ExitCode print(PageMigration migration, String suffix) {
    report().put("pages", migration.pages()).put("bytes", migration.bytes());
    migration.counts().putInto(report());
    report().put("unverified", migration.unverified()).put("suffix", suffix);
    report().put("stopped", migration.stop() == null ? null : FindingCounts.word(migration.stop()));
    printProblems(migration);
    say(migration.pages() + " pages, " + Text.bytes(migration.bytes()) + ": " + migration.counts());
    say(
        "only pages whose names end in '"
            + Text.oneLine(suffix)
            + "' were looked at; those of other models, ranks and namespaces stay as they are");
    if (migration.stop() != null) {
      complain(
          "hicache migrate: stopped: "
              + explained(migration.stop())
              + "; no page is lost, and the same command goes on");
    }
    return migration.stop() == null && migration.left() == 0 ? ExitCode.DONE : ExitCode.FAILED;
  }

  private String explained(PageMigration.Stop stop) {
    return switch (stop) {
      case INTERRUPTED -> "it was told to end";
      case TIMED_OUT -> "the storage hangs";
      case NO_SPACE ->
          "there is no room for more in "
              + to
              + (to.equals(SEGMENTS) ? ", which grow by whole segments" : "")
              + "; free some, or lower min_free_bytes";
    };
  }

  private void printProblems(PageMigration migration) {
    ArrayNode array = report().putArray("problems");
    for (PageMigration.Problem problem : migration.problems()) {
      String finding = FindingCounts.word(problem.finding());
      ObjectNode node =
          array
              .addObject()
              .put("key", problem.key())
              .put("finding", finding)
              .put("path", problem.path())
              .put("reason", problem.reason());
      if (problem.cause() != null) {
        Json.putError(node, problem.cause());
      }
      say(
          String.format(
              Locale.ROOT,
              "%-7s  %s  %s  %s",
              finding,
              Text.oneLine(problem.key()),
              Text.oneLine(problem.path()),
              problem.reason()));
    }
    long more = migration.left() - migration.problems().size();
    report().put("problems_left_out", more);
    if (more > 0) {
      say(more + " more pages are left");
    }
  }
}
