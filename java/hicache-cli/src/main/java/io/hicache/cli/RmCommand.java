// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageOutcome;
import io.hicache.nixl.PageResult;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Removes pages. */
@Command(name = "rm", description = "Removes the pages under the given keys.")
final class RmCommand extends StoreCommand {
  @Parameters(arity = "1..*", paramLabel = "KEY", description = "Keys of the pages.")
  private List<String> keys;

  @Override
  ExitCode run(HiCacheNixl store, NativeMemory memory) {
    ArrayNode pages = report().putArray("pages");
    ExitCode code = ExitCode.DONE;
    int removed = 0;
    for (PageResult result : store.batchDeletePages(keys)) {
      String outcome = result.outcome().name().toLowerCase(Locale.ROOT);
      ObjectNode page = pages.addObject().put("key", result.key()).put("outcome", outcome);
      String line = String.format(Locale.ROOT, "%-9s %s", outcome, Text.oneLine(result.key()));
      if (result.outcome().isFailure()) {
        code = ExitCode.FAILED;
        Json.putError(page, result.cause());
        line += "  " + result.cause().getMessage();
      } else if (result.outcome() == PageOutcome.REMOVED) {
        removed++;
      } else if (code == ExitCode.DONE) {
        code = ExitCode.MISS;
      }
      say(line);
    }
    report().put("removed", removed);
    return code;
  }
}
