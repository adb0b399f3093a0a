// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** docs/configuration.md says of every key what the code does. */
public class ConfigurationDocumentTest extends ConfigFixture {
  private static final Path DOCUMENT = Path.of("..", "..", "docs", "configuration.md");

  @DataProvider
  public Object[][] keys() {
    return Arrays.stream(ConfigKey.values())
        .map(key -> new Object[] {key.key()})
        .toArray(Object[][]::new);
  }

  @Test(dataProvider = "keys")
  public void shouldDocumentEveryKeyWithItsNamesAndDefault(String name) throws IOException {
    ConfigKey key = ConfigKey.of(name);
    List<String> cells = rowOf(name);

    assertThat(cells.get(3)).isEqualTo(key.variable() == null ? "" : "`" + key.variable() + "`");
    String plain =
        key == ConfigKey.STORAGE_DIRS
            ? "none: must be set"
            : key == ConfigKey.TIERS ? "none" : key.defaultValue().toString();
    assertThat(cells.get(4).replace("`", "")).isEqualTo(plain.isEmpty() ? "empty" : plain);
    assertThat(cells.get(5)).isNotEmpty();
    for (String method : cells.get(2).split(",")) {
      String setter = method.strip().replace("`", "");
      assertThat(Arrays.stream(HiCacheConfigBuilder.class.getMethods()).map(one -> one.getName()))
          .contains(setter);
    }
    for (String allowed : key.kind().values()) {
      assertThat(cells.get(4) + cells.get(5)).containsIgnoringCase(allowed);
    }
  }

  @Test
  public void shouldDocumentEveryPluginParameter() throws IOException {
    for (String backend : PluginParameters.backends()) {
      List<String> cells =
          rows().stream()
              .filter(row -> row.size() == 4 && row.get(2).equals("`" + backend + "`"))
              .findFirst()
              .orElseThrow(() -> new AssertionError("no row for " + backend));
      for (String parameter : PluginParameters.names(backend)) {
        assertThat(cells.get(3)).contains("`" + parameter + "`");
      }
    }
  }

  @Test
  public void shouldAcceptItsOwnExamples() throws IOException {
    List<String> examples =
        Pattern.compile("```toml\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(DOCUMENT))
            .results()
            .map(found -> found.group(1))
            .toList();
    assertThat(examples).hasSize(3);
    HiCacheConfig config = fromToml(examples.get(0));
    assertThat(config.queue()).isEqualTo("uring");
    assertThat(config.model()).isEqualTo("meta-llama/Llama-3-8B");
    HiCacheConfig objects = bareFromToml(examples.get(1));
    assertThat(objects.layout()).isEqualTo("objects");
    assertThat(objects.objectPrefix()).isEqualTo("kv/prod/");
    assertThat(objects.pluginParams()).containsEntry("bucket", "kv-pages");
    assertThat(fromToml(examples.get(2)).identity())
        .contains(
            HiCacheIdentity.builder("chat-prod")
                .model("meta-llama/Llama-3-8B")
                .revision("8cde5ca8")
                .dtype("bfloat16")
                .pageSize(64)
                .kvLayout("page_first")
                .tp(0, 2)
                .pp(1, 2)
                .build());
  }

  private static List<String> rowOf(String key) throws IOException {
    return rows().stream()
        .filter(row -> row.size() == 6 && row.get(1).equals("`" + key + "`"))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no row for " + key));
  }

  private static List<List<String>> rows() throws IOException {
    return Files.readAllLines(DOCUMENT).stream()
        .filter(line -> line.startsWith("|"))
        .map(line -> Arrays.stream(line.split("\\|")).map(String::strip).toList())
        .toList();
  }
}
