// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.testng.SkipException;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** What a command prints must never hold a secret, whether it works or says why it does not. */
public class SecretsCommandTest extends CliFixture {
  private static final String SECRET_KEY = "wJalrXUtnFEMIhicacheSecretKey0123456789";
  private static final String TOKEN = "FwoGZXIvYXdzEhicacheSessionToken";
  private static final String ACCOUNT_KEY = "aGljYWNoZS1hY2NvdW50LWtleS1mb3ItdGVzdHM=";
  private static final String NOBODY = "http://127.0.0.1:1";

  private static final String S3 =
      """
      [plugin.obj]
      endpoint_override = "%s"
      bucket = "%s"
      access_key = "%s"
      %s = "%s"
      session_token = "%s"
      """;

  private static String s3(String secretKey, String secret) {
    return S3.formatted(NOBODY, "pages", "AKIAHICACHE", secretKey, secret, TOKEN);
  }

  private static final String AZURE =
      """
      [plugin.azure_blob]
      container_name = "pages"
      connection_string = "%s"
      """;

  @DataProvider
  public Object[][] configurations() {
    String connection = "AccountName=hicache;AccountKey=" + ACCOUNT_KEY + ";BlobEndpoint=" + NOBODY;
    return new Object[][] {
      {"nobody listens", "backend = 'OBJ'\n" + s3("secret_key", SECRET_KEY)},
      {"a misspelt key", "backend = 'OBJ'\n" + s3("secrete_key", SECRET_KEY)},
      {"an unknown key", "backend = 'OBJ'\n" + s3("secret_kye", SECRET_KEY)},
      {"a wrong type", "backend = 'OBJ'\nlanes = 'many'\n" + s3("secret_key", SECRET_KEY)},
      {"tiers", "tiers = ['segments:%s', 'obj:pages']\n" + s3("secret_key", SECRET_KEY)},
      {"azure", "backend = 'AZURE_BLOB'\n" + AZURE.formatted(connection + "/hicache;")},
      {"azure, broken", "backend = 'AZURE_BLOB'\n" + AZURE.formatted("AccountKey=" + ACCOUNT_KEY)},
    };
  }

  @Test(dataProvider = "configurations")
  public void shouldPrintNoSecretWhenACommandFails(String what, String text) throws IOException {
    List<Result> results = runAll(text.replace("%s", folder.resolve("local").toString()));
    assertThat(results).as(what).anyMatch(result -> result.code() != 0);
    results.forEach(SecretsCommandTest::assertNoSecret);
  }

  @Test(groups = "obj")
  public void shouldPrintNoSecretOfAServerThatAnswers() throws IOException {
    String endpoint = System.getenv("HICACHE_TEST_S3_ENDPOINT");
    if (endpoint == null) {
      throw new SkipException("no S3 server: see scripts/test-servers.sh");
    }
    String bucket = System.getenv("HICACHE_TEST_S3_BUCKET");
    String key = System.getenv("HICACHE_TEST_S3_ACCESS_KEY");
    String right = System.getenv("HICACHE_TEST_S3_SECRET_KEY");
    String prefix = "backend = 'OBJ'\nobject_prefix = 'SecretsCommandTest/'\n[plugin.obj]\n";
    String text = "endpoint_override = '%s'\nbucket = '%s'\naccess_key = '%s'\nsecret_key = '%s'\n";

    List<Result> refused = runAll(prefix + text.formatted(endpoint, bucket, key, SECRET_KEY));
    assertThat(refused.get(0).out()).contains("SignatureDoesNotMatch");
    refused.forEach(SecretsCommandTest::assertNoSecret);

    List<Result> good = runAll(prefix + text.formatted(endpoint, bucket, key, right));
    assertThat(good.get(0).code()).isZero();
    assertThat(good)
        .allSatisfy(result -> assertThat(result.out() + result.err()).doesNotContain(right));
  }

  /** Every kind of command: one that diagnoses and one that stores. */
  private List<Result> runAll(String configuration) throws IOException {
    String file = Files.writeString(folder.resolve("store.toml"), configuration).toString();
    String page = randomFile("page", 100).toString();
    List<Result> results = new ArrayList<>();
    for (List<String> command :
        List.of(
            List.of("doctor"),
            List.of("doctor", "--json"),
            List.of("put", "--json", "--key", "key", page))) {
      List<String> all = new ArrayList<>(command.subList(0, 1));
      all.addAll(List.of("--config", file, "--timeout", "1000"));
      all.addAll(command.subList(1, command.size()));
      results.add(run(all.toArray(String[]::new)));
    }
    return results;
  }

  private static void assertNoSecret(Result result) {
    assertThat(result.out() + result.err())
        .isNotBlank()
        .doesNotContain(SECRET_KEY)
        .doesNotContain(TOKEN)
        .doesNotContain(ACCOUNT_KEY);
  }
}
