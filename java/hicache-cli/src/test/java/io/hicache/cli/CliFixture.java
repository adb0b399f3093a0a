// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;

/** Runs commands as a shell would, on a folder of the test's own. */
abstract class CliFixture {
  /** What a command printed, and its exit code. */
  record Result(int code, String out, String err) {
    List<String> lines() {
      return out.lines().toList();
    }

    /** The output as the one JSON object that it must be. */
    JsonNode json() {
      try {
        JsonNode node = Json.MAPPER.readTree(out);
        assertThat(node.isObject()).as(out).isTrue();
        assertThat(out.lines()).hasSize(1);
        assertThat(node.get("schema").asInt()).isEqualTo(1);
        assertThat(node.get("exit_code").asInt()).isEqualTo(code);
        assertThat(node.get("status").asText()).isEqualTo(ExitCode.values()[code].status());
        return node;
      } catch (IOException e) {
        throw new AssertionError("no JSON: " + out + err, e);
      }
    }
  }

  Path folder;
  Path pages;

  @BeforeMethod(alwaysRun = true)
  final void makeFolder() throws IOException {
    folder = Files.createTempDirectory("hicache-cli");
    pages = folder.resolve("pages");
  }

  @AfterMethod(alwaysRun = true)
  final void removeFolder() {
    Folders.remove(folder);
  }

  final Result run(String... args) {
    return run(Map.of(), null, args);
  }

  /** As run, in the test's directory of pages, which are files unless a layout is named. */
  final Result runHere(String command, String... args) {
    List<String> all = new ArrayList<>(List.of(command, "--dir", pages.toString()));
    if (!command.equals("migrate") && !List.of(args).contains("--layout")) {
      all.addAll(List.of("--layout", "files"));
    }
    all.addAll(List.of(args));
    return run(all.toArray(String[]::new));
  }

  /**
   * With environment variables, and with answers when somebody sits at the terminal; null: nobody
   * does.
   */
  final Result run(Map<String, String> environment, String answers, String... args) {
    byte[] input = (answers == null ? "" : answers).getBytes(StandardCharsets.UTF_8);
    return run(new HiCacheCli(environment, new ByteArrayInputStream(input), answers != null), args);
  }

  /** A command of a prepared tool. */
  final Result run(HiCacheCli cli, String... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code =
        HiCacheCli.commandLine(cli, new PrintWriter(out, true), new PrintWriter(err, true))
            .execute(args);
    return new Result(code, out.toString(), err.toString());
  }

  /** A file of random bytes. */
  final Path randomFile(String name, int length) throws IOException {
    byte[] content = new byte[length];
    new Random(length).nextBytes(content);
    return Files.write(folder.resolve(name), content);
  }

  /** Stores random bytes and returns the file that holds the page. */
  final Path put(String key, int length) throws IOException {
    Result result = runHere("put", "--key", key, "--json", randomFile("source", length).toString());
    assertThat(result.code()).as(result.out()).isZero();
    return Path.of(result.json().get("path").asText());
  }

  static void flipByte(Path file, int index) throws IOException {
    byte[] content = Files.readAllBytes(file);
    content[index] ^= 1;
    try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(content));
    }
  }

  static void truncate(Path file, long length) throws IOException {
    try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(length);
    }
  }

  /**
   * Makes a page what another program would have written: the same bytes without our attributes.
   */
  static void stripSeal(Path file) throws IOException {
    byte[] content = Files.readAllBytes(file);
    Files.delete(file);
    Files.write(file, content);
  }
}
