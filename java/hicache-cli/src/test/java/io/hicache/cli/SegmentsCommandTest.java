// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.testng.annotations.Test;

/** Every command that takes a directory, over the layout segments. */
public class SegmentsCommandTest extends CliFixture {

  private Result inSegments(String command, String... arguments) throws IOException {
    String[] all = new String[arguments.length + 2];
    all[0] = "--layout";
    all[1] = "segments";
    System.arraycopy(arguments, 0, all, 2, arguments.length);
    return runHere(command, all);
  }

  @Test
  public void shouldPutFindListVerifyAndRemovePages() throws IOException {
    Path file = randomFile("page", 10_000);
    Path out = file.resolveSibling("out");
    assertThat(inSegments("put", "--key", "a", file.toString()).code()).isZero();
    assertThat(inSegments("put", "--key", "b", randomFile("other", 8192).toString()).code())
        .isZero();
    assertThat(inSegments("get", "--key", "a", "--out", out.toString()).code()).isZero();
    assertThat(Files.readAllBytes(out)).isEqualTo(Files.readAllBytes(file));
    assertThat(inSegments("exists", "a", "b", "c").lines())
        .containsExactly("2", "hit     a  10000", "hit     b  8192", "miss    c");
    JsonNode listed = inSegments("ls", "--json").json();
    assertThat(listed.get("count").asInt()).isEqualTo(2);
    assertThat(listed.get("bytes").asLong()).isEqualTo(18_192);
    assertThat(inSegments("verify").code()).isZero();
    assertThat(inSegments("rm", "a").code()).isZero();
    assertThat(inSegments("get", "--key", "a", "--out", out.toString()).code()).isEqualTo(1);
    assertThat(inSegments("clear", "--yes").code()).isZero();
    assertThat(inSegments("ls", "--json").json().get("count").asInt()).isZero();
    assertThat(runHere("exists", "b").code())
        .as("the layout files knows nothing of it")
        .isEqualTo(1);
  }
}
