// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

public class ConfigFileTest extends ConfigFixture {

  @Test
  public void shouldReadTheSameFromTomlAndJson() {
    Path toml =
        write(
            "store.toml",
            """
            # both files say the same
            storage_dirs = ["/a", "/b"]
            model = "llama"
            tp_rank = 1
            tp_size = 2
            mla = false
            lanes = 2
            use_direct_io = "false"

            [plugin.posix]
            active = true
            use_uring = "true"
            ios_pool_size = 4096

            [plugin.obj]
            active = false
            bucket = "b"
            """);
    Path json =
        write(
            "store.JSON",
            """
            {
              "storage_dirs": "/a,/b",
              "model": "llama", "tp_rank": "1", "tp_size": 2, "mla": false, "lanes": 2,
              "use_direct_io": false,
              "plugin": {
                "posix": {"active": "true", "use_uring": true, "ios_pool_size": "4096"},
                "obj": {"active": false, "bucket": "b"}
              }
            }
            """);
    HiCacheConfig fromToml = HiCacheConfig.builder().environment(Map.of()).file(toml).build();
    HiCacheConfig fromJson = HiCacheConfig.builder().environment(Map.of()).file(json).build();

    assertThat(fromJson).isEqualTo(fromToml);
    assertThat(fromJson.toSettings()).isEqualTo(fromToml.toSettings());
    assertThat(fromJson).hasToString(fromToml.toString());
    assertThat(fromToml.tpRank()).isEqualTo(1);
  }

  @DataProvider
  public Object[][] malformedFiles() {
    return new Object[][] {
      {"a.toml", "model = 'a'\nlanes = \n", "line 2"},
      {"b.toml", "model = 'a'\n\nlanes = four\n", "line 3"},
      {"c.toml", "lanes = 1\nlanes = 2\n", "Duplicate key"},
      {"d.toml", "[plugin.posix\nactive = true\n", "line 1"},
      {"e.json", "{\n  \"lanes\": 1,\n  \"model\": }\n", "line 3"},
      {"f.json", "{\n  \"lanes\": 1,\n  \"lanes\": 2\n}\n", "line 3"},
      {"g.json", "{\"lanes\": 1} trailing", "line 1"},
      {"h.json", "{\"lanes\": 1", "line 1"},
    };
  }

  @Test(dataProvider = "malformedFiles")
  public void shouldNameTheFileAndTheLineOfASyntaxError(String name, String text, String place) {
    HiCacheException error = refusedBy(plain().file(write(name, text)));
    assertThat(error)
        .hasMessageContaining(folder.resolve(name).toString())
        .hasMessageContaining("is malformed:")
        .hasMessageContaining(place);
  }

  @Test
  public void shouldRefuseTablesNestedWithoutEnd() {
    String nested = "[".repeat(200_000);
    assertThat(refusedToml("lanes = " + nested)).hasMessageContaining("is malformed:");
    assertThat(refusedBy(plain().file(write("a.json", "{\"lanes\": " + nested))))
        .hasMessageContaining("is malformed:");
  }

  @DataProvider
  public Object[][] filesThatAreNoTables() {
    return new Object[][] {
      {"a.json", "[1]", "no table"},
      {"b.json", "null", "no table"},
      {"c.json", "\"text\"", "no table"},
      {"d.json", "{\"lanes\": null}", "lanes has no value"},
      {
        "e.json",
        "{\"plugin\": {\"posix\": {\"use_aio\": null}}}",
        "plugin.posix.use_aio has no value"
      },
      {"f.yaml", "lanes: 1", "must end in .toml or .json"},
      {"g", "lanes = 1", "must end in .toml or .json"},
    };
  }

  @Test(dataProvider = "filesThatAreNoTables")
  public void shouldRefuseOtherFiles(String name, String text, String why) {
    assertThat(refusedBy(plain().file(write(name, text))))
        .hasMessageContaining(folder.resolve(name).toString())
        .hasMessageContaining(why);
  }

  @Test
  public void shouldTakeAnEmptyFileAsNothingSet() {
    assertThat(fromToml("")).isEqualTo(plain().build());
    assertThat(plain().file(write("empty.json", "{}")).build()).isEqualTo(plain().build());
  }

  @Test
  public void shouldSayWhyAFileCannotBeRead() throws IOException {
    assertThat(refusedBy(plain().file(folder.resolve("missing.toml"))))
        .hasMessageContaining("does not exist");
    Path directory = Files.createDirectory(folder.resolve("directory.toml"));
    assertThat(refusedBy(plain().file(directory))).hasMessageContaining("is a directory");
    Path large = Files.write(folder.resolve("large.toml"), new byte[(1 << 20) + 1]);
    assertThat(refusedBy(plain().file(large))).hasMessageContaining("no configuration");
    Path latin =
        Files.write(
            folder.resolve("latin.toml"), "model = 'é'".getBytes(StandardCharsets.ISO_8859_1));
    assertThat(refusedBy(plain().file(latin))).hasMessageContaining("not UTF-8");
  }
}
