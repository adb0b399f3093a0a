// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The parameters that each NIXL plugin takes. NIXL 1.5.1 ignores a name that it does not know
 * without a word, so a misspelt one has to be caught here.
 */
final class PluginParameters {
  static final String AUTO = "auto";
  static final String POSIX = "POSIX";
  static final String OBJ = "OBJ";
  static final String BUCKET = "bucket";

  /** SGLang's documents spell the parameter so; the plugin's name for it is {@link #SECRET_KEY}. */
  static final String MISSPELT_SECRET_KEY = "secrete_key";

  static final String SECRET_KEY = "secret_key";

  /** What {@code backend} may be; NIXL calls the 3FS plugin HF3FS. */
  static final ValueKind BACKEND =
      ValueKind.named(List.of(AUTO, "3FS", POSIX, "GDS_MT", "GDS", OBJ), Map.of("hf3fs", "3fs"));

  private static final Map<String, Map<String, ValueKind>> BY_BACKEND = new LinkedHashMap<>();

  static {
    ValueKind bool = ValueKind.bool();
    ValueKind count = ValueKind.whole(1, Integer.MAX_VALUE);
    ValueKind checksums = ValueKind.oneOf("supported", "required");

    Map<String, ValueKind> posix = plugin(POSIX);
    posix.put("use_aio", bool);
    posix.put("use_uring", bool);
    posix.put("use_posix_aio", bool);
    posix.put("ios_pool_size", ValueKind.whole(64, 65536));
    posix.put("kernel_queue_size", count);

    Map<String, ValueKind> gds = plugin("GDS");
    gds.put("batch_pool_size", count);
    gds.put("batch_limit", count);
    gds.put("max_request_size", ValueKind.whole(1, Long.MAX_VALUE));

    plugin("GDS_MT").put("thread_count", count);

    Map<String, ValueKind> hf3fs = plugin("3FS");
    hf3fs.put("mount_point", ValueKind.name());
    hf3fs.put("mem_config", ValueKind.oneOf("auto", "dram", "dram_zc"));
    hf3fs.put("iopool_size", ValueKind.whole(64, 1 << 20));

    Map<String, ValueKind> obj = plugin(OBJ);
    obj.put(BUCKET, ValueKind.name());
    obj.put("endpoint_override", ValueKind.name());
    obj.put("scheme", ValueKind.oneOf("http", "https"));
    obj.put("region", ValueKind.name());
    obj.put("access_key", ValueKind.name());
    obj.put(SECRET_KEY, ValueKind.name());
    obj.put("session_token", ValueKind.name());
    obj.put("use_virtual_addressing", bool);
    obj.put("req_checksum", checksums);
    obj.put("resp_checksum", checksums);
    obj.put("ca_bundle", ValueKind.name());
    obj.put("num_threads", count);
    obj.put("crtMinLimit", ValueKind.whole(0, Long.MAX_VALUE));
    obj.put("throughput_target_gbps", ValueKind.positiveNumber());
    obj.put("accelerated", bool);
  }

  private PluginParameters() {}

  private static Map<String, ValueKind> plugin(String backend) {
    return BY_BACKEND.computeIfAbsent(backend, name -> new LinkedHashMap<>());
  }

  /** The backends that have parameters: all but auto. */
  static Set<String> backends() {
    return BY_BACKEND.keySet();
  }

  /** The name of a plugin as {@code backend} spells it, or null when there is no such plugin. */
  static String backendOf(String plugin) {
    return BACKEND.parser().apply(plugin) instanceof String backend && !backend.equals(AUTO)
        ? backend
        : null;
  }

  /** The parameters of a backend; those of every backend for auto. */
  static Set<String> names(String backend) {
    if (!backend.equals(AUTO)) {
      return BY_BACKEND.get(backend).keySet();
    }
    Set<String> all = new LinkedHashSet<>();
    BY_BACKEND.values().forEach(parameters -> all.addAll(parameters.keySet()));
    return all;
  }

  /**
   * What a parameter of a backend (of any backend for auto) may be, or null when it has no such
   * parameter.
   */
  static ValueKind kind(String backend, String name) {
    if (!backend.equals(AUTO)) {
      return BY_BACKEND.get(backend).get(name);
    }
    return BY_BACKEND.values().stream()
        .map(parameters -> parameters.get(name))
        .filter(kind -> kind != null)
        .findFirst()
        .orElse(null);
  }
}
