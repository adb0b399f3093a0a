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

public class DoctorCommandTest extends CliFixture {

  @Test
  public void shouldTryEveryBackendAndQueueInEveryDirectory() throws IOException {
    Files.createDirectory(pages);
    Path other = folder.resolve("made/for/it");
    JsonNode json = runHere("doctor", "--dir", other.toString(), "--json").json();

    assertThat(json.get("status").asText()).isEqualTo("done");
    assertThat(json.at("/nixl/found").asBoolean()).isTrue();
    assertThat(Path.of(json.at("/nixl/path").asText())).exists();
    assertThat(json.at("/cuda/devices").isInt()).isTrue();
    assertThat(json.at("/limits/open_files/soft").asLong()).isPositive();
    assertThat(json.at("/limits/locked_memory/soft").isNumber()).isTrue();
    assertThat(json.get("directories")).hasSize(2);
    assertThat(json.at("/directories/0/existed").asBoolean()).isTrue();
    assertThat(json.at("/directories/1/existed").asBoolean()).isFalse();
    for (JsonNode directory : json.get("directories")) {
      assertThat(directory.get("works").asBoolean()).isTrue();
      assertThat(directory.get("problem").asText()).isEmpty();
      assertThat(directory.get("backend").asText()).isEqualTo("POSIX");
      assertThat(directory.get("queue").asText()).isEqualTo("aio");
      assertThat(directory.get("file_system").asText()).isNotEmpty();
      assertThat(directory.get("total_bytes").asLong()).isPositive();
      assertThat(directory.get("direct_io").isBoolean()).isTrue();
      assertThat(directory.get("attributes").isBoolean()).isTrue();
      assertThat(directory.get("lanes").asInt()).isPositive();
      assertThat(directory.get("chunk_pages").asInt()).isPositive();
      assertThat(directory.get("chunk_bytes").asLong()).isPositive();
      assertThat(directory.get("chunks_in_flight").asInt()).isPositive();
      boolean direct = directory.get("direct_io").asBoolean();
      assertThat(directory.get("request_bytes").asLong() == 0).isEqualTo(direct);
      List<String> tried = new ArrayList<>();
      for (JsonNode attempt : directory.get("backends")) {
        String name =
            (attempt.get("backend").asText() + " " + attempt.get("queue").asText()).strip();
        tried.add(name);
        if (name.startsWith("POSIX")) {
          assertThat(attempt.get("works").asBoolean()).as(attempt.toString()).isTrue();
        }
        assertThat(attempt.get("reason").asText().isEmpty())
            .isEqualTo(attempt.get("works").asBoolean());
      }
      assertThat(tried)
          .containsExactly(
              "3FS", "POSIX aio", "POSIX uring", "POSIX posix_aio", "GDS_MT", "GDS", "OBJ");
    }
    assertThat(pages).isEmptyDirectory();
    assertThat(folder.resolve("made")).doesNotExist();
  }

  @Test
  public void shouldLeaveThePagesAlone() throws IOException {
    put("a", 5001);
    assertThat(runHere("doctor").code()).isZero();
    assertThat(runHere("verify", "--json").json().get("ok").asInt()).isEqualTo(1);
    assertThat(pages.toFile().list()).noneMatch(name -> name.contains("doctor"));
  }

  @Test
  public void shouldShowTheConfigurationWithItsOrigins() throws IOException {
    Path file = Files.writeString(folder.resolve("store.toml"), "lanes = 2\nmodel = 'llama'\n");
    Result text =
        run(
            Map.of("SGLANG_HICACHE_NIXL_BACKEND_STORAGE_DIR", pages.toString()),
            null,
            "doctor",
            "--config",
            file.toString(),
            "--queue",
            "uring");

    assertThat(text.code()).as(text.err()).isZero();
    assertThat(text.out())
        .containsPattern(
            "storage_dirs +"
                + pages
                + " +environment variable SGLANG_HICACHE_NIXL_BACKEND_STORAGE_DIR")
        .containsPattern("queue +uring +command line")
        .containsPattern("lanes +2 +file " + file + ", key lanes")
        .containsPattern("checksum +true +default")
        .contains("with queue uring")
        .containsPattern("lanes +2; a lane moves \\d+ at a time of up to \\d+ pages? or .*")
        .endsWith("all is well\n");
  }

  @Test
  public void shouldExitWithThreeWhenTheConfiguredBackendDoesNotWork() {
    Result text = runHere("doctor", "--backend", "3FS");
    assertThat(text.code()).isEqualTo(3);
    assertThat(text.out())
        .contains("does not work")
        .containsPattern("POSIX aio +works")
        .containsPattern("to do: install 3FS")
        .endsWith("something is wrong, see above\n");
  }

  @Test
  public void shouldSayWhyADirectoryCannotBeUsed() throws IOException {
    Path file = randomFile("file", 10);
    JsonNode json = run("doctor", "--json", "--dir", file.resolve("below").toString()).json();
    assertThat(json.get("exit_code").asInt()).isEqualTo(3);
    assertThat(json.at("/directories/0/works").asBoolean()).isFalse();
    assertThat(json.at("/directories/0/problem").asText()).contains("can be written to");
  }

  @Test
  public void shouldHideSecrets() throws IOException {
    String secret = "hunter2-9f8e7d6c";
    Path file =
        Files.writeString(
            folder.resolve("store.toml"),
            "[plugin.obj]\nactive = true\nbucket = 'b'\nendpoint_override = 'http://u:"
                + secret
                + "@127.0.0.1:1'\n"
                + "access_key = '"
                + secret
                + "'\nsecret_key = '"
                + secret
                + "'\n");
    Result text = run("doctor", "--config", file.toString());
    Result json = run("doctor", "--json", "--config", file.toString());

    assertThat(text.code()).isEqualTo(3);
    assertThat(text.out()).containsPattern("plugin.secret_key +\\*\\*\\*");
    assertThat(json.json().at("/buckets/0/works").asBoolean()).isFalse();
    assertThat(json.json().at("/buckets/0/place").asText()).isEqualTo("OBJ b");
    assertThat(text.out() + text.err() + json.out() + json.err()).doesNotContain(secret);
  }
}
