// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * What a configuration file says, sorted and checked: our keys, plugin tables, and plugin
 * parameters given without a table. Accepts what SGLang's own file may hold beside, so that one
 * file can serve both. Immutable once made.
 */
final class FileLayer {
  private static final Logger LOG = LogManager.getLogger(HiCacheConfig.class);

  /** SGLang's own keys that say nothing about a store. */
  private static final Set<String> OF_SGLANG =
      Set.of(
          "prefetch_threshold",
          "prefetch_timeout_base",
          "prefetch_timeout_per_ki_token",
          "hicache_storage_pass_prefix_keys",
          "tp_lcm_size");

  private static final String PLUGIN = "plugin";
  private static final String ACTIVE = "active";

  private final Path path;
  private final Map<ConfigKey, Object> values = new EnumMap<>(ConfigKey.class);
  private final Map<String, Object> looseParameters = new LinkedHashMap<>();
  private final Map<String, PluginTable> tables = new LinkedHashMap<>();
  private String activeBackend;

  /** The parameters of one plugin table; name is as the file spells it. */
  record PluginTable(String name, Map<String, Object> parameters) {
    /** Says nothing of the parameters, which may be secret. */
    @Override
    public String toString() {
      return "PluginTable[" + name + "]";
    }
  }

  private FileLayer(Path path) {
    this.path = path;
  }

  /**
   * Reads and checks a file; warns about keys that have no effect.
   *
   * @throws HiCacheException INVALID_ARGUMENT naming the file and the key
   */
  static FileLayer read(Path path) {
    FileLayer layer = new FileLayer(path);
    ConfigFile.read(path).forEach(layer::take);
    layer.check();
    return layer;
  }

  Path path() {
    return path;
  }

  /** Raw values of our keys. */
  Map<ConfigKey, Object> values() {
    return values;
  }

  /** Raw plugin parameters at the top level. */
  Map<String, Object> looseParameters() {
    return looseParameters;
  }

  /** The table of a backend, or null. */
  PluginTable table(String backend) {
    return tables.get(backend);
  }

  /**
   * Whether the file has any plugin table; then the file and not the environment decides the
   * backend.
   */
  boolean hasTables() {
    return !tables.isEmpty();
  }

  /** The backend of the first active plugin table, or null. */
  String activeBackend() {
    return activeBackend;
  }

  ConfigOrigin origin(String key) {
    return new ConfigOrigin(ConfigOrigin.Layer.FILE, path + ", key " + key);
  }

  /** No table is active although there are tables and nothing else names a backend. */
  HiCacheException noActiveTable() {
    List<String> names =
        tables.values().stream().map(table -> PLUGIN + "." + table.name()).toList();
    return refused(
        PLUGIN,
        "has no active table: set active = true in one of "
            + String.join(", ", names)
            + ", or set backend");
  }

  private void take(String name, Object raw) {
    if (raw == null) {
      throw refused(name, "has no value; leave the key out to get its default");
    }
    ConfigKey key = ConfigKey.of(name);
    if (key != null) {
      values.put(key, raw);
    } else if (name.equals(PLUGIN)) {
      takeTables(raw);
    } else if (!OF_SGLANG.contains(name)) {
      takeParameter(looseParameters, PluginParameters.ANY, name, name, raw);
    }
  }

  private void takeTables(Object raw) {
    if (!(raw instanceof Map<?, ?> plugins)) {
      throw refused(
          PLUGIN,
          "must be a table that holds one table for each plugin, for example [plugin.posix]");
    }
    plugins.forEach((name, table) -> takeTable(name.toString(), table));
  }

