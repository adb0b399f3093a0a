// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** Plugin tables and parameters, in the forms that SGLang's configuration files have. */
public class PluginConfigTest extends ConfigFixture {

  private static final String ALL_PLUGINS =
      """
      prefetch_threshold = 256
      prefetch_timeout_base = 1
      prefetch_timeout_per_ki_token = 0.25
      hicache_storage_pass_prefix_keys = false
      tp_lcm_size = 8
      use_direct_io = true

      [plugin.3fs]
      active = %s
      mount_point = "/mnt/3fs"
      mem_config = "dram_zc"
      iopool_size = "64"

      [plugin.posix]
      active = %s
      use_aio = "false"
      use_uring = "true"
      use_posix_aio = "false"
      kernel_queue_size = 512

      [plugin.gds_mt]
      active = %s
      thread_count = "4"

      [plugin.gds]
      active = %s
      batch_pool_size = "128"
      batch_limit = "128"
      max_request_size = "16777216"

      [plugin.obj]
      active = %s
      bucket = "pages"
      num_threads = "4"
      crtMinLimit = 5242880
      throughput_target_gbps = 12.5
      endpoint_override = "http://127.0.0.1:7070"
      use_virtual_addressing = "true"
      req_checksum = "required"
      resp_checksum = "supported"

      [plugin.azure_blob]
      active = %s
      container_name = "pages"
      connection_string = "AccountName=a;AccountKey=b"
      """;

  @DataProvider
  public Object[][] activePlugins() {
    return new Object[][] {
      {0, "3FS", Map.of("mount_point", "/mnt/3fs", "mem_config", "dram_zc", "iopool_size", "64")},
      {
        1,
        "POSIX",
        Map.of(
            "use_aio",
            "false",
            "use_uring",
            "true",
            "use_posix_aio",
            "false",
            "kernel_queue_size",
            "512")
      },
      {2, "GDS_MT", Map.of("thread_count", "4")},
      {
        3,
        "GDS",
        Map.of("batch_pool_size", "128", "batch_limit", "128", "max_request_size", "16777216")
      },
      {
        4,
        "OBJ",
        Map.of(
            "bucket", "pages",
            "num_threads", "4",
            "crtMinLimit", "5242880",
            "throughput_target_gbps", "12.5",
            "endpoint_override", "http://127.0.0.1:7070",
            "use_virtual_addressing", "true",
            "req_checksum", "required",
            "resp_checksum", "supported")
      },
      {
        5,
        "AZURE_BLOB",
        Map.of("container_name", "pages", "connection_string", "AccountName=a;AccountKey=b")
      },
    };
  }

  @Test(dataProvider = "activePlugins")
  public void shouldTakeTheActivePluginAndItsParametersWithoutActiveItself(
      int active, String backend, Map<String, String> parameters) {
    Object[] flags = {"false", "\"false\"", "\"False\"", "false", "false", "false"};
    flags[active] = active % 2 == 0 ? "true" : "\"True\"";
    String text = ALL_PLUGINS.formatted(flags);
    boolean objects = active > 3;
    HiCacheConfig config = objects ? bareFromToml(text) : fromToml(text);

    assertThat(config.backend()).isEqualTo(backend);
    assertThat(config.layout()).isEqualTo(objects ? "objects" : "auto");
    assertThat(config.pluginParams()).containsExactlyInAnyOrderEntriesOf(parameters);
    assertThat(config.queue()).isEqualTo(backend.equals("POSIX") ? "uring" : "default");
    assertThat(config.origins().get("backend").detail()).endsWith(".active");
  }

  @Test
  public void shouldTakeTheFirstOfTwoActivePluginsAndWarn() {
    try (CapturedLog log = new CapturedLog()) {
      HiCacheConfig config =
          fromToml(ALL_PLUGINS.formatted("false", "true", "false", "true", "false", "false"));
      assertThat(config.backend()).isEqualTo("POSIX");
      assertThat(log.lines())
          .singleElement()
          .asString()
          .startsWith("WARN ")
          .contains("plugin.gds is active as well");
    }
  }

  @Test
  public void shouldRefuseTablesWithoutAnActiveOne() {
    HiCacheException error =
        refusedToml("[plugin.posix]\nuse_aio = true\n[plugin.gds]\nactive = false\n");
    assertThat(error).hasMessageContaining("active = true in one of plugin.posix, plugin.gds");
  }

