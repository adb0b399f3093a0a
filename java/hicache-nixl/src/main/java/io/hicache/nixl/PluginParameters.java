// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;

/**
 * The parameters that each NIXL plugin takes. NIXL 1.5.1 ignores a name that it does not know
 * without a word, so a misspelt one has to be caught here.
 */
final class PluginParameters {
  static final String AUTO = "auto";
  static final String POSIX = "POSIX";
  static final String OBJ = "OBJ";
  static final String AZURE_BLOB = "AZURE_BLOB";

  /** In place of a backend: every one that there is. */
  static final String ANY = "any";

  /** SGLang's documents spell the parameter so; the plugin's name for it is {@link #SECRET_KEY}. */
  static final String MISSPELT_SECRET_KEY = "secrete_key";

  static final String SECRET_KEY = "secret_key";

  /** What {@code backend} may be; NIXL calls the 3FS plugin HF3FS. */
  static final ValueKind BACKEND =
      ValueKind.named(
          List.of(AUTO, "3FS", POSIX, "GDS_MT", "GDS", OBJ, AZURE_BLOB), Map.of("hf3fs", "3fs"));

  /** The parameters that a plugin takes from the environment where they are not set. */
  private static final Map<String, Map<String, String>> VARIABLES =
      Map.of(
          OBJ,
          Map.of("bucket", "AWS_DEFAULT_BUCKET"),
          AZURE_BLOB,
          new TreeMap<>(
              Map.of(
                  "container_name", "AZURE_STORAGE_CONTAINER_NAME",
                  "connection_string", "AZURE_STORAGE_CONNECTION_STRING",
                  "account_url", "AZURE_STORAGE_ACCOUNT_URL")));

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
    obj.put("bucket", ValueKind.name());
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

    Map<String, ValueKind> azure = plugin(AZURE_BLOB);
    azure.put("container_name", ValueKind.name());
    azure.put("connection_string", ValueKind.name());
    azure.put("account_url", ValueKind.name());
    azure.put("ca_bundle", ValueKind.name());
    azure.put("num_threads", count);
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

  /** Whether pages that a backend moves are objects in a bucket; unknown, and false, for auto. */
  static boolean movesObjects(String backend) {
    return backend.equals(OBJ) || backend.equals(AZURE_BLOB);
  }

  /** Environment variables by the parameters of a backend that they stand for. */
  static Map<String, String> variables(String backend) {
    return VARIABLES.getOrDefault(backend, Map.of());
  }

  /** Whether some backend takes one of its parameters from this environment variable. */
  static boolean isVariable(String variable) {
    return VARIABLES.values().stream().anyMatch(one -> one.containsValue(variable));
  }

  /** The parameters of a backend, of all that auto tries, or of {@link #ANY}. */
  static Set<String> names(String backend) {
    Set<String> names = new LinkedHashSet<>();
    meant(backend).forEach(one -> names.addAll(BY_BACKEND.get(one).keySet()));
    return names;
  }

  /**
   * What a parameter may be of a backend, of any that auto tries, or of {@link #ANY}; null when
   * there is no such parameter.
   */
  static ValueKind kind(String backend, String name) {
    return meant(backend).stream()
        .map(one -> BY_BACKEND.get(one).get(name))
        .filter(Objects::nonNull)
        .findFirst()
        .orElse(null);
  }

  private static Collection<String> meant(String backend) {
    return switch (backend) {
      case ANY -> backends();
      case AUTO -> backends().stream().filter(one -> !one.equals(AZURE_BLOB)).toList();
      default -> List.of(backend);
    };
  }
}
