// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.testng.SkipException;
import org.testng.annotations.Test;

/** Every command that needs no directory, over objects in a bucket. */
@Test(groups = "obj")
public class ObjectsCommandTest extends CliFixture {
  private static String required(String variable) {
    String value = System.getenv(variable);
    if (value == null) {
      throw new SkipException(
          "no S3 server: " + variable + " is not set; see scripts/test-servers.sh");
    }
    return value;
  }

  private Path configuration() throws IOException {
    return Files.writeString(
        folder.resolve("objects.toml"),
        """
        backend = "OBJ"
        object_prefix = "%s/"
        model = "m"
        [plugin.obj]
        endpoint_override = "%s"
        bucket = "%s"
        access_key = "%s"
        secret_key = "%s"
        """
            .formatted(
                "ObjectsCommandTest-" + UUID.randomUUID(),
                required("HICACHE_TEST_S3_ENDPOINT"),
                required("HICACHE_TEST_S3_BUCKET"),
                required("HICACHE_TEST_S3_ACCESS_KEY"),
                required("HICACHE_TEST_S3_SECRET_KEY")));
  }

  private Result in(Path configuration, String command, String... arguments) {
    List<String> all = new ArrayList<>(List.of(command, "--config", configuration.toString()));
    all.addAll(List.of(arguments));
    return run(all.toArray(String[]::new));
  }

  @Test
  public void shouldPutFindListVerifyAndRemovePages() throws IOException {
    Path bucket = configuration();
    Path file = randomFile("page", 10_000);
    Path out = file.resolveSibling("out");
    assertThat(in(bucket, "put", "--key", "a", file.toString()).code()).isZero();
    assertThat(in(bucket, "put", "--key", "b", randomFile("other", 8192).toString()).code())
        .isZero();

    assertThat(in(bucket, "get", "--key", "a", "--out", out.toString()).code()).isZero();
    assertThat(Files.readAllBytes(out)).isEqualTo(Files.readAllBytes(file));
    assertThat(in(bucket, "exists", "a", "b", "c").lines())
        .containsExactly("2", "hit     a  10000", "hit     b  8192", "miss    c");
    assertThat(in(bucket, "ls", "--json").json().get("bytes").asLong()).isEqualTo(18_192);
    assertThat(in(bucket, "verify").code()).isZero();

    assertThat(in(bucket, "rm", "a").code()).isZero();
    assertThat(in(bucket, "get", "--key", "a", "--out", out.toString()).code()).isEqualTo(1);
    assertThat(in(bucket, "clear", "--json", "--yes").json().get("removed").asLong()).isEqualTo(1);
    assertThat(in(bucket, "ls", "--json").json().get("count").asInt()).isZero();
  }

  @Test
  public void shouldNameTheBucketBeforeItIsCleared() throws IOException {
    Result asked = run(Map.of(), "n\n", "clear", "--config", configuration().toString());

    assertThat(asked.out())
        .contains(required("HICACHE_TEST_S3_BUCKET") + "/ObjectsCommandTest-")
        .contains("at " + required("HICACHE_TEST_S3_ENDPOINT"));
    assertThat(asked.code()).isEqualTo(ExitCode.USAGE.number());
  }
}
