// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

public class HiCacheConfigTest extends ConfigFixture {

  @Test
  public void shouldHaveTheDocumentedDefaults() {
    HiCacheConfig config = plain().build();

    assertThat(config.storageDirs()).containsExactly(folder.resolve("pages"));
    assertThat(config.backend()).isEqualTo("auto");
    assertThat(config.queue()).isEqualTo("default");
    assertThat(config.pluginParams()).isEmpty();
    assertThat(config.layout()).isEqualTo("auto");
    assertThat(config.naming()).isEqualTo("sglang");
    assertThat(config.model()).isEmpty();
    assertThat(config.tpRank()).isZero();
    assertThat(config.tpSize()).isEqualTo(1);
    assertThat(config.mla()).isFalse();
    assertThat(config.useDirectIo()).isTrue();
    assertThat(config.checksum()).isTrue();
    assertThat(config.lanes()).isZero();
    assertThat(config.chunkPages()).isEqualTo(32);
    assertThat(config.chunkBytes()).isZero();
    assertThat(config.requestBytes()).isZero();
    assertThat(config.chunksInFlight()).isZero();
    assertThat(config.maxInFlightBytes()).isEqualTo(1L << 30);
    assertThat(config.completionExecutor()).isNull();
    assertThat(config.timeoutMillis()).isEqualTo(60_000);
    assertThat(config.closeTimeoutMillis()).isEqualTo(5_000);
  }

  @Test
  public void shouldDropEveryLimitButTimeAndFreeSpace() {
    HiCacheConfig config =
        fromToml(
            "l3_cleaner_capacity_gb = 2\nl3_cleaner_high_watermark = 90\n"
                + "l3_cleaner_low_watermark = 50\nttl_seconds = 7\nmin_free_bytes = 8\n");

    HiCacheConfig without = config.withoutLimits();

    assertThat(pairs(without.toSettings()))
        .contains(
            "capacity_bytes=0", "l3_cleaner_enabled=false", "ttl_seconds=7", "min_free_bytes=8")
        .noneMatch(pair -> pair.contains("l3_cleaner_capacity") || pair.contains("watermark"));
    assertThat(pairs(plain().capacityBytes(9).build().withoutLimits().toSettings()))
        .contains("capacity_bytes=0");
    assertThat(without.storageDirs()).isEqualTo(config.storageDirs());
  }

  @Test
  public void shouldWriteTheCoresSettings() {
    HiCacheConfig config =
        plain()
            .storageDirs(Path.of("/a"), Path.of("/b,c"))
            .backend("posix")
            .queue("uring")
            .pluginParam("ios_pool_size", "128")
            .naming("sglang-v0")
            .model("größe/x")
            .tpRank(1)
            .tpSize(2)
            .mla(true)
            .useDirectIo(false)
            .checksum(false)
            .lanes(3)
            .chunkPages(4)
            .chunkBytes(8192)
            .requestBytes(4096)
            .chunksInFlight(5)
            .maxInFlightBytes(8)
            .timeoutMillis(6)
            .closeTimeoutMillis(7)
            .build();

    assertThat(pairs(config.toSettings()))
        .containsExactlyInAnyOrder(
            "storage_dir=/a",
            "storage_dir=/b,c",
            "backend=POSIX",
            "layout=auto",
            "segment_bytes=0",
            "durability=none",
            "remove_corrupt=true",
            "capacity_bytes=0",
            "ttl_seconds=0",
            "naming=sglang-v0",
            "model=größe/x",
            "tp_rank=1",
            "tp_size=2",
            "mla=true",
            "direct_io=false",
            "gpu_staging=auto",
            "checksum=false",
            "lanes=3",
            "chunk_pages=4",
            "chunk_bytes=8192",
            "request_bytes=4096",
            "chunks_in_flight=5",
            "close_timeout=7",
            "plugin.ios_pool_size=128",
            "plugin.use_uring=true");
  }

  @Test
  public void shouldKeepTheCompletionExecutorOutOfTheSettings() {
    Executor executor = Runnable::run;
    HiCacheConfig config =
        plain().storageDirs(Path.of("/a")).completionExecutor(executor).maxInFlightBytes(9).build();
    assertThat(config.completionExecutor()).isSameAs(executor);
    assertThat(config.maxInFlightBytes()).isEqualTo(9);
    assertThat(config.toBuilder().build().completionExecutor()).isSameAs(executor);
    assertThat(config.forBackend("POSIX").completionExecutor()).isSameAs(executor);
    assertThat(config.toBuilder().completionExecutor(null).build()).isEqualTo(config);
    assertThat(pairs(config.toSettings())).noneMatch(pair -> pair.contains("in_flight_bytes"));
  }

  @Test
  public void shouldTakeTheTextFalseAsFalse() {
    for (String no : List.of("false", "False", "FALSE", "0", "no", "n")) {
      assertThat(fromToml("use_direct_io = '" + no + "'").useDirectIo()).as(no).isFalse();
    }
    for (String yes : List.of("true", "True", "1", "YES", "y")) {
      assertThat(fromToml("use_direct_io = '" + yes + "'").useDirectIo()).as(yes).isTrue();
    }
    assertThat(fromToml("use_direct_io = false").useDirectIo()).isFalse();
  }

