// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import io.hicache.nixl.ConfigResolver.Layers;
import io.hicache.nixl.ConfigResolver.Resolved;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.stream.Collectors;

/**
 * The checked configuration of a store.
 *
 * <p>A value is taken from the first of these that has it:
 *
 * <ol>
 *   <li>the builder;
 *   <li>the configuration file, TOML or JSON, see {@link HiCacheConfigBuilder#file(Path)};
 *   <li>the environment, see {@link HiCacheConfigBuilder#environment(Map)};
 *   <li>the default.
 * </ol>
 *
 * <p>A plugin's parameters are merged one by one in the same order. {@link #origins()} tells which
 * layer won. {@code docs/configuration.md} lists every key. Secrets print as {@code ***} in every
 * text made here.
 *
 * <p>Threads: immutable, safe from any thread.
 */
public final class HiCacheConfig {
  private final Layers layers;
  private final Map<ConfigKey, Resolved> values;
  private final Map<String, Resolved> parameters;
  private final HiCacheIdentity identity;

  HiCacheConfig(Layers layers) {
    ConfigResolver resolver = new ConfigResolver(layers);
    this.layers = layers;
    this.values = Collections.unmodifiableMap(resolver.values());
    this.parameters = Collections.unmodifiableMap(resolver.parameters());
    this.identity = naming().equals(NamingRules.NAMESPACE) ? identityOfValues() : null;
  }

  /** {@return a builder with nothing set, which reads the environment of this process} */
  public static HiCacheConfigBuilder builder() {
    return new HiCacheConfigBuilder();
  }

  /**
   * {@return a builder with the layers of this configuration; the file is not read again unless it
   * is set again}
   */
  public HiCacheConfigBuilder toBuilder() {
    return new HiCacheConfigBuilder(layers);
  }

  /**
   * The same configuration for another backend: without the plugin parameters, and without the
   * queue, that the other backend does not have. One that moves objects has the layout objects and
   * no directories, and another one has not that layout.
   *
   * @param backend as {@link HiCacheConfigBuilder#backend}
   * @return a new configuration
   * @throws HiCacheException INVALID_ARGUMENT when there is no such backend, or it needs a
   *     parameter that is not set
   */
  public HiCacheConfig forBackend(String backend) {
    String meant =
        PluginParameters.BACKEND.parser().apply(backend) instanceof String known ? known : null;
    Map<String, String> kept = new LinkedHashMap<>();
    boolean queues = false;
    if (meant != null) {
      kept.putAll(pluginParams());
      kept.keySet()
          .removeIf(name -> Queue.isParameter(name) || PluginParameters.kind(meant, name) == null);
      queues = meant.equals(PluginParameters.POSIX) || meant.equals(PluginParameters.AUTO);
    }
    HiCacheConfigBuilder other =
        toBuilder()
            .backend(backend)
            .layout(StorageRules.layoutFor(backend, layout()))
            .pluginParams(kept)
            .queue(queues ? queue() : Queue.DEFAULT.word());
    if (meant != null && PluginParameters.movesObjects(meant)) {
      other.unset(ConfigKey.STORAGE_DIRS);
    }
    return other.build();
  }

  /**
   * The same configuration without a capacity and without eviction, for who looks after pages and
   * must lose none: {@code capacity_bytes} and the keys of SGLang's cleaner do not count. A time to
   * live stays, and pages past it are misses; {@code min_free_bytes} stays.
   *
   * @return a new configuration
   */
  public HiCacheConfig withoutLimits() {
    return toBuilder()
        .unset(ConfigKey.CAPACITY_BYTES)
        .unset(ConfigKey.CLEANER_CAPACITY)
        .unset(ConfigKey.CLEANER_HIGH)
        .unset(ConfigKey.CLEANER_LOW)
        .cleanerEnabled(false)
        .build();
  }

  /**
   * The two tiers, see {@link HiCacheConfigBuilder#tiers(List)}.
   *
   * @return {@code KIND:PLACE} each, the local one first; empty for a store without tiers
   */
  public List<String> tiers() {
    List<?> places = (List<?>) value(ConfigKey.TIERS);
    return places.stream().map(Object::toString).toList();
  }

