// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.testng.SkipException;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

public class PutGetCommandTest extends CliFixture {

  @DataProvider
  public Object[][] lengths() {
    return new Object[][] {{0}, {1}, {4096}, {5001}, {3 << 20}, {(65 << 20) + 7}};
  }

  @Test(dataProvider = "lengths")
  public void shouldBringAFileBack(int length) throws IOException {
    Path source = randomFile("page", length);
    Path target = folder.resolve("out");

    Result put = runHere("put", "--key", "k", source.toString());
    Result get = runHere("get", "--key", "k", "--out", target.toString());

    assertThat(put.code()).as(put.err()).isZero();
    assertThat(put.out()).startsWith("stored " + length + " bytes in " + pages);
    assertThat(get.code()).as(get.err()).isZero();
    assertThat(get.out()).startsWith("wrote " + length + " bytes to " + target);
    assertThat(Files.mismatch(source, target)).isEqualTo(-1);
    assertThat(filesIn(folder)).containsExactlyInAnyOrder("page", "out", "pages");
  }

  @Test
  public void shouldReportAsJson() throws IOException {
    Path source = randomFile("page", 5001);
    JsonNode put = runHere("put", "--json", "--key", "größe", source.toString()).json();
    JsonNode get =
        runHere("get", "--json", "--key", "größe", "--out", folder.resolve("out").toString())
            .json();

    assertThat(put.get("command").asText()).isEqualTo("put");
    assertThat(put.get("key").asText()).isEqualTo("größe");
    assertThat(put.get("length").asLong()).isEqualTo(5001);
    assertThat(put.get("file").asText()).isEqualTo(source.toString());
    assertThat(Path.of(put.get("path").asText())).startsWith(pages).hasSize(5001);
    assertThat(get.get("length").asLong()).isEqualTo(5001);
    assertThat(get.get("verified").asBoolean()).isTrue();
  }

  @Test
  public void shouldReplaceAPageByOneOfAnotherLength() throws IOException {
    put("k", 100);
    put("k", 9000);
    Path out = Files.writeString(folder.resolve("out"), "what was there");
    assertThat(runHere("get", "--key", "k", "--out", out.toString()).code()).isZero();
    assertThat(Files.mismatch(folder.resolve("source"), out)).isEqualTo(-1);
  }

  @Test
  public void shouldExitWithOneForAMissAndTouchNothing() throws IOException {
    Path out = Files.writeString(folder.resolve("out"), "what was there");
    Result text = runHere("get", "--key", "nobody", "--out", out.toString());
    JsonNode json = runHere("get", "--json", "--key", "nobody", "--out", out.toString()).json();

    assertThat(text.code()).isEqualTo(1);
    assertThat(text.out()).isEmpty();
    assertThat(text.err()).contains("no page under 'nobody'");
    assertThat(json.get("status").asText()).isEqualTo("miss");
    assertThat(out).hasContent("what was there");
  }

  @Test
  public void shouldKeepTheOldFileWhenThePageIsCorrupt() throws IOException {
    Path out = Files.writeString(folder.resolve("out"), "what was there");
    Path flipped = put("flipped", 8192);
    flipByte(flipped, 4097);
    Path cut = put("cut", 8192);
    truncate(cut, 5000);

    for (String key : List.of("flipped", "cut")) {
      Result get = runHere("get", "--json", "--key", key, "--out", out.toString());
      assertThat(get.code()).as(key).isEqualTo(3);
      assertThat(get.json().at("/error/code").asText()).isEqualTo("CORRUPT");
      assertThat(get.json().at("/error/message").asText()).contains(key);
    }
    assertThat(out).hasContent("what was there");
    assertThat(filesIn(folder)).containsExactlyInAnyOrder("source", "out", "pages");
  }

  @Test
  public void shouldSayWhenAPageCarriesNoChecksum() throws IOException {
    stripSeal(put("k", 5001));
    Path out = folder.resolve("out");
    assertThat(runHere("get", "--key", "k", "--out", out.toString()).out())
        .contains("checksum not verified");
    JsonNode json = runHere("get", "--json", "--key", "k", "--out", out.toString()).json();
    assertThat(json.get("verified").asBoolean()).isFalse();
    assertThat(Files.mismatch(folder.resolve("source"), out)).isEqualTo(-1);
  }

