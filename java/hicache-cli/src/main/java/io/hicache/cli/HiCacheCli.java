// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import java.io.InputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * The command {@code hicache}.
 *
 * <p>Threads: one thread.
 */
@Command(
    name = "hicache",
    description = "Looks after a store of KV-cache pages.",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    subcommands = {
      PutCommand.class,
      GetCommand.class,
      ExistsCommand.class,
      LsCommand.class,
      RmCommand.class,
      ClearCommand.class,
      VerifyCommand.class,
      MigrateCommand.class,
      DoctorCommand.class,
      DemoCommand.class
    })
public final class HiCacheCli implements Runnable {
  @Spec private CommandSpec spec;

  private final Map<String, String> environment;
  private final InputStream input;
  private final boolean interactive;
  private final Interruption interruption = new Interruption();

  /**
   * What the process has: environment variables, standard input, and whether a terminal feeds it.
   */
  HiCacheCli(Map<String, String> environment, InputStream input, boolean interactive) {
    this.environment = environment;
    this.input = input;
    this.interactive = interactive;
  }

  /**
   * Runs a command and ends the process with its exit code.
   *
   * @param args as {@code hicache --help} describes them
   */
  public static void main(String[] args) {
    HiCacheCli cli = new HiCacheCli(System.getenv(), System.in, Terminal.isStandardInput());
    cli.interruption().install();
    PrintWriter out =
        new PrintWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8), true);
    PrintWriter err =
        new PrintWriter(new OutputStreamWriter(System.err, StandardCharsets.UTF_8), true);
    int code = commandLine(cli, out, err).execute(args);
    out.flush();
    err.flush();
    cli.interruption().end(code);
    System.exit(code);
  }

  /** The parser and runner of command lines, with everything set but the arguments. */
  static CommandLine commandLine(HiCacheCli cli, PrintWriter out, PrintWriter err) {
    CommandLine line = new CommandLine(cli);
    Failures failures = new Failures();
    line.setOut(out)
        .setErr(err)
        .setUsageHelpAutoWidth(true)
        .setParameterExceptionHandler(failures)
        .setExecutionExceptionHandler(failures)
        .setExitCodeExceptionMapper(failures);
    line.getSubcommands().values().forEach(HiCacheCli::describeExitCodes);
    describeExitCodes(line);
    return line;
  }

  private static void describeExitCodes(CommandLine line) {
    Map<String, String> codes = new LinkedHashMap<>();
    for (ExitCode code : ExitCode.values()) {
      codes.put(" " + code.number(), code.meaning());
    }
    line.getCommandSpec().usageMessage().exitCodeListHeading("%nExit codes:%n").exitCodeList(codes);
  }

  Map<String, String> environment() {
    return environment;
  }

  InputStream input() {
    return input;
  }

  /** Whether questions can be asked. */
  boolean isInteractive() {
    return interactive;
  }

  /** How the command learns that it is to end. */
  Interruption interruption() {
    return interruption;
  }

  /** Without a command. */
  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Name a command.");
  }
}