  /**
   * The configuration of one of {@link #tiers()} as a store by itself: with the plugin parameters
   * that its backend knows; limits are those of the local tier alone.
   *
   * @param index 0: the local one, 1: the lower one
   * @return a configuration without tiers
   */
  public HiCacheConfig tier(int index) {
    return TierRules.configOf(
        this, (TierPlace) ((List<?>) value(ConfigKey.TIERS)).get(index), index);
  }

  /** {@return when the lower tier gets what is set: {@code back} or {@code through}} */
  public String tierWrite() {
    return (String) value(ConfigKey.TIER_WRITE);
  }

  /** {@return most bytes of pages that wait to be written to the lower tier} */
  public long tierBacklogBytes() {
    return (Long) value(ConfigKey.TIER_BACKLOG_BYTES);
  }

  /** {@return whether pages that a get found in the lower tier are copied into the local one} */
  public boolean tierPromote() {
    return (Boolean) value(ConfigKey.TIER_PROMOTE);
  }

  /**
   * {@return base directories of the pages, absolute, in the order given, all different; at least
   * one, but none for {@code layout = objects}; with tiers those of the local one}
   */
  public List<Path> storageDirs() {
    List<?> paths = (List<?>) value(ConfigKey.STORAGE_DIRS);
    return paths.stream().map(Path.class::cast).toList();
  }

  /**
   * {@return {@code auto}, {@code 3FS}, {@code POSIX}, {@code GDS_MT}, {@code GDS}, {@code OBJ} or
   * {@code AZURE_BLOB}}
   */
  public String backend() {
    return (String) value(ConfigKey.BACKEND);
  }

  /** {@return {@code default}, {@code aio}, {@code uring} or {@code posix_aio}} */
  public String queue() {
    return (String) value(ConfigKey.QUEUE);
  }

  /**
   * Parameters for the NIXL plugin by name, the chosen queue among them. The values are the real
   * ones, secrets included; only the map's {@code toString()} hides them.
   *
   * @return a read-only map
   */
  public Map<String, String> pluginParams() {
    return new HidingMap(ConfigResolver.texts(parameters));
  }

  /**
   * {@return {@code files} (one file a page), {@code segments} (pages in large files), {@code
   * objects} (one object a page), or {@code auto}: {@link HiCacheNixl#describe()} tells what became
   * of it}
   */
  public String layout() {
    return (String) value(ConfigKey.LAYOUT);
  }

  /** {@return size of a segment where a directory gets its first one; 0: by the capacity} */
  public long segmentBytes() {
    return (Long) value(ConfigKey.SEGMENT_BYTES);
  }

  /**
   * {@return what of the segments survives the machine: {@code none}, {@code data}, {@code full}}
   */
  public String durability() {
    return (String) value(ConfigKey.DURABILITY);
  }

  /** {@return what the name of every object begins with; may be empty} */
  public String objectPrefix() {
    return (String) value(ConfigKey.OBJECT_PREFIX);
  }

  /** {@return {@code sealed} (a header before the page) or {@code raw} (SGLang's very bytes)} */
  public String objectFormat() {
    return (String) value(ConfigKey.OBJECT_FORMAT);
  }

  /** {@return whether http to another machine is allowed} */
  public boolean allowHttp() {
    return (Boolean) value(ConfigKey.ALLOW_HTTP);
  }

  /** {@return how often a request for an object is made before it fails} */
  public int retryAttempts() {
    return number(ConfigKey.RETRY_ATTEMPTS);
  }

  /** {@return failures in a row that open the circuit breaker; 0: it stays closed} */
  public int breakerFailures() {
    return number(ConfigKey.BREAKER_FAILURES);
  }

  /** {@return milliseconds that the circuit breaker stays open} */
  public long breakerPauseMillis() {
    return (Long) value(ConfigKey.BREAKER_PAUSE_MILLIS);
  }

  /**
   * {@return {@code sglang} (bucket directories), {@code sglang-v0} (flat), or {@code namespace},
   * see {@link #identity()}}
   */
  public String naming() {
    return (String) value(ConfigKey.NAMING);
  }