  @Test
  public void shouldFailWhenAFileCannotBeReadOrWritten() throws IOException {
    put("k", 10);
    Result missing = runHere("put", "--key", "k", folder.resolve("nowhere").toString());
    Result directory = runHere("put", "--key", "k", folder.toString());
    Result noParent =
        runHere("get", "--key", "k", "--out", folder.resolve("no/such/file").toString());
    Result intoDirectory = runHere("get", "--key", "k", "--out", folder.toString());

    assertThat(List.of(missing, directory, noParent, intoDirectory))
        .extracting(Result::code)
        .containsOnly(3);
    assertThat(missing.err()).contains("nowhere: no such file");
    assertThat(directory.err()).contains("not a regular file");
    assertThat(noParent.err()).contains("no/such/file: no such file or directory");
    assertThat(intoDirectory.err()).contains("is a directory");
  }

  @Test
  public void shouldWriteThroughALinkAndIntoADevice() throws IOException {
    put("k", 5001);
    Path real = Files.writeString(folder.resolve("real"), "old");
    Path link = Files.createSymbolicLink(folder.resolve("link"), real);

    assertThat(runHere("get", "--key", "k", "--out", link.toString()).code()).isZero();
    assertThat(link).isSymbolicLink();
    assertThat(Files.mismatch(folder.resolve("source"), real)).isEqualTo(-1);

    assertThat(runHere("get", "--key", "k", "--out", "/dev/null").code()).isZero();
    assertThat(Files.isRegularFile(Path.of("/dev/null"))).isFalse();
  }

  @DataProvider
  public Object[][] refusedKeys() {
    return new Object[][] {{""}, {"x".repeat(70_000)}};
  }

  @Test(dataProvider = "refusedKeys")
  public void shouldExitWithTwoForAKeyThatCannotBe(String key) throws IOException {
    Result result = runHere("put", "--json", "--key", key, randomFile("page", 10).toString());
    assertThat(result.code()).isEqualTo(2);
    assertThat(result.json().at("/error/code").asText()).isEqualTo("INVALID_ARGUMENT");
  }

  @Test
  public void shouldNeverLeaveTheDirectory() throws IOException {
    Path page = randomFile("page", 10);
    for (String key : List.of("../../escaped", "/escaped", "a/../../escaped", "..", ".")) {
      Result put = runHere("put", "--json", "--key", key, page.toString());
      if (put.code() == 0) {
        assertThat(Path.of(put.json().get("path").asText()).toRealPath())
            .startsWith(pages.toRealPath());
        assertThat(runHere("get", "--key", key, "--out", folder.resolve("out").toString()).code())
            .isZero();
      } else {
        assertThat(put.code()).isEqualTo(2);
      }
    }
    assertThat(filesIn(folder)).doesNotContain("escaped");
  }

  @Test
  public void shouldRefuseAFileThatIsTooLargeForAPage() throws IOException {
    Path source = sparseFile(PageFile.LARGEST_BYTES + 1);
    Result put = runHere("put", "--json", "--key", "k", source.toString());
    assertThat(put.code()).isEqualTo(3);
    assertThat(put.json().at("/error/code").asText()).isEqualTo("UNSUPPORTED");
    assertThat(put.json().at("/error/message").asText()).contains("at most 2147479552");
  }

  @Test(groups = "slow")
  public void shouldMoveTheLargestPage() throws IOException {
    long length = PageFile.LARGEST_BYTES;
    if (folder.toFile().getUsableSpace() < 3 * length) {
      throw new SkipException("needs " + 3 * length + " free bytes in " + folder);
    }
    Path source = sparseFile(length);
    Path out = folder.resolve("out");
    assertThat(runHere("put", "--key", "large", source.toString()).code()).isZero();
    assertThat(runHere("get", "--key", "large", "--out", out.toString()).code()).isZero();
    assertThat(Files.mismatch(source, out)).isEqualTo(-1);
  }

  /** Mostly holes, with a byte here and there. */
  private Path sparseFile(long length) throws IOException {
    Path file = folder.resolve("large");
    try (RandomAccessFile content = new RandomAccessFile(file.toFile(), "rw")) {
      content.setLength(length);
      for (long at = 0; at < length; at += 100_000_007) {
        content.seek(at);
        content.write((int) (at % 251) + 1);
      }
    }
    return file;
  }

  private static List<String> filesIn(Path folder) {
    return List.of(folder.toFile().list());
  }
}