  @Test
  public void shouldTakeTheTableOfTheBackendThatTheBuilderNames() {
    String text = ALL_PLUGINS.formatted("false", "true", "false", "false", "false", "false");
    HiCacheConfig config = plain().backend("GDS_MT").file(write("store.toml", text)).build();
    assertThat(config.backend()).isEqualTo("GDS_MT");
    assertThat(config.pluginParams()).containsExactly(Map.entry("thread_count", "4"));
  }

  @Test
  public void shouldAcceptTheFlatForm() {
    HiCacheConfig posix = fromToml("backend = 'POSIX'\nuse_uring = 'True'\nios_pool_size = '1024'");
    assertThat(posix.pluginParams())
        .isEqualTo(Map.of("use_uring", "true", "ios_pool_size", "1024"));
    assertThat(fromToml("thread_count = 2").pluginParams()).isEqualTo(Map.of("thread_count", "2"));
  }

  @DataProvider
  public Object[][] refusedFiles() {
    return new Object[][] {
      {
        "[plugin.posix]\nactive = true\nuse_urnig = true",
        "use_urnig is no parameter of POSIX; did you mean 'use_uring'?"
      },
      {"[plugin.posix]\nactive = true\nthread_count = 1", "thread_count is no parameter of POSIX"},
      {
        "[plugin.posxi]\nactive = true",
        "plugin.posxi is no plugin of this version (posix, gds, gds_mt, 3fs, obj, azure_blob); did you mean 'posix'?"
      },
      {"[plugin.auto]\nactive = true", "plugin.auto is no plugin"},
      {
        "[plugin.posix]\nactive = true\nuse_direct_io = false",
        "move use_direct_io to the top of the file"
      },
      {
        "[plugin.posix]\nactive = 'perhaps'",
        "plugin.posix.active = 'perhaps': must be true or false"
      },
      {
        "[plugin.3fs]\nactive = true\n[plugin.hf3fs]\nactive = false",
        "plugin.hf3fs and plugin.3fs are the same plugin"
      },
      {"plugin = 'posix'", "must be a table"},
      {"[plugin]\nposix = true", "plugin.posix must be a table"},
      {"use_aio = true\n[plugin.posix]\nactive = true", "use_aio belongs to a plugin"},
      {"backend = 'GDS'\n[plugin.posix]\nactive = true", "contradicts the active plugin POSIX"},
      {"backend = 'GDS'\nuse_uring = true", "use_uring (file "},
      {"lnaes = 3", "lnaes is an unknown key; did you mean 'lanes'?"},
      {"storage_dir = '/a'", "storage_dir is an unknown key; did you mean 'storage_dirs'?"},
      {"completely_else = 3", "completely_else is an unknown key"},
      {"queue = 'aio'\n[plugin.posix]\nactive = true\nuse_uring = true", "both choose the queue"},
      {"use_aio = true\nuse_uring = true", "more than one queue"},
      {"queue = 'uring'\nbackend = 'GDS'", "only POSIX has queues, and backend is GDS"},
      {"[plugin.posix]\nactive = true\nuse_aio = 'perhaps'", "plugin.use_aio = 'perhaps'"},
      {"[plugin.posix]\nactive = true\nios_pool_size = 63", "from 64 to 65536"},
      {"[plugin.3fs]\nactive = true\nmem_config = 'dram_zz'", "did you mean 'dram_zc'?"},
      {"[plugin.obj]\nactive = true\nbucket = ' '", "plugin.bucket = ' '"},
      {"connection_string = 'c'", "is not known to any backend that auto tries"},
      {"backend = 'AZURE_BLOB'\nbucket = 'b'", "backend AZURE_BLOB"},
      {"[plugin.obj]\nactive = true\nbucket = 'b'\nthroughput_target_gbps = 0", "greater than 0"},
    };
  }

  @Test(dataProvider = "refusedFiles")
  public void shouldRefuseWithTheFileTheKeyAndAdvice(String toml, String advice) {
    assertThat(refusedToml(toml))
        .hasMessageContaining(folder.resolve("store.toml").toString())
        .hasMessageContaining(advice);
  }

  @Test
  public void shouldRefuseUnknownParametersOfTheBuilder() {
    assertThat(refusedBy(plain().pluginParam("use_urin", "true")))
        .hasMessageContaining("did you mean 'use_uring'?");
    assertThat(refusedBy(plain().backend("GDS").pluginParam("use_uring", "true")))
        .hasMessageContaining("backend GDS");
  }