  /** {@return name of the model, part of every page's name; empty when none is set} */
  public String model() {
    return (String) value(ConfigKey.MODEL);
  }

  /**
   * {@return tensor-parallel rank, 0 to {@link #tpSize()} - 1; part of every page's name unless
   * {@link #mla()}}
   */
  public int tpRank() {
    return number(ConfigKey.TP_RANK);
  }

  /** {@return number of tensor-parallel ranks, at least 1} */
  public int tpSize() {
    return number(ConfigKey.TP_SIZE);
  }

  /**
   * {@return whether the model's pages are the same on every rank (multi-head latent attention), so
   * that names carry no rank}
   */
  public boolean mla() {
    return (Boolean) value(ConfigKey.MLA);
  }

  /**
   * Whose pages the store holds, made of {@code namespace}, {@code model} and the other keys of an
   * identity.
   *
   * @return empty unless {@link #naming()} is {@code namespace}
   */
  public Optional<HiCacheIdentity> identity() {
    return Optional.ofNullable(identity);
  }

  /** {@return whether O_DIRECT is used in directories that take it} */
  public boolean useDirectIo() {
    return (Boolean) value(ConfigKey.USE_DIRECT_IO);
  }

  /**
   * {@return what becomes of pages on CUDA devices: {@code auto} (they pass through host memory
   * where the backend moves no other), {@code always} or {@code never}}
   */
  public String gpuStaging() {
    return (String) value(ConfigKey.GPU_STAGING);
  }

  /** {@return whether a get verifies the page's checksum} */
  public boolean checksum() {
    return (Boolean) value(ConfigKey.CHECKSUM);
  }

  /** {@return worker threads with an agent each; 0: chosen by the machine} */
  public int lanes() {
    return number(ConfigKey.LANES);
  }

  /** {@return most pages that one transfer request carries} */
  public int chunkPages() {
    return number(ConfigKey.CHUNK_PAGES);
  }

  /**
   * {@return most bytes that one transfer request carries, unless a single page is larger; 0: by
   * the directories}
   */
  public long chunkBytes() {
    return (Long) value(ConfigKey.CHUNK_BYTES);
  }

  /**
   * {@return most bytes that one transfer request carries, unless a single page is larger; 0: by
   * the directories}
   */
  public long requestBytes() {
    return (Long) value(ConfigKey.REQUEST_BYTES);
  }

  /** {@return transfer requests that one lane keeps posted; 0: by the directories} */
  public int chunksInFlight() {
    return number(ConfigKey.CHUNKS_IN_FLIGHT);
  }

  /** {@return most bytes of pages in all base directories together; 0: no limit} */
  public long capacityBytes() {
    return (Long) value(ConfigKey.CAPACITY_BYTES);
  }

  /** {@return seconds after which a page that was written is a miss; 0: pages live on} */
  public long ttlSeconds() {
    return (Long) value(ConfigKey.TTL_SECONDS);
  }

  /** {@return whether a get removes a page that it finds damaged} */
  public boolean removeCorrupt() {
    return (Boolean) value(ConfigKey.REMOVE_CORRUPT);
  }

  /** {@return whether pages of a registered pool are left alone that are stored already} */
  public boolean skipExisting() {
    return (Boolean) value(ConfigKey.SKIP_EXISTING);
  }

  /**
   * {@return most bytes of sets and gets in flight; a call that finds no room waits for it, and a
   * larger batch goes alone}
   */
  public long maxInFlightBytes() {
    return (Long) value(ConfigKey.MAX_IN_FLIGHT_BYTES);
  }

  /**
   * {@return where futures complete; null: on threads of the store's own}
   *
   * @see HiCacheConfigBuilder#completionExecutor(Executor)
   */
  public Executor completionExecutor() {
    return layers.completionExecutor();
  }

  /** {@return milliseconds after which a call that names no deadline times out} */
  public long timeoutMillis() {
    return (Long) value(ConfigKey.TIMEOUT_MILLIS);
  }

