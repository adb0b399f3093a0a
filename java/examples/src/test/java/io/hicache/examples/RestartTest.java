// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.testng.annotations.Test;

/** The example as {@code scripts/example.sh} runs it: two processes, one after the other. */
public class RestartTest extends EngineFixture {
  private static final long WAIT_SECONDS = 300;

  @Test
  public void shouldAnswerBitIdenticallyAfterARestartAndComputeOnePage() throws Exception {
    String[] options = {"--prompt-tokens", "500", "--decode", "14", "--page-size", "32"};
    List<String> first = run(0, options);
    print("first process", first);
    assertThat(row(first, "pages restored")).containsExactly("0", "0");
    assertThat(row(first, "pages computed")).containsExactly("16", "16");

    List<String> second = run(0, append(options, "--expect-restored"));
    print("second process", second);
    assertThat(row(second, "pages restored")).containsExactly("0", "15");
    assertThat(row(second, "pages computed")).containsExactly("16", "1");
    assertThat(row(second, "logits and 14 tokens")).containsExactly("bit-identical");
    assertThat(row(second, "time to first token")).hasSize(2);
  }

  @Test
  public void shouldFailWhenLessWasRestoredThanTheRunExpects() throws Exception {
    List<String> lines =
        run(1, "--prompt-tokens", "40", "--decode", "0", "--page-size", "16", "--expect-restored");
    assertThat(lines).anyMatch(line -> line.startsWith("error: 0 of 2 pages were restored"));
  }

  private static void print(String title, List<String> lines) {
    System.out.println("--- " + title);
    lines.forEach(System.out::println);
  }

  /** The cells of a row, without its title. */
  private static List<String> row(List<String> lines, String title) {
    String line =
        lines.stream()
            .filter(candidate -> candidate.startsWith(title + " "))
            .findFirst()
            .orElseThrow(() -> new AssertionError("no row '" + title + "' in " + lines));
    return Stream.of(line.substring(title.length()).trim().split(" {2,}")).toList();
  }

  private static String[] append(String[] options, String last) {
    return Stream.concat(Stream.of(options), Stream.of(last)).toArray(String[]::new);
  }

  /** Runs the example on this test's directory, in a JVM of its own. */
  private List<String> run(int exitCode, String... options)
      throws IOException, InterruptedException {
    File log = Files.createTempFile(dir, "child", ".log").toFile();
    Stream<String> command =
        Stream.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx512m",
            "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
            "-cp",
            System.getProperty("java.class.path"),
            EngineExample.class.getName(),
            "--dir",
            dir.resolve("pages").toString());
    Process process =
        new ProcessBuilder(Stream.concat(command, Stream.of(options)).toList())
            .redirectErrorStream(true)
            .redirectOutput(log)
            .start();
    if (!process.waitFor(WAIT_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
      throw new AssertionError("still running:\n" + Files.readString(log.toPath()));
    }
    List<String> lines = Files.readAllLines(log.toPath());
    assertThat(process.exitValue()).as(String.join("\n", lines)).isEqualTo(exitCode);
    return lines;
  }
}
