// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheException;
import java.util.Arrays;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IExitCodeExceptionMapper;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns what a command throws into one line or one JSON object, and an exit code. */
final class Failures
    implements IParameterExceptionHandler, IExecutionExceptionHandler, IExitCodeExceptionMapper {

  @Override
  public int handleParseException(ParameterException wrong, String[] args) {
    CommandLine line = wrong.getCommandLine();
    String name = line.getCommandSpec().qualifiedName();
    if (Arrays.asList(args).contains(HiCacheCommand.JSON)) {
      ObjectNode report = Json.report(line.getCommandName());
      Json.putError(report, ErrorCode.INVALID_ARGUMENT.name(), wrong.getMessage());
      Json.print(line.getOut(), report, ExitCode.USAGE);
      return ExitCode.USAGE.number();
    }
    line.getErr().println(name + ": " + wrong.getMessage());
    UnmatchedArgumentException.printSuggestions(wrong, line.getErr());
    line.getErr().println("Try '" + name + " --help'.");
    return ExitCode.USAGE.number();
  }

  @Override
  public int handleExecutionException(Exception error, CommandLine line, ParseResult parsed) {
    ExitCode code = exitCodeOf(error);
    if (line.getCommand() instanceof HiCacheCommand command && command.isJson()) {
      ObjectNode report = Json.report(line.getCommandName());
      Json.putError(report, codeOf(error), messageOf(error));
      Json.print(line.getOut(), report, code);
    } else {
      line.getErr().println(line.getCommandSpec().qualifiedName() + ": " + messageOf(error));
    }
    return code.number();
  }

  @Override
  public int getExitCode(Throwable error) {
    return exitCodeOf(error).number();
  }

  /**
   * A wrong argument, found here or by the library, is the user's to mend; everything else is not.
   */
  private static ExitCode exitCodeOf(Throwable error) {
    boolean usage =
        error instanceof ParameterException
            || error instanceof HiCacheException refused
                && refused.code() == ErrorCode.INVALID_ARGUMENT;
    return usage ? ExitCode.USAGE : ExitCode.FAILED;
  }

  private static String codeOf(Throwable error) {
    if (error instanceof HiCacheException known) {
      return known.code().name();
    }
    return error instanceof CommandFailure failure
        ? failure.code().name()
        : ErrorCode.INTERNAL.name();
  }

  private static String messageOf(Throwable error) {
    boolean explained = error instanceof HiCacheException || error instanceof CommandFailure;
    return explained ? error.getMessage() : error.toString();
  }
}
