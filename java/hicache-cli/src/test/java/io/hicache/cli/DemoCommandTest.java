// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import org.testng.annotations.Test;

public class DemoCommandTest extends CliFixture {

  @Test
  public void shouldWriteAndReadPagesAndRemoveThem() throws IOException {
    put("mine", 10);
    JsonNode json = runHere("demo", "--pages", "9", "--json").json();

    assertThat(json.get("status").asText()).isEqualTo("done");
    assertThat(json.get("pages").asInt()).isEqualTo(9);
    assertThat(json.get("page_bytes").asLong()).isEqualTo(8L << 20);
    assertThat(json.get("bytes").asLong()).isEqualTo(9 * (8L << 20));
    assertThat(json.get("write_gib_per_s").asDouble()).isPositive();
    assertThat(json.get("read_gib_per_s").asDouble()).isPositive();
    assertThat(json.get("backend").asText()).isEqualTo("POSIX");
    assertThat(json.get("queue").asText()).isEqualTo("aio");
    assertThat(json.get("direct_io").isBoolean()).isTrue();
    assertThat(json.at("/directories/0").asText()).isEqualTo(pages.toString());
    assertThat(runHere("ls", "--model", "hicache-demo").lines()).containsExactly("0 pages, 0 B");
    assertThat(runHere("exists", "mine").code()).isZero();
  }

  @Test
  public void shouldCloseWithATable() {
    Result text = runHere("demo", "--pages", "1", "--queue", "uring");
    assertThat(text.code()).as(text.err()).isZero();
    assertThat(text.lines())
        .extracting(line -> line.split(" {2,}")[0])
        .containsExactly(
            "pages", "bytes", "written", "read back", "backend", "queue", "O_DIRECT", "directory");
    assertThat(text.out())
        .contains("1 of 8.0 MiB, bfloat16 [2, 32, 64, 8, 128]")
        .containsPattern("queue +uring");
  }

  @Test
  public void shouldRefuseWhatCannotBeWritten() {
    assertThat(runHere("demo", "--pages", "0").code()).isEqualTo(2);
    Result full = runHere("demo", "--pages", "2000000000");
    assertThat(full.code()).isEqualTo(3);
    assertThat(full.err()).contains("are free");
  }
}
