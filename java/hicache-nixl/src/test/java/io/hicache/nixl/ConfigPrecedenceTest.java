// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import io.hicache.nixl.ConfigOrigin.Layer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

public class ConfigPrecedenceTest extends ConfigFixture {

  /** A key with a different value for each layer, raw and as the configuration shows it. */
  private record Sample(
      ConfigKey key,
      Object built,
      String file,
      String variable,
      String builtText,
      String fileText,
      String variableText) {
    static Sample same(ConfigKey key, Object built, String file, String fileText) {
      return new Sample(key, built, file, null, built.toString(), fileText, null);
    }
  }

  private static final List<Sample> SAMPLES =
      List.of(
          new Sample(
              ConfigKey.STORAGE_DIRS,
              List.of("/one"),
              "['/two', '/three']",
              "/four,,/five",
              "/one",
              "/two, /three",
              "/four, /five"),
          new Sample(
              ConfigKey.TIERS,
              List.of("segments:/one", "Files:/two"),
              "['files:/three', 'obj:bucket']",
              null,
              "segments:/one, files:/two",
              "files:/three, obj:bucket",
              null),
          Sample.same(ConfigKey.TIER_WRITE, "through", "'Back'", "back"),
          Sample.same(ConfigKey.TIER_BACKLOG_BYTES, 1L, "'2 GiB'", "2147483648"),
          Sample.same(ConfigKey.TIER_PROMOTE, false, "'yes'", "true"),
          new Sample(ConfigKey.BACKEND, "posix", "'gds'", "3fs", "POSIX", "GDS", "3FS"),
          new Sample(ConfigKey.USE_DIRECT_IO, "true", "false", "no", "true", "false", "false"),
          Sample.same(ConfigKey.QUEUE, "aio", "'uring'", "uring"),
          Sample.same(ConfigKey.NAMING, "sglang", "'sglang-v0'", "sglang-v0"),
          Sample.same(ConfigKey.LAYOUT, "segments", "'FILES'", "files"),
          Sample.same(ConfigKey.SEGMENT_BYTES, 1048576L, "'1 GiB'", "1073741824"),
          Sample.same(ConfigKey.DURABILITY, "data", "'FULL'", "full"),
          Sample.same(ConfigKey.OBJECT_PREFIX, "a/", "'b/'", "b/"),
          Sample.same(ConfigKey.OBJECT_FORMAT, "raw", "'Sealed'", "sealed"),
          Sample.same(ConfigKey.ALLOW_HTTP, true, "'no'", "false"),
          Sample.same(ConfigKey.RETRY_ATTEMPTS, 1, "10", "10"),
          Sample.same(ConfigKey.BREAKER_FAILURES, 0, "1000", "1000"),
          Sample.same(ConfigKey.BREAKER_PAUSE_MILLIS, 1L, "'60000'", "60000"),
          Sample.same(ConfigKey.MODEL, "m/a", "'m/b'", "m/b"),
          Sample.same(ConfigKey.TP_RANK, 0L, "'0'", "0"),
          Sample.same(ConfigKey.TP_SIZE, 4L, "2", "2"),
          Sample.same(ConfigKey.MLA, true, "'false'", "false"),
          Sample.same(ConfigKey.NAMESPACE, "one", "'two'", "two"),
          Sample.same(ConfigKey.REVISION, "", "'8cde5ca8'", "8cde5ca8"),
          Sample.same(ConfigKey.DTYPE, "bfloat16", "'float8'", "float8"),
          Sample.same(ConfigKey.PAGE_SIZE, 64, "'1'", "1"),
          Sample.same(ConfigKey.KV_LAYOUT, "page_first", "''", ""),
          Sample.same(ConfigKey.PP_RANK, 0, "'0'", "0"),
          Sample.same(ConfigKey.PP_SIZE, 2, "3", "3"),
          Sample.same(ConfigKey.CP_RANK, 0, "'0'", "0"),
          Sample.same(ConfigKey.CP_SIZE, 2, "3", "3"),
          new Sample(
              ConfigKey.TENANT_SECRET, "secret 1", "'secret 2'", "secret 3", "***", "***", "***"),
          Sample.same(ConfigKey.GPU_STAGING, "never", "'ALWAYS'", "always"),
          Sample.same(ConfigKey.CHECKSUM, false, "true", "true"),
          Sample.same(ConfigKey.REMOVE_CORRUPT, false, "true", "true"),
          Sample.same(ConfigKey.CAPACITY_BYTES, 4096L, "'200GiB'", "214748364800"),
          Sample.same(ConfigKey.MIN_FREE_BYTES, 0L, "'1 MiB'", "1048576"),
          Sample.same(ConfigKey.TTL_SECONDS, 60, "3600", "3600"),
          Sample.same(ConfigKey.CLEANER_ENABLED, false, "true", "true"),
          Sample.same(ConfigKey.CLEANER_HIGH, 90.5, "85", "85"),
          Sample.same(ConfigKey.CLEANER_LOW, 10.0, "60.5", "60.5"),
          Sample.same(ConfigKey.CLEANER_CAPACITY, 1.5, "100", "100"),
          Sample.same(ConfigKey.SKIP_EXISTING, false, "true", "true"),
          Sample.same(ConfigKey.LANES, 3, "64", "64"),
          Sample.same(ConfigKey.CHUNK_PAGES, 7, "9", "9"),
          Sample.same(ConfigKey.CHUNK_BYTES, 4096L, "'65536'", "65536"),
          Sample.same(ConfigKey.REQUEST_BYTES, 4096L, "'65536'", "65536"),
          Sample.same(ConfigKey.CHUNKS_IN_FLIGHT, 1, "2", "2"),
          Sample.same(ConfigKey.MAX_IN_FLIGHT_BYTES, 1, "'1099511627776'", "1099511627776"),
          Sample.same(ConfigKey.TIMEOUT_MILLIS, 1, "2", "2"),
          Sample.same(ConfigKey.CLOSE_TIMEOUT_MILLIS, 0, "1", "1"));

