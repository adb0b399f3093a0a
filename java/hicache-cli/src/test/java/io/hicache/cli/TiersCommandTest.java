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

/** The commands over two tiers, named on the command line or in a file. */
public class TiersCommandTest extends CliFixture {

  private String tier(String kind, String name) {
    return kind + ":" + folder.resolve(name);
  }

  private Result runTiers(String command, String... args) {
    List<String> all =
        new ArrayList<>(
            List.of(command, "--tier", tier("segments", "a"), "--tier", tier("files", "b")));
    all.addAll(List.of(args));
    return run(all.toArray(String[]::new));
  }

  private Result runBelow(String command, String... args) {
    List<String> all =
        new ArrayList<>(
            List.of(command, "--dir", folder.resolve("b").toString(), "--layout", "files"));
    all.addAll(List.of(args));
    return run(all.toArray(String[]::new));
  }

  @Test
  public void shouldPutInBothTiersAndGetFromEither() throws IOException {
    Path page = randomFile("page", 5000);
    assertThat(runTiers("put", "--key", "one", page.toString()).code()).isZero();
    Path out = folder.resolve("out");
    assertThat(runBelow("get", "--key", "one", "--out", out.toString()).code()).isZero();
    assertThat(out).hasSameBinaryContentAs(page);

    assertThat(runBelow("put", "--key", "two", page.toString()).code()).isZero();
    assertThat(runTiers("exists", "one", "two", "three").lines().get(0)).isEqualTo("2");
    Path again = folder.resolve("again");
    assertThat(runTiers("get", "--key", "two", "--out", again.toString()).code()).isZero();
    assertThat(again).hasSameBinaryContentAs(page);
    assertThat(runTiers("ls").out()).contains("one", "two", "2 pages");
    assertThat(runTiers("verify").code()).isZero();

    assertThat(runTiers("rm", "two").code()).isZero();
    assertThat(runBelow("exists", "two").code()).isEqualTo(ExitCode.MISS.number());
    Result cleared =
        run(
            Map.of(),
            "y\n",
            "clear",
            "--tier",
            tier("segments", "a"),
            "--tier",
            tier("files", "b"));
    assertThat(cleared.out()).contains("files:" + folder.resolve("b")).contains("removed 2 pages");
    assertThat(runBelow("exists", "one").code()).isEqualTo(ExitCode.MISS.number());
  }

  @Test
  public void shouldTakeTiersFromTheFileAndDiagnoseBoth() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("store.toml"),
            "tiers = ['" + tier("files", "a") + "', '" + tier("segments", "b") + "']\n");
    Result doctor = run("doctor", "--config", file.toString(), "--json");
    assertThat(doctor.code()).as(doctor.out()).isZero();
    JsonNode directories = doctor.json().get("directories");
    assertThat(directories).hasSize(2);
    assertThat(directories.get(0).get("path").asText()).isEqualTo(folder.resolve("a").toString());
    assertThat(directories.get(1).get("path").asText()).isEqualTo(folder.resolve("b").toString());
    directories.forEach(one -> assertThat(one.get("works").asBoolean()).isTrue());
    assertThat(doctor.json().get("buckets")).isEmpty();
  }

  @Test
  public void shouldSayWhatIsWrongWithABucket() {
    Result doctor =
        run("doctor", "--tier", tier("files", "a"), "--tier", "azure:none", "--timeout", "2000");
    assertThat(doctor.code()).isNotZero();
    assertThat(doctor.out() + doctor.err()).contains("account_url");
  }

  @Test
  public void shouldRefuseWhatGoesNotWithTiers() {
    Result both =
        run("ls", "--dir", pages.toString(), "--tier", tier("files", "a"), "--tier", "obj:bucket");
    assertThat(both.code()).isEqualTo(ExitCode.USAGE.number());
    assertThat(both.err()).contains("storage_dirs").contains("tiers");
    Result one = run("ls", "--tier", tier("files", "a"));
    assertThat(one.code()).isEqualTo(ExitCode.USAGE.number());
    assertThat(one.err()).contains("segments:DIR");
    Result migrate =
        run(
            "migrate",
            "--to",
            "segments",
            "--tier",
            tier("files", "a"),
            "--tier",
            tier("files", "b"));
    assertThat(migrate.code()).isEqualTo(ExitCode.USAGE.number());
    assertThat(migrate.err()).contains("--dir");
  }
}
