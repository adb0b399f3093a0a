// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.testng.annotations.BeforeClass;
import org.testng.annotations.Test;

/** docs/peer-tests.md names tests and paragraphs that there are, and leaves no row without. */
public class PeerTestsDocumentTest {
  private static final Path ROOT = Path.of("..", "..");
  private static final Pattern TEST_NAME = Pattern.compile("`(\\w+)\\.(\\w+)`");
  private static final Pattern PARAGRAPH = Pattern.compile("\\*\\*(.+?)\\*\\*");
  private static final Pattern GOOGLE_TEST =
      Pattern.compile("\\bTEST(?:_[FP])?\\((\\w+), (\\w+)\\)");
  private static final Pattern TESTNG_TEST =
      Pattern.compile(
          "@Test\\b(?:\\((?:\"(?:\\\\.|[^\"\\\\])*\"|[^\"{;])*?\\))?\\s+public void (\\w+)\\(");

  private final Set<String> tests = new HashSet<>();

  @BeforeClass
  public void collectTests() throws IOException {
    for (Path file : sources(ROOT.resolve("cpp/test"), ".cc")) {
      Matcher found = GOOGLE_TEST.matcher(Files.readString(file));
      while (found.find()) {
        tests.add(found.group(1) + "." + found.group(2));
      }
    }
    for (Path module :
        List.of(ROOT.resolve("java/hicache-nixl"), ROOT.resolve("java/hicache-cli"))) {
      for (Path file : sources(module.resolve("src/test/java"), "Test.java")) {
        String name = file.getFileName().toString().replace(".java", "");
        Matcher found = TESTNG_TEST.matcher(Files.readString(file));
        while (found.find()) {
          tests.add(name + "." + found.group(1));
        }
      }
    }
    assertThat(tests).contains("PeerTestsDocumentTest.shouldNameTestsThatThereAre");
  }

  @Test
  public void shouldNameTestsThatThereAre() throws IOException {
    Set<String> named = new HashSet<>();
    for (List<String> row : rows()) {
      Matcher names = TEST_NAME.matcher(answer(row));
      while (names.find()) {
        named.add(names.group(1) + "." + names.group(2));
      }
    }
    assertThat(named).hasSizeGreaterThan(60);
    named.removeAll(tests);
    assertThat(named).as("named, and not there").isEmpty();
  }

  @Test
  public void shouldArgueByParagraphsThatThereAre() throws IOException {
    String decisions = Files.readString(ROOT.resolve("docs/decisions.md"));
    for (List<String> row : rows()) {
      Matcher titles = PARAGRAPH.matcher(answer(row));
      while (titles.find()) {
        assertThat(decisions).contains(". " + titles.group(1) + "**");
      }
    }
  }

  @Test
  public void shouldAnswerEveryRow() throws IOException {
    List<List<String>> rows = rows();
    assertThat(rows).hasSizeGreaterThan(80);
    for (List<String> row : rows) {
      String answer = answer(row);
      boolean open = answer.startsWith("open: ");
      boolean argued = answer.contains("argued: **");
      assertThat(open || argued || TEST_NAME.matcher(answer).find()).as(row.toString()).isTrue();
      assertThat(answer.contains("**")).as(row.toString()).isEqualTo(argued);
    }
    for (int weakness = 1; weakness <= 18; weakness++) {
      String number = weakness + ". ";
      assertThat(rows).anyMatch(row -> row.get(1).startsWith(number));
    }
  }

  private static String answer(List<String> row) {
    return row.get(2);
  }

  /** The cells of each table row but the headings. */
  private static List<List<String>> rows() throws IOException {
    List<List<String>> rows = new ArrayList<>();
    for (String line : Files.readAllLines(ROOT.resolve("docs/peer-tests.md"))) {
      List<String> cells = Arrays.stream(line.split("\\|")).map(String::strip).toList();
      if (line.startsWith("| ") && !cells.get(2).equals("here")) {
        assertThat(cells).as(line).hasSize(3);
        rows.add(cells);
      }
    }
    return rows;
  }

  private static List<Path> sources(Path folder, String ending) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(file -> file.toString().endsWith(ending)).toList();
    }
  }
}
