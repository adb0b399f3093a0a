// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageResult;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Tells which pages are there. */
@Command(
    name = "exists",
    description =
        "Prints how many pages are there up to the first that is not, then one line for each key.")
final class ExistsCommand extends StoreCommand {
  @Parameters(arity = "1..*", paramLabel = "KEY", description = "Keys in the order of a prefix.")
  private List<String> keys;

  @Override
  ExitCode run(HiCacheNixl store, NativeMemory memory) {
    List<PageResult> results = store.batchExistsPages(keys);
    int prefix = 0;
    while (prefix < results.size() && results.get(prefix).isHit()) {
      prefix++;
    }
    report().put("prefix", prefix);
    say(String.valueOf(prefix));
    ArrayNode pages = report().putArray("pages");
    ExitCode code = ExitCode.DONE;
    for (PageResult result : results) {
      ObjectNode page = pages.addObject().put("key", result.key()).put("exists", result.isHit());
      String key = Text.oneLine(result.key());
      if (result.outcome().isFailure()) {
        code = ExitCode.FAILED;
        Json.putError(page, result.cause());
        say("failed  " + key + "  " + result.cause().getMessage());
      } else if (result.isHit()) {
        page.put("length", result.length());
        say("hit     " + key + "  " + result.length());
      } else {
        code = code == ExitCode.FAILED ? code : ExitCode.MISS;
        say("miss    " + key);
      }
    }
    return code;
  }
}
