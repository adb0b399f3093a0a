// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A JVM of its own for what cannot be done to this one: limits, mounts, a missing library. */
record ChildJvm(int exitCode, String output) {
  private static final long WAIT_SECONDS = 120;

  /**
   * Runs a class with a main method.
   *
   * @param wrapperCommand what runs the shell, e.g. {@code unshare -rm}; may be empty
   * @param preparation shell text that runs before the JVM; may be empty
   */
  static ChildJvm run(
      Class<?> main,
      List<String> wrapperCommand,
      String preparation,
      List<String> jvmOptions,
      String... arguments)
      throws IOException, InterruptedException {
    Path java = Path.of(System.getProperty("java.home"), "bin", "java");
    return run(java, main, wrapperCommand, preparation, jvmOptions, arguments);
  }

  /** The same on another JDK. */
  static ChildJvm run(
      Path java,
      Class<?> main,
      List<String> wrapperCommand,
      String preparation,
      List<String> jvmOptions,
      String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(wrapperCommand);
    command.addAll(List.of("sh", "-e", "-c", preparation + "\nexec \"$@\"", "sh"));
    command.add(java.toString());
    command.addAll(List.of("-Xmx256m", "-cp", System.getProperty("java.class.path")));
    command.addAll(jvmOptions);
    command.add(main.getName());
    command.addAll(List.of(arguments));
    return run(command);
  }

  /** Runs any command, with its error output among its output. */
  static ChildJvm run(List<String> command) throws IOException, InterruptedException {
    Path log = Files.createTempFile("hicache-child", ".log");
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
      if (!process.waitFor(WAIT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
        throw new AssertionError("still running: " + command + "\n" + read(log));
      }
      return new ChildJvm(process.exitValue(), read(log));
    } finally {
      Files.delete(log);
    }
  }

  private static String read(Path log) throws IOException {
    return new String(Files.readAllBytes(log), StandardCharsets.UTF_8);
  }

  /** The lines that the probe printed. */
  List<String> lines() {
    return output.lines().toList();
  }

  /** What follows a word at the start of a line. */
  String value(String word) {
    return lines().stream()
        .filter(line -> line.startsWith(word + " "))
        .map(line -> line.substring(word.length() + 1))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no " + word + " in:\n" + output));
  }
}