  @DataProvider
  public Object[][] everyKeyInEveryCombinationOfLayers() {
    List<Object[]> rows = new ArrayList<>();
    for (Sample sample : SAMPLES) {
      for (int mask = 0; mask < 8; mask++) {
        boolean variable = (mask & 4) != 0;
        if (!variable || sample.variable() != null) {
          rows.add(new Object[] {sample.key().key(), (mask & 1) != 0, (mask & 2) != 0, variable});
        }
      }
    }
    return rows.toArray(Object[][]::new);
  }

  @Test(dataProvider = "everyKeyInEveryCombinationOfLayers")
  public void shouldTakeTheFirstLayerThatHasTheKey(
      String name, boolean inBuilder, boolean inFile, boolean inEnvironment) {
    ConfigKey key = ConfigKey.of(name);
    Sample sample = SAMPLES.stream().filter(one -> one.key() == key).findFirst().orElseThrow();
    Map<String, String> environment = new HashMap<>();
    HiCacheConfigBuilder builder = HiCacheConfig.builder();
    if (inBuilder) {
      builder.put(key, sample.built());
    }
    Path file = write("store.toml", inFile ? name + " = " + sample.file() + "\n" : "\n");
    if (inEnvironment) {
      environment.put(key.variable(), sample.variable());
    }
    boolean nowhere = !inBuilder && !inFile && !inEnvironment;
    if (key == ConfigKey.STORAGE_DIRS && nowhere) {
      assertThat(refusedBy(builder.file(file).environment(environment)))
          .hasMessageContaining("storage_dirs");
      return;
    }
    if (TierRules.OF_TIERS.contains(key) && !nowhere) {
      builder.tiers("files:" + folder.resolve("1"), "files:" + folder.resolve("2"));
    } else if (key != ConfigKey.STORAGE_DIRS && (key != ConfigKey.TIERS || nowhere)) {
      builder.storageDirs(folder);
    }

    if (NamingRules.OF_NAMESPACES.contains(key) && !nowhere) {
      builder.naming("namespace");
      if (key != ConfigKey.NAMESPACE) {
        builder.namespace("any");
      }
    }

    HiCacheConfig config = builder.file(file).environment(environment).build();

    ConfigEntry entry =
        config.entries().stream().filter(one -> one.key().equals(name)).findFirst().orElseThrow();
    if (inBuilder) {
      assertThat(entry)
          .isEqualTo(
              new ConfigEntry(
                  name, sample.builtText(), new ConfigOrigin(Layer.BUILDER, "builder")));
    } else if (inFile) {
      assertThat(entry.value()).isEqualTo(sample.fileText());
      assertThat(entry.origin()).isEqualTo(new ConfigOrigin(Layer.FILE, file + ", key " + name));
    } else if (inEnvironment) {
      assertThat(entry.value()).isEqualTo(sample.variableText());
      assertThat(entry.origin()).isEqualTo(new ConfigOrigin(Layer.ENVIRONMENT, key.variable()));
    } else {
      assertThat(entry.value())
          .isEqualTo(key == ConfigKey.TIERS ? "" : key.defaultValue().toString());
      assertThat(entry.origin().layer()).isEqualTo(Layer.DEFAULT);
    }
    assertThat(config.origins()).containsEntry(name, entry.origin());
  }

  @Test
  public void shouldHaveASampleForEveryKey() {
    assertThat(SAMPLES).extracting(Sample::key).containsExactlyInAnyOrder(ConfigKey.values());
  }

