// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** The keys of a namespace in a configuration. */
public class NamingConfigTest extends ConfigFixture {
  private static final String SECRET_VARIABLE = "HICACHE_TENANT_SECRET";
  private static final String SECRET = "correct horse battery staple";

  @Test
  public void shouldMakeAnIdentityOfItsKeys() {
    HiCacheConfig config =
        plain()
            .naming("namespace")
            .namespace("chat-prod")
            .model("meta-llama/Llama-3-8B")
            .revision("8cde5ca8")
            .dtype("bfloat16")
            .pageSize(64)
            .kvLayout("page_first")
            .tpRank(1)
            .tpSize(2)
            .ppRank(2)
            .ppSize(4)
            .cpRank(1)
            .cpSize(3)
            .mla(true)
            .tenantSecret(SECRET)
            .build();

    HiCacheIdentity identity =
        HiCacheIdentityTest.full().cp(1, 3).mla(true).tenantSecret(SECRET).build();
    assertThat(config.identity()).contains(identity);
    assertThat(config.toBuilder().build().identity()).contains(identity);
    assertThat(config.forBackend("GDS").identity()).contains(identity);
    assertThat(plain().identity(identity).build()).isEqualTo(config);
    assertThat(plain().build().identity()).isEmpty();
    assertThat(plain().naming("sglang-v0").build().identity()).isEmpty();
  }

  @Test
  public void shouldLetAnIdentityInCodeWinAsAWhole() {
    HiCacheIdentity bare = HiCacheIdentity.builder("bare").build();
    HiCacheConfig config =
        plain()
            .file(
                write(
                    "store.toml",
                    "naming = 'sglang'\nmodel = 'm'\nrevision = 'r'\npage_size = 7\nmla = true\n"
                        + "tenant_secret = 'of the file'\npp_rank = 1\npp_size = 2\n"))
            .environment(Map.of(SECRET_VARIABLE, "of the environment"))
            .identity(bare)
            .build();
    assertThat(config.identity()).contains(bare);
    assertThat(config.naming()).isEqualTo("namespace");
  }

  @Test
  public void shouldGiveTheCoreTheDigestAndNothingElseOfANamespace() {
    HiCacheIdentity identity = HiCacheIdentityTest.full().tenantSecret(SECRET).build();
    assertThat(settings(plain().identity(identity)))
        .contains(" naming namespace ", " namespace_digest 668250e17f41bb7acc95788473f66ddc ")
        .doesNotContain(SECRET, "chat-prod", "bfloat16", "page_first");
    assertThat(settings(plain())).contains(" naming sglang ").doesNotContain("namespace_digest");
  }

  private static String settings(HiCacheConfigBuilder builder) {
    return new String(builder.build().toSettings(), StandardCharsets.UTF_8).replace('\0', ' ');
  }

  @Test
  public void shouldTakeTheTenantSecretOfTheEnvironmentButNotABlankOne() {
    HiCacheConfigBuilder builder = plain().naming("namespace").namespace("n");
    assertThat(builder.environment(Map.of(SECRET_VARIABLE, SECRET)).build().identity())
        .contains(HiCacheIdentity.builder("n").tenantSecret(SECRET).build());
    assertThat(builder.environment(Map.of(SECRET_VARIABLE, " ")).build().identity())
        .contains(HiCacheIdentity.builder("n").build());
  }

  @Test
  public void shouldHideTheTenantSecretInEveryText() {
    try (CapturedLog log = new CapturedLog()) {
      HiCacheConfig config =
          fromToml(
              "naming = 'namespace'\nnamespace = 'n'\ntenant_secret = '" + SECRET + "'\nlanes = 1");
      assertThat(config.identity().orElseThrow().hasTenantSecret()).isTrue();
      assertThat(config.toString()).contains("tenant_secret=***").doesNotContain(SECRET);
      assertThat(config.entries().toString()).doesNotContain(SECRET);
      assertThat(config.origins().toString()).doesNotContain(SECRET);
      assertThat(config.identity().toString()).doesNotContain(SECRET);
      assertThat(config.toBuilder().toString()).doesNotContain(SECRET);
      assertThat(String.join("\n", log.lines())).doesNotContain(SECRET);
    }
    assertThat(plain().build().toString()).contains("tenant_secret=,");
  }