  private void takeTable(String name, Object raw) {
    String where = PLUGIN + "." + name;
    String backend = PluginParameters.backendOf(name);
    if (backend == null) {
      List<String> known =
          PluginParameters.backends().stream().map(one -> one.toLowerCase(Locale.ROOT)).toList();
      throw refused(
          where,
          "is no plugin of this version ("
              + String.join(", ", known)
              + ")"
              + Suggestion.didYouMean(name, known));
    }
    if (!(raw instanceof Map<?, ?> entries)) {
      throw refused(where, "must be a table of the plugin's parameters");
    }
    Map<String, Object> parameters = new LinkedHashMap<>();
    entries.forEach(
        (entry, value) -> {
          String parameter = entry.toString();
          if (value == null) {
            throw refused(
                where + "." + parameter, "has no value; leave the key out to get its default");
          } else if (parameter.equals(ACTIVE)) {
            activate(backend, where, value);
          } else {
            takeParameter(parameters, backend, where + "." + parameter, parameter, value);
          }
        });
    if (tables.putIfAbsent(backend, new PluginTable(name, parameters)) != null) {
      throw refused(
          where,
          "and " + PLUGIN + "." + tables.get(backend).name() + " are the same plugin; keep one");
    }
  }

  private void activate(String backend, String where, Object raw) {
    Object active = ValueKind.bool().parser().apply(raw);
    if (active == null) {
      throw refused(where + "." + ACTIVE, "= '" + raw + "': must be true or false");
    }
    if (active.equals(Boolean.FALSE)) {
      return;
    }
    if (activeBackend == null) {
      activeBackend = backend;
    } else {
      LOG.warn(
          "configuration file {}: {} is active as well and has no effect; the first active plugin, {}, is used",
          path,
          where,
          activeBackend);
    }
  }

  private void takeParameter(
      Map<String, Object> into, String backend, String where, String name, Object raw) {
    String meant = name;
    if (name.equals(PluginParameters.MISSPELT_SECRET_KEY)) {
      meant = PluginParameters.SECRET_KEY;
      LOG.warn("configuration file {}: {} is deprecated, write {}", path, where, meant);
    }
    if (PluginParameters.kind(backend, meant) == null) {
      throw unknown(backend, where, name);
    }
    if (into.putIfAbsent(meant, raw) != null) {
      throw refused(where, "is given twice, once as " + PluginParameters.MISSPELT_SECRET_KEY);
    }
  }

  private HiCacheException unknown(String backend, String where, String name) {
    boolean insideTable = !backend.equals(PluginParameters.ANY);
    if (insideTable && ConfigKey.of(name) != null) {
      return refused(
          where,
          "is no parameter of the plugin: move "
              + name
              + " to the top of the file, before any table");
    }
    Set<String> known = new LinkedHashSet<>(PluginParameters.names(backend));
    if (!insideTable) {
      for (ConfigKey key : ConfigKey.values()) {
        known.add(key.key());
      }
      known.addAll(OF_SGLANG);
    }
    return refused(
        where,
        (insideTable ? "is no parameter of " + backend : "is an unknown key")
            + Suggestion.didYouMean(name, known));
  }

  private void check() {
    if (!looseParameters.isEmpty() && hasTables()) {
      String name = looseParameters.keySet().iterator().next();
      throw refused(name, "belongs to a plugin: move it into one of the file's plugin tables");
    }
    Object backend = values.get(ConfigKey.BACKEND);
    if (backend != null
        && activeBackend != null
        && !activeBackend.equals(ConfigKey.BACKEND.kind().parser().apply(backend))) {
      throw refused(
          ConfigKey.BACKEND.key(),
          "= '" + backend + "' contradicts the active plugin " + activeBackend + "; keep one");
    }
    List<String> queues = new ArrayList<>(looseParameters.keySet());
    tables.values().forEach(table -> queues.addAll(table.parameters().keySet()));
    queues.removeIf(name -> !Queue.isParameter(name));
    if (values.containsKey(ConfigKey.QUEUE) && !queues.isEmpty()) {
      throw refused(
          ConfigKey.QUEUE.key(), "and " + queues.get(0) + " both choose the queue; keep one");
    }
  }

  private HiCacheException refused(String key, String why) {
    return HiCacheException.invalid("configuration file " + path + ": " + key + " " + why);
  }
}