  @Test
  public void shouldMapEachQueueToItsParameter() {
    assertThat(plain().queue("aio").build().pluginParams()).isEqualTo(Map.of("use_aio", "true"));
    assertThat(plain().queue("URING").build().pluginParams())
        .isEqualTo(Map.of("use_uring", "true"));
    assertThat(plain().queue("posix_aio").build().pluginParams())
        .isEqualTo(Map.of("use_posix_aio", "true"));
    assertThat(plain().queue("default").build().pluginParams()).isEmpty();
    assertThat(plain().pluginParam("use_aio", "true").build().queue()).isEqualTo("aio");
  }

  @Test
  public void shouldLetTheBuildersQueueReplaceTheFiles() {
    HiCacheConfigBuilder uring =
        plain().file(write("store.toml", "[plugin.posix]\nactive=true\nuse_uring=true\n"));
    assertThat(uring.queue("aio").build().pluginParams()).isEqualTo(Map.of("use_aio", "true"));
    assertThat(uring.queue("default").build().pluginParams()).isEmpty();

    HiCacheConfig parameter =
        plain()
            .file(write("key.toml", "queue = 'uring'\n"))
            .pluginParam("use_posix_aio", "true")
            .build();
    assertThat(parameter.queue()).isEqualTo("posix_aio");
    assertThat(parameter.pluginParams()).isEqualTo(Map.of("use_posix_aio", "true"));

    HiCacheConfig off =
        plain()
            .file(write("key.toml", "queue = 'uring'\n"))
            .pluginParam("use_aio", "false")
            .build();
    assertThat(off.queue()).isEqualTo("default");
    assertThat(refusedBy(plain().queue("aio").pluginParam("use_uring", "true")))
        .hasMessageContaining("more than one queue");
    assertThat(refusedBy(plain().queue("default").pluginParam("use_uring", "true")))
        .hasMessageContaining("more than one");
  }

  @Test
  public void shouldReplaceAllParametersAtOnce() {
    HiCacheConfig config =
        plain()
            .file(write("store.toml", "backend = 'POSIX'\nuse_uring = true\nios_pool_size = 64\n"))
            .pluginParams(Map.of("kernel_queue_size", "8"))
            .build();
    assertThat(config.pluginParams()).isEqualTo(Map.of("kernel_queue_size", "8"));
  }

  @Test
  public void shouldKeepForAnotherBackendOnlyWhatItHas() {
    HiCacheConfig config =
        fromToml("backend = 'POSIX'\nuse_uring = true\nkernel_queue_size = 8\nlanes = 2\n");

    assertThat(config.forBackend("gds").pluginParams()).isEmpty();
    assertThat(config.forBackend("gds").queue()).isEqualTo("default");
    assertThat(config.forBackend("gds").lanes()).isEqualTo(2);
    assertThat(config.forBackend("auto").pluginParams()).isEqualTo(config.pluginParams());
    assertThat(config.forBackend("POSIX")).isEqualTo(config);
  }

  @Test
  public void shouldAcceptHf3fsAsAnotherNameOf3fs() {
    assertThat(plain().backend("HF3FS").build().backend()).isEqualTo("3FS");
    assertThat(fromToml("[plugin.HF3FS]\nactive = true\nmount_point = '/3fs'\n").backend())
        .isEqualTo("3FS");
  }

  @Test(description = "the peer's test_nixl_config_parses_l3_cleaner_options")
  public void shouldHandSglangsCleanerKeysToTheCoreOnlyWhenTheyAreGiven() {
    String given =
        new String(
            fromToml(
                    "l3_cleaner_enabled = true\nl3_cleaner_high_watermark = 85.5\n"
                        + "l3_cleaner_low_watermark = 70\n")
                .toSettings(),
            StandardCharsets.UTF_8);
    assertThat(given)
        .contains("l3_cleaner_enabled\0true\0")
        .contains("l3_cleaner_high_watermark\u000085.5\0")
        .contains("l3_cleaner_low_watermark\u000070\0")
        .doesNotContain("l3_cleaner_capacity_gb");
    assertThat(new String(fromToml("model = 'm'\n").toSettings(), StandardCharsets.UTF_8))
        .contains("capacity_bytes\u00000\0")
        .doesNotContain("l3_cleaner")
        .doesNotContain("min_free_bytes");
  }

  @Test(description = "the peer's test_nixl_config_rejects_non_boolean_l3_cleaner_enabled")
  public void shouldRefuseACleanerSwitchThatIsNoTruthValue() {
    assertThat(refusedToml("l3_cleaner_enabled = 'false'\n"))
        .hasMessageContaining("true or false, not as text");
  }
}
