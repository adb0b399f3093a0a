// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * What a bucket does without this store: the same pages by the AWS SDK alone ({@link
 * PlainObjects}), with as many connections, in the same order as {@link ConnectorBenchmark} and
 * with the same output.
 */
@Command(name = "ObjectClientBenchmark", mixinStandardHelpOptions = true, sortOptions = false)
public final class ObjectClientBenchmark implements Callable<Integer> {
  @Option(names = "--prefix", required = true, description = "What the objects' names begin with.")
  private String prefix;

  @Mixin private Turns turns;

  @Option(names = "--page-bytes", description = "Bytes of a page (${DEFAULT-VALUE}).")
  private int pageBytes = 73728;

  @Option(names = "--connections", description = "Requests at once (${DEFAULT-VALUE}).")
  private int connections = 32;

  @Option(names = "--checksums", description = "1: the SDK's own, as by default; 0: none.")
  private int checksums = 1;

  private final Samples sets = new Samples("set", true);
  private final Samples present = new Samples("exists", false);
  private final Samples gets = new Samples("get", true);

  private ObjectClientBenchmark() {}

  /**
   * Runs one benchmark and ends the process.
   *
   * @param arguments see {@code --help}
   */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new ObjectClientBenchmark()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    try (PlainObjects objects =
        new PlainObjects(
            System.getenv(), prefix, connections, checksums == 1, turns.pages, pageBytes)) {
      turns.run(() -> round(objects), List.of(sets, present, gets), this::report);
    }
    return 0;
  }

  private void round(PlainObjects objects) {
    List<String> keys = IntStream.range(0, turns.pages).mapToObj(i -> "plain-" + i).toList();
    sets.time(() -> sets.inBatches(keys, turns.batch, objects::set));
    present.time(
        () ->
            present.inBatches(
                keys, turns.batch, (part, first) -> objects.exists(part) == part.size()));
    objects.blank();
    gets.time(() -> gets.inBatches(keys, turns.batch, objects::get));
    if (!objects.isWhole()) {
      throw new IllegalStateException("the data read back differ");
    }
    // As ours does: what the server has yet to write to its disk would slow down whoever comes
    // next.
    objects.clear();
  }

  private ObjectNode report() {
    ObjectNode report = new ObjectMapper().createObjectNode();
    report
        .put("client", "aws-sdk-java-v2")
        .put("pages", turns.pages)
        .put("page_bytes", pageBytes)
        .put("batch", turns.batch)
        .put("connections", connections)
        .put("checksums", checksums);
    for (Samples of : List.of(sets, present, gets)) {
      of.describe(report, turns.pages, pageBytes);
    }
    return report;
  }
}
