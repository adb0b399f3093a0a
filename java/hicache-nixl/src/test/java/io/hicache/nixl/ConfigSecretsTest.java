// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** No secret in any text: values, origins, errors with their causes, log lines of every level. */
public class ConfigSecretsTest extends ConfigFixture {
  private static final String SECRET = "hunter2-9f8e7d6c";

  @DataProvider
  public Object[][] secretNames() {
    return new Object[][] {{"access_key"}, {"secret_key"}, {"secrete_key"}, {"session_token"}};
  }

  @Test(dataProvider = "secretNames")
  public void shouldHideASecretInEveryText(String name) {
    try (CapturedLog log = new CapturedLog()) {
      Path file =
          write(
              "store.toml",
              "[plugin.obj]\nactive = true\nbucket = 'b'\n" + name + " = '" + SECRET + "'\n");
      HiCacheConfig config = bare().file(file).build();

      String stored = name.equals("secrete_key") ? "secret_key" : name;
      assertThat(config.pluginParams()).containsEntry(stored, SECRET);
      assertThat(new String(config.toSettings(), StandardCharsets.UTF_8))
          .contains("plugin." + stored + '\0' + SECRET);
      assertThat(config.toString()).contains("plugin." + stored + "=***").doesNotContain(SECRET);
      assertThat(config.pluginParams().toString()).contains(stored + "=***").doesNotContain(SECRET);
      assertThat(config.entries().toString()).doesNotContain(SECRET);
      assertThat(config.origins().toString()).doesNotContain(SECRET);
      assertThat(config.toBuilder().toString()).doesNotContain(SECRET);
      assertThat(config.forBackend("OBJ").toString()).doesNotContain(SECRET);
      assertThat(String.join("\n", log.lines())).doesNotContain(SECRET);
    }
  }

  @Test
  public void shouldWarnOfTheMisspeltSecretKey() {
    try (CapturedLog log = new CapturedLog()) {
      bareFromToml("[plugin.obj]\nactive = true\nbucket = 'b'\nsecrete_key = '" + SECRET + "'\n");
      assertThat(log.lines())
          .singleElement()
          .asString()
          .startsWith("WARN ")
          .contains("secrete_key is deprecated, write secret_key");
    }
    assertThat(refusedToml("[plugin.obj]\nactive = true\nsecret_key = 'a'\nsecrete_key = 'b'\n"))
        .hasMessageContaining("twice");
  }

  @DataProvider
  public Object[][] filesWithAMistakeNearASecret() {
    String table = "[plugin.obj]\nactive = true\nbucket = 'b'\n";
    return new Object[][] {
      {"a.toml", table + "secret_key = " + SECRET + "\n"},
      {"b.toml", table + "secret_key = '" + SECRET + "\n"},
      {"c.toml", table + "secret_key = '''\n" + SECRET + "\n''"},
      {"d.json", "{\"secret_key\": " + SECRET + "}"},
      {"e.json", "{\"session_token\": \"a\", " + SECRET + "}"},
      {"f.toml", table + "secret_key = 12345678987654321\nlanes = 3\n"},
      {"g.toml", table + "secret_key = ['" + SECRET + "']\n"},
      {"h.toml", table + "secret_kye = '" + SECRET + "'\n"},
      {"i.toml", table + "access_key = true\nsecret_key = '" + SECRET + "'\n"},
      {"j.toml", table + "endpoint_override = 'http://user:" + SECRET + "@host'\nscheme = 'ftp'\n"},
      {"k.toml", "lanes = 'http://user:" + SECRET + "@host'"},
      {"l.json", "{\"endpoint_override\": http://user:" + SECRET + "@host}"},
    };
  }

  @Test(dataProvider = "filesWithAMistakeNearASecret")
  public void shouldKeepSecretsOutOfErrorsAndTheirCauses(String name, String text) {
    try (CapturedLog log = new CapturedLog()) {
      HiCacheException error = refusedBy(plain().file(write(name, text)));
      StringWriter trace = new StringWriter();
      error.printStackTrace(new PrintWriter(trace));

      assertThat(trace.toString())
          .contains(name)
          .doesNotContain(SECRET)
          .doesNotContain("12345678987654321");
      assertThat(log.lines()).noneMatch(line -> line.contains(SECRET));
    }
  }

  @Test
  public void shouldHideTheUserPartOfAUrl() {
    HiCacheConfig config =
        bare()
            .backend("OBJ")
            .pluginParams(
                Map.of(
                    "bucket", "b", "endpoint_override", "https://me:" + SECRET + "@store:9000/x"))
            .build();
    assertThat(config.toString())
        .contains("endpoint_override=https://***@store:9000/x")
        .doesNotContain(SECRET);
  }

  @Test
  public void shouldHideWhatOpensAnAccountOfAzure() {
    HiCacheConfig config =
        bare()
            .backend("AZURE_BLOB")
            .pluginParam("container_name", "c")
            .pluginParam("connection_string", "AccountName=a;AccountKey=" + SECRET)
            .pluginParam("account_url", "https://a.example.org/?sv=1&sig=" + SECRET + "&se=2")
            .build();
    assertThat(config.pluginParams().get("connection_string")).endsWith(SECRET);
    assertThat(config.toString())
        .contains("plugin.connection_string=***")
        .contains("account_url=https://a.example.org/?sv=1&sig=***&se=2")
        .doesNotContain(SECRET);
  }

  @Test
  public void shouldHideByNameWhateverTheName() {
    for (String name :
        List.of(
            "secret",
            "x_secret_y",
            "SessionToken",
            "password",
            "db_password",
            "connection_string",
            "ACCESS_KEY")) {
      assertThat(Secrets.shown(name, SECRET)).as(name).isEqualTo("***");
    }
    assertThat(Secrets.shown("bucket", "pages")).isEqualTo("pages");
  }

  @Test
  public void shouldKeepSecretsOutOfTheBuildersErrors() {
    HiCacheException error = refusedBy(plain().backend("GDS").pluginParam("secret_key", SECRET));
    assertThat(error.getMessage()).contains("secret_key").doesNotContain(SECRET);
  }
}
