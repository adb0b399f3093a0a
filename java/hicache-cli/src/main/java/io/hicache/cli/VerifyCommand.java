// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.hicache.nixl.HiCacheConfigBuilder;
import io.hicache.nixl.HiCacheNixl;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;

/** Reads every page back. */
@Command(
    name = "verify",
    description = {
      "Reads every page of the chosen model and rank, or namespace, through the real data path and compares it with its checksum.",
      "unverified: whole, but without a checksum; gone: removed while this ran. Corrupt pages are named, not removed."
    })
final class VerifyCommand extends StoreCommand {

  @Override
  ExitCode run(HiCacheNixl store, NativeMemory memory) {
    boolean watched = !isJson() && Terminal.isStandardError();
    long[] total = {0};
    if (watched) {
      store.directory().forEach(page -> total[0] += page.fileLength());
    }
    PageVerifier verifier = new PageVerifier(store, memory);
    try (Progress progress = Progress.ofBytes("verify", total[0], watched)) {
      verifier.verifyAll(progress::advance);
    }
    return print(verifier);
  }

  /** It looks, and removes nothing. */
  @Override
  void configure(HiCacheConfigBuilder builder) {
    builder.removeCorrupt(false);
  }

  private ExitCode print(PageVerifier verifier) {
    report().put("pages", verifier.pages()).put("bytes", verifier.bytes());
    verifier.counts().putInto(report());
    report().put("stopped", verifier.isStopped());
    printProblems(verifier.problems());
    say(verifier.pages() + " pages, " + Text.bytes(verifier.bytes()) + ": " + verifier.counts());
    if (verifier.isStopped()) {
      complain("hicache verify: stopped, because the storage hangs; the other pages were not read");
    }
    boolean sound =
        verifier.count(PageVerifier.Finding.CORRUPT) == 0
            && verifier.count(PageVerifier.Finding.FAILED) == 0;
    return sound ? ExitCode.DONE : ExitCode.FAILED;
  }

  private void printProblems(List<PageVerifier.Problem> problems) {
    ArrayNode array = report().putArray("problems");
    for (PageVerifier.Problem problem : problems) {
      String finding = FindingCounts.word(problem.finding());
      ObjectNode node =
          array
              .addObject()
              .put("key", problem.key())
              .put("finding", finding)
              .put("path", problem.path());
      Json.putError(node, problem.cause());
      say(
          String.format(
              Locale.ROOT,
              "%-7s  %s  %s  %s",
              finding,
              Text.oneLine(problem.key()),
              Text.oneLine(problem.path()),
              problem.cause().getMessage()));
    }
  }
}