  @DataProvider
  public Object[][] refusedValues() {
    return new Object[][] {
      {"use_direct_io = 'maybe'", "true or false"},
      {"use_direct_io = 1", "true or false"},
      {"lanes = 65", "from 0 to 64"},
      {"lanes = -1", "from 0 to 64"},
      {"lanes = 1.5", "from 0 to 64"},
      {"lanes = 'many'", "from 0 to 64"},
      {"lanes = true", "from 0 to 64"},
      {"lanes = 99999999999999999999", "from 0 to 64"},
      {"tp_size = 0", "from 1 to"},
      {"tp_rank = 2\ntp_size = 2", "below tp_size, which is 2"},
      {"chunk_pages = 0", "from 1 to 4096"},
      {"chunk_bytes = -1", "from 0"},
      {"chunks_in_flight = 65", "from 0 to 64"},
      {"max_in_flight_bytes = 0", "of at least 1"},
      {"max_in_flight_bytes = '1 GiB'", "of at least 1"},
      {"timeout_millis = 0", "from 1 to"},
      {"close_timeout_millis = -1", "from 0 to"},
      {"naming = 'sgland'", "did you mean 'sglang'?"},
      {"layout = 'object'", "one of auto, files, segments, objects; did you mean"},
      {"object_format = 'plain'", "one of sealed, raw"},
      {"object_prefix = 7", "text without a NUL"},
      {"retry_attempts = 0", "from 1 to 10"},
      {"retry_attempts = 11", "from 1 to 10"},
      {"breaker_failures = 1001", "from 0 to 1000"},
      {"breaker_pause_millis = 0", "from 1 to 60000"},
      {"allow_http = 'maybe'", "true or false"},
      {"queue = 'io_uring'", "one of default, aio, uring, posix_aio; did you mean"},
      {"backend = 'POSXI'", "did you mean 'POSIX'?"},
      {"backend = true", "one of auto"},
      {"model = 5", "text without a NUL"},
      {"model = \"a\\u0000b\"", "text without a NUL"},
    };
  }

  @Test(dataProvider = "refusedValues")
  public void shouldRefuseAValueNamingKeyValueOriginAndWhatIsAllowed(String toml, String allowed) {
    String key = toml.substring(0, toml.indexOf(' '));
    HiCacheException error = refusedToml(toml);
    assertThat(error)
        .hasMessageStartingWith(key + " = '")
        .hasMessageContaining("(file " + folder.resolve("store.toml") + ", key " + key + ")")
        .hasMessageContaining(allowed);
  }

  @DataProvider
  public Object[][] refusedDirectories() {
    return new Object[][] {
      {"storage_dirs = []"},
      {"storage_dirs = ' , '"},
      {"storage_dirs = 7"},
      {"storage_dirs = ['/a', 7]"},
      {"storage_dirs = ['~/pages']"},
      {"storage_dirs = [\"/a\\u0000b\"]"},
    };
  }

  @Test(dataProvider = "refusedDirectories")
  public void shouldRefuseWhatIsNoListOfDirectories(String toml) {
    HiCacheConfigBuilder builder =
        HiCacheConfig.builder().environment(Map.of()).file(write("store.toml", toml));
    assertThat(refusedBy(builder))
        .hasMessageStartingWith("storage_dirs = '")
        .hasMessageContaining("list of directories");
  }

  @Test
  public void shouldCutALongRefusedValue() {
    assertThat(refusedToml("lanes = '" + "x".repeat(100_000) + "'").getMessage())
        .hasSizeLessThan(1_000);
  }

  @Test
  public void shouldRefuseTwoNamesOfOneDirectory() throws IOException {
    Path real = Files.createDirectory(folder.resolve("real"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), real);

    assertThat(refusedBy(plain().storageDirs(real, link))).hasMessageContaining("same directory");
    assertThat(refusedBy(plain().storageDirs(real.resolve("new"), link.resolve("new"))))
        .hasMessageContaining("same directory");
    assertThat(refusedBy(plain().storageDirs(real, real.resolve("x").resolve(".."))))
        .hasMessageContaining("same");
    assertThat(plain().storageDirs(real, folder.resolve("other")).build().storageDirs()).hasSize(2);
  }

  @Test
  public void shouldMakeRelativeDirectoriesAbsolute() {
    HiCacheConfig config = plain().storageDirs(Path.of("relative")).build();
    assertThat(config.storageDirs()).containsExactly(Path.of("relative").toAbsolutePath());
  }

  @Test
  public void shouldRefuseNullsAtOnce() {
    assertThat(
            org.assertj.core.api.Assertions.catchThrowable(
                () -> HiCacheConfig.builder().backend(null)))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("backend");
  }

  private static List<String> pairs(byte[] blob) {
    String[] parts = new String(blob, StandardCharsets.UTF_8).split("\0", -1);
    assertThat(parts.length % 2).as("pairs and a last NUL").isEqualTo(1);
    List<String> pairs = new ArrayList<>();
    for (int i = 0; i + 1 < parts.length; i += 2) {
      pairs.add(parts[i] + "=" + parts[i + 1]);
    }
    return pairs;
  }
}
