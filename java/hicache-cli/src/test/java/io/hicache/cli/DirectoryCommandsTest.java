// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.testng.annotations.Test;

/** exists, ls, rm and clear. */
public class DirectoryCommandsTest extends CliFixture {

  @Test
  public void shouldPrintThePrefixThenALineForEachKey() throws IOException {
    put("a", 10);
    put("b", 20);
    put("d", 40);

    Result some = runHere("exists", "a", "b", "c", "d");
    assertThat(some.code()).isEqualTo(1);
    assertThat(some.lines())
        .containsExactly("2", "hit     a  10", "hit     b  20", "miss    c", "hit     d  40");

    JsonNode json = runHere("exists", "--json", "a", "b", "c", "d").json();
    assertThat(json.get("prefix").asInt()).isEqualTo(2);
    assertThat(json.at("/pages/1/key").asText()).isEqualTo("b");
    assertThat(json.at("/pages/1/length").asLong()).isEqualTo(20);
    assertThat(json.at("/pages/2/exists").asBoolean()).isFalse();
    assertThat(json.at("/pages/2").has("length")).isFalse();

    assertThat(runHere("exists", "a", "b").code()).isZero();
    assertThat(runHere("exists", "c").lines()).containsExactly("0", "miss    c");
  }

  @Test
  public void shouldExitWithThreeWhenAKeyCannotBeLookedUp() throws IOException {
    put("a", 10);
    Result result = runHere("exists", "--json", "a", "x".repeat(70_000), "b");
    assertThat(result.code()).isEqualTo(3);
    assertThat(result.json().at("/pages/1/error/code").asText()).isEqualTo("INVALID_ARGUMENT");
    assertThat(result.json().at("/pages/0/exists").asBoolean()).isTrue();
  }

  @Test
  public void shouldNotCountATruncatedPageAsThere() throws IOException {
    truncate(put("a", 8192), 4096);
    assertThat(runHere("exists", "a").code()).isEqualTo(1);
  }

  @Test
  public void shouldListEveryPageOfTheModelAndNoOther() throws IOException {
    List<String> keys = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      keys.add("key-" + i);
      put("key-" + i, i);
    }
    assertThat(
            runHere("put", "--model", "other", "--key", "foreign", randomFile("f", 3).toString())
                .code())
        .isZero();
    truncate(put("damaged", 100), 50);
    keys.add("damaged");

    JsonNode json = runHere("ls", "--json").json();
    assertThat(json.get("command").asText()).isEqualTo("ls");
    assertThat(json.get("pages").findValuesAsText("key")).containsExactlyInAnyOrderElementsOf(keys);
    assertThat(json.get("count").asInt()).isEqualTo(21);
    assertThat(json.get("bytes").asLong()).isEqualTo(190 + 50);
    for (JsonNode page : json.get("pages")) {
      boolean damaged = page.get("key").asText().equals("damaged");
      assertThat(page.get("whole").asBoolean()).isEqualTo(!damaged);
      assertThat(page.get("file_length").asLong())
          .isEqualTo(damaged ? 50 : page.get("length").asLong());
      assertThat(page.get("sealed").asBoolean()).isTrue();
      assertThat(page.get("modified").asText()).matches("20\\d\\d-.*Z");
      assertThat(page.get("dtype").isNull()).isTrue();
      assertThat(page.get("shape").isArray()).isTrue();
    }

    Result text = runHere("ls");
    assertThat(text.code()).isZero();
    assertThat(text.lines()).hasSize(22).last().isEqualTo("21 pages, 240 B");
    assertThat(text.out()).containsPattern("100 .* damaged .* damaged\n");
  }

  @Test
  public void shouldListAnEmptyDirectory() {
    assertThat(runHere("ls").lines()).containsExactly("0 pages, 0 B");
    assertThat(runHere("ls", "--json").json().get("pages")).isEmpty();
  }

  @Test
  public void shouldKeepKeysFromMovingTheCursor() throws IOException {
    put("a\u001b[2J\nb", 1);
    assertThat(runHere("ls").out()).contains("a\\u{1b}[2J\\u{a}b").doesNotContain("\u001b");
  }

  @Test
  public void shouldRemoveWhatIsThereAndSayWhatWasNot() throws IOException {
    put("a", 1);
    put("b", 1);
    Result result = runHere("rm", "a", "c");
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.lines()).containsExactly("removed   a", "miss      c");
    assertThat(runHere("exists", "a", "b").lines())
        .containsExactly("0", "miss    a", "hit     b  1");

    JsonNode json = runHere("rm", "--json", "b").json();
    assertThat(json.get("removed").asInt()).isEqualTo(1);
    assertThat(json.at("/pages/0/outcome").asText()).isEqualTo("removed");
    assertThat(runHere("rm", "--json", "x".repeat(70_000)).code()).isEqualTo(3);
  }

  @Test
  public void shouldRemoveADamagedPage() throws IOException {
    Path file = put("a", 8192);
    truncate(file, 10);
    assertThat(runHere("rm", "a").code()).isZero();
    assertThat(file).doesNotExist();
  }

  @Test
  public void shouldClearOnlyAfterAYes() throws IOException {
    Path file = put("a", 1);
    String[] clear = {"clear", "--dir", pages.toString()};

    Result nobody = run(clear);
    assertThat(nobody.code()).isEqualTo(2);
    assertThat(nobody.err()).contains("--yes");
    Result no = run(Map.of(), "no\n", clear);
    assertThat(no.code()).isEqualTo(2);
    assertThat(no.out()).contains("[y/N]").contains(pages.toString());
    assertThat(run(Map.of(), "", clear).code()).isEqualTo(2);
    assertThat(file).exists();

    Result yes = run(Map.of(), "y\n", clear);
    assertThat(yes.code()).isZero();
    assertThat(yes.out()).endsWith("removed 1 pages\n");
    assertThat(file).doesNotExist();
  }

  @Test
  public void shouldClearNothingButTheModelsPages() throws IOException {
    put("a", 1);
    put("b", 1);
    assertThat(
            runHere("put", "--model", "other", "--key", "a", randomFile("f", 3).toString()).code())
        .isZero();
    Path foreign = Files.writeString(pages.resolve("notes.txt"), "mine");

    assertThat(runHere("clear", "--yes", "--json").json().get("removed").asInt()).isEqualTo(2);
    assertThat(foreign).exists();
    assertThat(runHere("exists", "--model", "other", "a").code()).isZero();
    assertThat(runHere("ls").lines()).containsExactly("0 pages, 0 B");
  }
}
