// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** What backend, layout, directories and bucket are together. */
public class StorageRulesTest extends ConfigFixture {
  private static final String BUCKET = "[plugin.obj]\nactive = true\nbucket = 'b'\n";

  private static HiCacheConfigBuilder obj() {
    return bare().backend("OBJ").pluginParam("bucket", "b");
  }

  private static HiCacheConfigBuilder azure() {
    return bare()
        .backend("AZURE_BLOB")
        .pluginParam("container_name", "c")
        .pluginParam("account_url", "https://a.example.org");
  }

  @Test
  public void shouldLetABackendForObjectsImplyTheLayout() {
    HiCacheConfig config = obj().build();
    assertThat(config.layout()).isEqualTo("objects");
    assertThat(config.storageDirs()).isEmpty();
    assertThat(config.origins().get("layout")).isEqualTo(config.origins().get("backend"));
    assertThat(azure().build().layout()).isEqualTo("objects");
    assertThat(bareFromToml(BUCKET).origins().get("layout").detail()).endsWith("plugin.obj.active");
    assertThat(obj().layout("objects").build()).isEqualTo(config);
    assertThat(config.toBuilder().build()).isEqualTo(config);
  }

  @Test
  public void shouldTakeTheLayoutObjectsWithAutoOrABackendForObjectsOnly() {
    assertThat(bare().layout("objects").build().backend()).isEqualTo("auto");
    for (String backend : List.of("3FS", "POSIX", "GDS_MT", "GDS")) {
      assertThat(refusedBy(bare().layout("objects").backend(backend)))
          .hasMessageContaining("layout = 'objects' (builder)")
          .hasMessageContaining("OBJ or AZURE_BLOB, and backend is " + backend);
    }
    for (String layout : List.of("files", "segments")) {
      assertThat(refusedBy(obj().layout(layout)))
          .hasMessageContaining("layout = '" + layout + "' (builder)")
          .hasMessageContaining("set layout = objects");
    }
  }

  @Test
  public void shouldRefuseADirectoryForObjects() {
    assertThat(refusedBy(obj().storageDirs(folder)))
        .hasMessageContaining("storage_dirs = '[" + folder + "]' (builder)")
        .hasMessageContaining("leave storage_dirs out");
    Path file = write("store.toml", "storage_dirs = ['/a']\n" + BUCKET);
    assertThat(refusedBy(bare().file(file))).hasMessageContaining("key storage_dirs");
  }

  @Test
  public void shouldNotCountADirectoryOfTheEnvironmentForObjects() {
    Map<String, String> environment = Map.of(DIRS_VARIABLE, "/shared/by/other/stores");
    HiCacheConfig config = obj().environment(environment).build();
    assertThat(config.storageDirs()).isEmpty();
    assertThat(config.origins().get("storage_dirs")).isEqualTo(ConfigOrigin.NOTHING_SET);
    assertThat(text(config)).doesNotContain("storage_dir");
  }

  @Test
  public void shouldNeedADirectoryForFilesAndSegments() {
    for (String layout : List.of("files", "segments")) {
      assertThat(refusedBy(bare().layout(layout)))
          .hasMessageContaining("no storage directory")
          .hasMessageContaining(DIRS_VARIABLE);
    }
  }

  @Test
  public void shouldTellTheCoreOfObjectsWhereThereAreSome() {
    HiCacheConfig config =
        obj()
            .objectPrefix("kv/")
            .objectFormat("RAW")
            .allowHttp(true)
            .retryAttempts(2)
            .breakerFailures(7)
            .breakerPauseMillis(11)
            .build();
    assertThat(text(config))
        .contains(
            "layout\0objects\0",
            "object_prefix\0kv/\0",
            "object_format\0raw\0",
            "allow_http\0true\0",
            "retry_attempts\u00002\0",
            "breaker_failures\u00007\0",
            "breaker_pause\u000011\0",
            "plugin.bucket\0b\0");
    assertThat(config.objectPrefix()).isEqualTo("kv/");
    assertThat(config.objectFormat()).isEqualTo("raw");
    assertThat(config.allowHttp()).isTrue();
    assertThat(config.retryAttempts()).isEqualTo(2);
    assertThat(config.breakerFailures()).isEqualTo(7);
    assertThat(config.breakerPauseMillis()).isEqualTo(11);
    assertThat(text(plain().objectPrefix("kv/").build()))
        .doesNotContain("object_", "allow_http", "retry_attempts", "breaker_");
  }

  @Test
  public void shouldHaveTheDocumentedDefaultsOfObjects() {
    HiCacheConfig config = obj().build();
    assertThat(config.objectPrefix()).isEmpty();
    assertThat(config.objectFormat()).isEqualTo("sealed");
    assertThat(config.allowHttp()).isFalse();
    assertThat(config.retryAttempts()).isEqualTo(3);
    assertThat(config.breakerFailures()).isEqualTo(5);
    assertThat(config.breakerPauseMillis()).isEqualTo(5_000);
  }

  @DataProvider
  public Object[][] limits() {
    return new Object[][] {
      {"capacity_bytes = 7"},
      {"min_free_bytes = 7"},
      {"ttl_seconds = 7"},
      {"l3_cleaner_enabled = true"},
      {"l3_cleaner_capacity_gb = 7"},
    };
  }

  @Test(dataProvider = "limits")
  public void shouldWarnThatObjectsAreNotEvicted(String toml) {
    String key = toml.substring(0, toml.indexOf(' '));
    try (CapturedLog log = new CapturedLog()) {
      HiCacheConfig config = bareFromToml(toml + "\n" + BUCKET);
      assertThat(log.lines())
          .singleElement()
          .asString()
          .startsWith("WARN " + key + " = ")
          .contains("key " + key, "has no effect", "rules of the bucket");
      assertThat(config.layout()).isEqualTo("objects");
    }
    try (CapturedLog log = new CapturedLog()) {
      fromToml(toml);
      obj().capacityBytes(0).cleanerEnabled(false).build();
      assertThat(log.lines()).isEmpty();
    }
  }

  @Test
  public void shouldTurnToAnotherBackendWithTheLayoutThatItMoves() {
    HiCacheConfig files =
        plain().environment(Map.of(BUCKET_VARIABLE, "b")).layout("segments").queue("aio").build();

    HiCacheConfig objects = files.forBackend("obj");
    assertThat(objects.layout()).isEqualTo("objects");
    assertThat(objects.storageDirs()).isEmpty();
    assertThat(objects.pluginParams()).isEqualTo(Map.of("bucket", "b"));

    HiCacheConfig back =
        objects.toBuilder().storageDir(folder).backend("POSIX").layout("files").build();
    assertThat(back.layout()).isEqualTo("files");
    assertThat(files.forBackend("GDS").layout()).isEqualTo("segments");
    assertThat(objects.forBackend("OBJ")).isEqualTo(objects);
    assertThat(objects.forBackend("auto").layout()).isEqualTo("objects");
    assertThat(refusedBy(objects.toBuilder().backend("POSIX"))).hasMessageContaining("layout");
  }

  private static String text(HiCacheConfig config) {
    return new String(config.toSettings(), StandardCharsets.UTF_8);
  }
}