  /** {@return milliseconds that closing a store waits for transfers in flight} */
  public long closeTimeoutMillis() {
    return (Long) value(ConfigKey.CLOSE_TIMEOUT_MILLIS);
  }

  /**
   * {@return every effective value with its origin, keys first, then the plugin's parameters as
   * {@code plugin.NAME}; no secret}
   */
  public List<ConfigEntry> entries() {
    List<ConfigEntry> entries = new ArrayList<>();
    values.forEach((key, resolved) -> entries.add(entry(key.key(), resolved)));
    parameters.forEach((name, resolved) -> entries.add(entry("plugin." + name, resolved)));
    return List.copyOf(entries);
  }

  /**
   * {@return where each effective value comes from, by the names of {@link #entries()} and in their
   * order}
   */
  public Map<String, ConfigOrigin> origins() {
    Map<String, ConfigOrigin> origins = new LinkedHashMap<>();
    entries().forEach(entry -> origins.put(entry.key(), entry.origin()));
    return Collections.unmodifiableMap(origins);
  }

  /**
   * Settings blob of {@code hicache_store_open}: name NUL value NUL pairs in UTF-8, secrets
   * included.
   */
  byte[] toSettings() {
    ByteArrayOutputStream blob = new ByteArrayOutputStream();
    boolean objects = layout().equals(StorageRules.OBJECTS);
    values.forEach(
        (key, resolved) -> {
          if (key.setting() != null
              && !key.isUnset(resolved.value())
              && (objects || !StorageRules.OF_OBJECTS.contains(key))) {
            List<?> parts =
                resolved.value() instanceof List<?> list ? list : List.of(resolved.value());
            parts.forEach(part -> append(blob, key.setting(), part.toString()));
          }
        });
    identity().ifPresent(whose -> append(blob, "namespace_digest", whose.digest()));
    pluginParams().forEach((name, value) -> append(blob, "plugin." + name, value));
    return blob.toByteArray();
  }

  /** The effective values, secrets as {@code ***}. */
  @Override
  public String toString() {
    return entries().stream()
        .map(entry -> entry.key() + "=" + entry.value())
        .collect(Collectors.joining(", ", "HiCacheConfig[", "]"));
  }

  /** Equal when every effective value is, wherever it comes from; the executor does not count. */
  @Override
  public boolean equals(Object other) {
    return other instanceof HiCacheConfig config && effective().equals(config.effective());
  }

  @Override
  public int hashCode() {
    return effective().hashCode();
  }

  private Map<Object, Object> effective() {
    Map<Object, Object> effective = new HashMap<>(ConfigResolver.texts(parameters));
    values.forEach((key, resolved) -> effective.put(key, resolved.value()));
    return effective;
  }

  private HiCacheIdentity identityOfValues() {
    return HiCacheIdentity.builder((String) value(ConfigKey.NAMESPACE))
        .model(model())
        .revision((String) value(ConfigKey.REVISION))
        .dtype((String) value(ConfigKey.DTYPE))
        .pageSize(number(ConfigKey.PAGE_SIZE))
        .kvLayout((String) value(ConfigKey.KV_LAYOUT))
        .tp(tpRank(), tpSize())
        .pp(number(ConfigKey.PP_RANK), number(ConfigKey.PP_SIZE))
        .cp(number(ConfigKey.CP_RANK), number(ConfigKey.CP_SIZE))
        .mla(mla())
        .tenantSecret((String) value(ConfigKey.TENANT_SECRET))
        .build();
  }

  private int number(ConfigKey key) {
    return Math.toIntExact((Long) value(key));
  }

  private Object value(ConfigKey key) {
    return values.get(key).value();
  }

  private static ConfigEntry entry(String key, Resolved resolved) {
    Object value = resolved.value();
    String text =
        value instanceof List<?> list
            ? list.stream().map(Object::toString).collect(Collectors.joining(", "))
            : value.toString();
    return new ConfigEntry(key, Secrets.shown(key, text), resolved.origin());
  }

  private static void append(ByteArrayOutputStream blob, String name, String value) {
    blob.writeBytes((name + '\0' + value + '\0').getBytes(StandardCharsets.UTF_8));
  }
}
