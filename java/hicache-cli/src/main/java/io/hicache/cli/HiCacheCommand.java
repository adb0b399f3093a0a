// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** What all commands share: the options of the store, and output for people or as JSON. */
@Command(mixinStandardHelpOptions = true, versionProvider = VersionProvider.class)
abstract class HiCacheCommand implements Callable<Integer> {
  static final String JSON = "--json";

  @Spec private CommandSpec spec;
  @ParentCommand private HiCacheCli cli;
  @Mixin private StoreOptions storeOptions;

  @Option(names = JSON, description = "Print one JSON object in place of text.")
  private boolean json;

  /** The fields of the JSON output; filled whether it is asked for or not. */
  private ObjectNode report;

  /** Does the work, fills the report, prints the text. */
  abstract ExitCode run();

  @Override
  public final Integer call() {
    report = Json.report(spec.name());
    ExitCode code = run();
    if (json && !printsItsOwnJson()) {
      Json.print(out(), report, code);
    }
    out().flush();
    return code.number();
  }

  /**
   * Whether the command prints its JSON piece by piece, because it may be too large for a report.
   */
  boolean printsItsOwnJson() {
    return false;
  }

  final HiCacheCli cli() {
    return cli;
  }

  final StoreOptions storeOptions() {
    return storeOptions;
  }

  final ObjectNode report() {
    return report;
  }

  final boolean isJson() {
    return json;
  }

  final PrintWriter out() {
    return spec.commandLine().getOut();
  }

  /** A line for people on standard output. */
  final void say(String line) {
    if (!json) {
      out().println(line);
    }
  }

  /** A line for people on standard error. */
  final void complain(String line) {
    if (!json) {
      spec.commandLine().getErr().println(line);
    }
  }

  final ParameterException usageError(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
