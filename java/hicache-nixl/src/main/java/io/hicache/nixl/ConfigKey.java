// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Arrays;
import java.util.List;

/**
 * Every configuration key: its names in a file, in the environment and in the core, its default,
 * its allowed values.
 */
enum ConfigKey {
  STORAGE_DIRS(
      "storage_dirs",
      "SGLANG_HICACHE_NIXL_BACKEND_STORAGE_DIR",
      "storage_dir",
      ValueKind.directories(),
      List.of()),
  /** Opened as two stores, see {@link TieredStore}: the core knows nothing of tiers. */
  TIERS("tiers", null, null, ValueKind.tiers(), List.of()),
  TIER_WRITE("tier_write", null, null, ValueKind.oneOf("back", "through"), "back"),
  TIER_BACKLOG_BYTES("tier_backlog_bytes", null, null, ValueKind.bytes(), 1L << 30),
  TIER_PROMOTE("tier_promote", null, null, ValueKind.bool(), true),
  BACKEND(
      "backend",
      "SGLANG_HICACHE_NIXL_BACKEND_PLUGIN",
      "backend",
      PluginParameters.BACKEND,
      PluginParameters.AUTO),
  /** Handed to the core as a parameter of the POSIX plugin, never under its own name. */
  QUEUE(
      "queue",
      null,
      null,
      ValueKind.oneOf("default", "aio", "uring", "posix_aio"),
      Queue.DEFAULT.word()),
  /** Unless set, the backend may decide, see {@link StorageRules}. */
  LAYOUT("layout", null, "layout", ValueKind.oneOf("auto", "files", "segments", "objects"), "auto"),
  SEGMENT_BYTES("segment_bytes", null, "segment_bytes", ValueKind.bytes(), 0L),
  DURABILITY("durability", null, "durability", ValueKind.oneOf("none", "data", "full"), "none"),
  OBJECT_PREFIX("object_prefix", null, "object_prefix", ValueKind.text(), ""),
  OBJECT_FORMAT("object_format", null, "object_format", ValueKind.oneOf("sealed", "raw"), "sealed"),
  ALLOW_HTTP("allow_http", null, "allow_http", ValueKind.bool(), false),
  RETRY_ATTEMPTS("retry_attempts", null, "retry_attempts", ValueKind.whole(1, 10), 3L),
  BREAKER_FAILURES("breaker_failures", null, "breaker_failures", ValueKind.whole(0, 1000), 5L),
  BREAKER_PAUSE_MILLIS(
      "breaker_pause_millis", null, "breaker_pause", ValueKind.whole(1, 60_000), 5_000L),
  NAMING("naming", null, "naming", ValueKind.oneOf("sglang", "sglang-v0", "namespace"), "sglang"),
  MODEL("model", null, "model", ValueKind.text(), ""),
  TP_RANK("tp_rank", null, "tp_rank", ValueKind.whole(0, Integer.MAX_VALUE), 0L),
  TP_SIZE("tp_size", null, "tp_size", ValueKind.whole(1, Integer.MAX_VALUE), 1L),
  MLA("mla", null, "mla", ValueKind.bool(), false),
  /** This and the following are digested, see {@link HiCacheIdentity}; the core sees the digest. */
  NAMESPACE("namespace", null, null, ValueKind.namespace(), ""),
  REVISION("revision", null, null, ValueKind.label(), ""),
  DTYPE("dtype", null, null, ValueKind.label(), ""),
  PAGE_SIZE("page_size", null, null, ValueKind.whole(0, PageKeys.PAGE_SIZE_MAX), 0L),
  KV_LAYOUT("kv_layout", null, null, ValueKind.label(), ""),
  PP_RANK("pp_rank", null, null, ValueKind.whole(0, Integer.MAX_VALUE), 0L),
  PP_SIZE("pp_size", null, null, ValueKind.whole(1, Integer.MAX_VALUE), 1L),
  CP_RANK("cp_rank", null, null, ValueKind.whole(0, Integer.MAX_VALUE), 0L),
  CP_SIZE("cp_size", null, null, ValueKind.whole(1, Integer.MAX_VALUE), 1L),
  TENANT_SECRET("tenant_secret", "HICACHE_TENANT_SECRET", null, ValueKind.secret(), ""),
  USE_DIRECT_IO(
      "use_direct_io", "SGLANG_HICACHE_NIXL_USE_DIRECT_IO", "direct_io", ValueKind.bool(), true),
  GPU_STAGING(
      "gpu_staging", null, "gpu_staging", ValueKind.oneOf("auto", "always", "never"), "auto"),
  CHECKSUM("checksum", null, "checksum", ValueKind.bool(), true),
  /** Given to each batch, so the core has no setting for it. */
  SKIP_EXISTING("skip_existing", null, null, ValueKind.bool(), true),
  REMOVE_CORRUPT("remove_corrupt", null, "remove_corrupt", ValueKind.bool(), true),
  CAPACITY_BYTES("capacity_bytes", null, "capacity_bytes", ValueKind.bytes(), 0L),
  /** Empty until set: the core knows the file system. */
  MIN_FREE_BYTES("min_free_bytes", null, "min_free_bytes", ValueKind.bytes(), ""),
  TTL_SECONDS("ttl_seconds", null, "ttl_seconds", ValueKind.whole(0, Integer.MAX_VALUE), 0L),
  /** Empty until set, as the other keys of SGLang's cleaner: each that is set switches it on. */
  CLEANER_ENABLED("l3_cleaner_enabled", null, "l3_cleaner_enabled", ValueKind.realBool(), ""),
  CLEANER_HIGH(
      "l3_cleaner_high_watermark", null, "l3_cleaner_high_watermark", ValueKind.percent(), ""),
  CLEANER_LOW(
      "l3_cleaner_low_watermark", null, "l3_cleaner_low_watermark", ValueKind.percent(), ""),
  CLEANER_CAPACITY(
      "l3_cleaner_capacity_gb", null, "l3_cleaner_capacity_gb", ValueKind.positiveNumber(), ""),
  LANES("lanes", null, "lanes", ValueKind.whole(0, 64), 0L),
  CHUNK_PAGES("chunk_pages", null, "chunk_pages", ValueKind.whole(1, 4096), 32L),
  CHUNK_BYTES("chunk_bytes", null, "chunk_bytes", ValueKind.whole(0, 1L << 40), 0L),
  REQUEST_BYTES("request_bytes", null, "request_bytes", ValueKind.whole(0, 1L << 40), 0L),
  CHUNKS_IN_FLIGHT("chunks_in_flight", null, "chunks_in_flight", ValueKind.whole(0, 64), 0L),
  /** Bounded before the core is called. */
  MAX_IN_FLIGHT_BYTES(
      "max_in_flight_bytes", null, null, ValueKind.whole(1, Long.MAX_VALUE), 1L << 30),
  /** Given to each batch, so the core has no setting for it. */
  TIMEOUT_MILLIS("timeout_millis", null, null, ValueKind.whole(1, Integer.MAX_VALUE), 60_000L),
  CLOSE_TIMEOUT_MILLIS(
      "close_timeout_millis", null, "close_timeout", ValueKind.whole(0, Integer.MAX_VALUE), 5_000L);

  private final String key;
  private final String variable;
  private final String setting;
  private final ValueKind kind;
  private final Object defaultValue;

  ConfigKey(String key, String variable, String setting, ValueKind kind, Object defaultValue) {
    this.key = key;
    this.variable = variable;
    this.setting = setting;
    this.kind = kind;
    this.defaultValue = defaultValue;
  }

  /** The name in a configuration file and in errors. */
  String key() {
    return key;
  }

  /** The environment variable, or null when there is none. */
  String variable() {
    return variable;
  }

  /** The name of the core's setting, or null when the core has none. */
  String setting() {
    return setting;
  }

  /** True for the value of a key that nobody has set, where the core is not to be told one. */
  boolean isUnset(Object value) {
    return this != MODEL && "".equals(value);
  }

  ValueKind kind() {
    return kind;
  }

  /** The effective value when nothing is set. */
  Object defaultValue() {
    return defaultValue;
  }

  /** The key of this name, or null. */
  static ConfigKey of(String name) {
    return Arrays.stream(values()).filter(key -> key.key.equals(name)).findFirst().orElse(null);
  }
}