  @Test
  public void shouldRefuseANamespaceWithoutAName() {
    assertThat(refusedToml("naming = 'namespace'\nmodel = 'm'"))
        .hasMessageStartingWith("naming = 'namespace' (file ")
        .hasMessageContaining("set namespace to 1 to 64 characters of a-z 0-9");
  }

  @DataProvider
  public Object[][] keysOfANamespace() {
    return new Object[][] {
      {"namespace = 'n'"},
      {"revision = 'r'"},
      {"dtype = 'bfloat16'"},
      {"page_size = 64"},
      {"kv_layout = 'page_first'"},
      {"pp_rank = 0"},
      {"pp_size = 1"},
      {"cp_rank = 0"},
      {"cp_size = 1"},
      {"tenant_secret = 'hunter2'"},
    };
  }

  @Test(dataProvider = "keysOfANamespace")
  public void shouldRefuseAKeyOfANamespaceWithAnotherNaming(String toml) {
    String key = toml.substring(0, toml.indexOf(' '));
    for (String naming : new String[] {"", "naming = 'sglang'\n", "naming = 'sglang-v0'\n"}) {
      assertThat(refusedToml(naming + toml))
          .hasMessageStartingWith(key + " = '")
          .hasMessageContaining("(file " + folder.resolve("store.toml") + ", key " + key + ")")
          .hasMessageContaining("set naming = namespace, or leave " + key + " out")
          .hasMessageNotContaining("hunter2");
    }
  }

  @Test
  public void shouldRefuseATenantSecretOfTheEnvironmentThatWouldProtectNothing() {
    assertThat(refusedBy(plain().environment(Map.of(SECRET_VARIABLE, SECRET))))
        .hasMessageContaining("tenant_secret = '***' (environment variable " + SECRET_VARIABLE)
        .hasMessageNotContaining(SECRET);
  }

  @DataProvider
  public Object[][] refusedValues() {
    return new Object[][] {
      {"namespace = ''", "1 to 64 characters"},
      {"namespace = '.n'", "1 to 64 characters"},
      {"namespace = 'N'", "1 to 64 characters"},
      {"namespace = 7", "1 to 64 characters"},
      {"revision = \"a\\nb\"", "without control characters"},
      {"dtype = 16", "without control characters"},
      {"kv_layout = true", "without control characters"},
      {"page_size = -1", "from 0 to 1048576"},
      {"page_size = 1048577", "from 0 to 1048576"},
      {"pp_rank = 2\npp_size = 2", "below pp_size, which is 2"},
      {"cp_rank = 1", "below cp_size, which is 1"},
      {"pp_size = 0", "from 1 to"},
      {"cp_size = 0", "from 1 to"},
      {"model = \"a\\nb\"", "without control characters"},
      {"tenant_secret = ''", "1 to 1024 bytes"},
      {"tenant_secret = '  '", "1 to 1024 bytes"},
      {"tenant_secret = \"hunter2\\n\"", "1 to 1024 bytes"},
      {"tenant_secret = 12345678", "1 to 1024 bytes"},
    };
  }

  @Test(dataProvider = "refusedValues")
  public void shouldRefuseABadValueNamingKeyOriginAndWhatIsAllowed(String toml, String allowed) {
    String key = toml.substring(0, toml.indexOf(' '));
    String name = key.equals("namespace") ? "" : "namespace = 'n'\n";
    assertThat(refusedToml("naming = 'namespace'\n" + name + toml))
        .hasMessageStartingWith(key + " = '")
        .hasMessageContaining("(file " + folder.resolve("store.toml") + ", key " + key + ")")
        .hasMessageContaining(allowed)
        .hasMessageNotContaining("hunter2")
        .hasMessageNotContaining("12345678");
  }
}