  @Test
  public void shouldMergePluginParametersOneByOne() {
    Path file =
        write(
            "store.toml",
            "[plugin.obj]\nactive = true\nbucket = 'of-file'\nregion = 'eu'\nscheme = 'http'\n");
    HiCacheConfig config =
        bare()
            .environment(Map.of(BUCKET_VARIABLE, "of-env"))
            .file(file)
            .pluginParam("region", "us")
            .build();

    assertThat(config.pluginParams())
        .containsExactlyInAnyOrderEntriesOf(
            Map.of("bucket", "of-file", "region", "us", "scheme", "http"));
    assertThat(config.origins().get("plugin.region").layer()).isEqualTo(Layer.BUILDER);
    assertThat(config.origins().get("plugin.bucket").detail()).endsWith("key plugin.obj.bucket");
  }

  @Test
  public void shouldTakeTheBucketOfTheEnvironmentForObjAlone() {
    Map<String, String> environment = Map.of(BUCKET_VARIABLE, "of-env");
    HiCacheConfig obj = bare().environment(environment).backend("OBJ").build();
    HiCacheConfig posix = plain().environment(environment).backend("POSIX").build();

    assertThat(obj.pluginParams()).containsEntry("bucket", "of-env");
    assertThat(obj.origins())
        .containsEntry("plugin.bucket", new ConfigOrigin(Layer.ENVIRONMENT, BUCKET_VARIABLE));
    assertThat(posix.pluginParams()).isEmpty();
    assertThat(refusedBy(bare().backend("OBJ")))
        .hasMessageContaining("bucket")
        .hasMessageContaining(BUCKET_VARIABLE);
  }

  @Test
  public void shouldTakeWhatTheEnvironmentSaysOfAzure() {
    Map<String, String> environment =
        Map.of("AZURE_STORAGE_CONTAINER_NAME", "of-env", "AZURE_STORAGE_ACCOUNT_URL", "https://a");
    HiCacheConfig config = bare().environment(environment).backend("azure_blob").build();

    assertThat(config.pluginParams())
        .isEqualTo(Map.of("container_name", "of-env", "account_url", "https://a"));
    assertThat(config.origins().get("plugin.account_url"))
        .isEqualTo(new ConfigOrigin(Layer.ENVIRONMENT, "AZURE_STORAGE_ACCOUNT_URL"));
    assertThat(refusedBy(bare().backend("AZURE_BLOB")))
        .hasMessageContaining("container_name")
        .hasMessageContaining("AZURE_STORAGE_CONTAINER_NAME");
    assertThat(refusedBy(bare().backend("AZURE_BLOB").pluginParam("container_name", "c")))
        .hasMessageContaining("connection_string or account_url")
        .hasMessageContaining("AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT_URL");
  }

  @Test
  public void shouldLetAPluginTableWinOverTheEnvironment() {
    HiCacheConfig config =
        plain()
            .environment(Map.of(PLUGIN_VARIABLE, "GDS"))
            .file(write("store.toml", "[plugin.posix]\nactive = true\n"))
            .build();
    assertThat(config.backend()).isEqualTo("POSIX");
  }

  @Test
  public void shouldTreatBlankVariablesAsNotSet() {
    HiCacheConfig config =
        plain()
            .environment(Map.of(DIRS_VARIABLE, " , ,", PLUGIN_VARIABLE, "", DIRECT_VARIABLE, " "))
            .build();
    assertThat(config.backend()).isEqualTo("auto");
    assertThat(config.useDirectIo()).isTrue();
    HiCacheConfigBuilder noDirectory =
        HiCacheConfig.builder().environment(Map.of(DIRS_VARIABLE, " , ,"));
    assertThat(refusedBy(noDirectory)).hasMessageContaining(DIRS_VARIABLE);
  }

  @Test
  public void shouldCallTheBuilderByTheGivenName() {
    HiCacheConfig config = plain().setBy("command line").lanes(2).build();
    assertThat(config.origins().get("lanes")).hasToString("command line");
    assertThat(refusedBy(plain().setBy("command line").lanes(99)))
        .hasMessageContaining("(command line)");
  }

  @Test
  public void shouldKeepLayersAndTheirOrderThroughToBuilder() {
    Path file = write("store.toml", "lanes = 5\nmodel = 'of-file'\n");
    HiCacheConfig first =
        plain().environment(Map.of(DIRECT_VARIABLE, "0")).file(file).model("built").build();
    write("store.toml", "lanes = 6\n");

    HiCacheConfig second = first.toBuilder().chunkPages(3).build();

    assertThat(second.lanes()).isEqualTo(5);
    assertThat(second.model()).isEqualTo("built");
    assertThat(second.chunkPages()).isEqualTo(3);
    assertThat(second.useDirectIo()).isFalse();
    assertThat(second.origins().get("lanes").layer()).isEqualTo(Layer.FILE);
    assertThat(first.toBuilder().build()).isEqualTo(first).hasSameHashCodeAs(first);
    assertThat(second).isNotEqualTo(first);
    assertThat(first.toBuilder().file(file).build().lanes()).isEqualTo(6);
  }
}
