// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import io.hicache.nixl.ConfigResolver.Resolved;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * What backend, layout, directories and bucket must be together, once each is right by itself.
 *
 * <p>Threads: stateless.
 */
final class StorageRules {
  private static final Logger LOG = LogManager.getLogger(HiCacheConfig.class);
  static final String OBJECTS = "objects";

  /** The core is told of these by a store of objects alone. */
  static final Set<ConfigKey> OF_OBJECTS =
      EnumSet.of(
          ConfigKey.OBJECT_PREFIX,
          ConfigKey.OBJECT_FORMAT,
          ConfigKey.ALLOW_HTTP,
          ConfigKey.RETRY_ATTEMPTS,
          ConfigKey.BREAKER_FAILURES,
          ConfigKey.BREAKER_PAUSE_MILLIS);

  /** What the other layouts do to keep within bounds. */
  private static final List<ConfigKey> LIMITS =
      List.of(
          ConfigKey.CAPACITY_BYTES,
          ConfigKey.MIN_FREE_BYTES,
          ConfigKey.TTL_SECONDS,
          ConfigKey.CLEANER_ENABLED,
          ConfigKey.CLEANER_HIGH,
          ConfigKey.CLEANER_LOW,
          ConfigKey.CLEANER_CAPACITY);

  private static final String AUTO_LAYOUT = "auto";

  private StorageRules() {}

  /** The layout of a configuration whose backend becomes another one, named in any way. */
  static String layoutFor(String backend, String layout) {
    Object meant = PluginParameters.BACKEND.parser().apply(backend);
    if (!(meant instanceof String name) || name.equals(PluginParameters.AUTO)) {
      return layout;
    }
    boolean objects = PluginParameters.movesObjects(name);
    return objects ? OBJECTS : layout.equals(OBJECTS) ? AUTO_LAYOUT : layout;
  }

  /**
   * Lets the backend choose the layout where nothing else does, and checks the values together.
   *
   * @throws HiCacheException INVALID_ARGUMENT naming the key, its value, where it comes from, and
   *     what to do
   */
  static void apply(Map<ConfigKey, Resolved> values, Map<String, Resolved> parameters) {
    Resolved backend = values.get(ConfigKey.BACKEND);
    String name = (String) backend.value();
    boolean moves = PluginParameters.movesObjects(name);
    if (moves && values.get(ConfigKey.LAYOUT).value().equals(AUTO_LAYOUT)) {
      values.put(ConfigKey.LAYOUT, new Resolved(OBJECTS, backend.origin()));
    }
    Resolved layout = values.get(ConfigKey.LAYOUT);
    boolean objects = layout.value().equals(OBJECTS);
    if (objects != moves && !name.equals(PluginParameters.AUTO)) {
      throw ConfigResolver.refused(
          ConfigKey.LAYOUT,
          layout,
          objects
              ? "objects need backend OBJ or AZURE_BLOB, and backend is " + name
              : "backend " + name + " moves objects; set layout = objects, or leave layout out");
    }
    if (objects) {
      requireBucket(name, parameters);
      refuseDirectories(values);
      LIMITS.stream()
          .filter(key -> values.get(key).isSet() && isLimit(values.get(key).value()))
          .forEach(key -> warn(key, values.get(key)));
    } else {
      requireDirectories(values.get(ConfigKey.STORAGE_DIRS));
    }
  }

  private static boolean isLimit(Object value) {
    return !value.equals(0L) && !value.equals(false) && !value.equals("");
  }

  private static void warn(ConfigKey key, Resolved given) {
    LOG.warn(
        "{} = {} ({}) has no effect: objects are not evicted; let rules of the bucket remove old ones",
        key.key(),
        given.value(),
        given.origin());
  }

  private static void requireBucket(String backend, Map<String, Resolved> parameters) {
    require(backend.equals(PluginParameters.OBJ), backend, "a bucket", parameters, "bucket");
    boolean azure = backend.equals(PluginParameters.AZURE_BLOB);
    require(azure, backend, "a container", parameters, "container_name");
    require(azure, backend, "an account", parameters, "connection_string", "account_url");
  }

  private static void require(
      boolean applies,
      String backend,
      String what,
      Map<String, Resolved> parameters,
      String... alternatives) {
    List<String> names = List.of(alternatives);
    if (applies && names.stream().noneMatch(parameters::containsKey)) {
      Map<String, String> variables = PluginParameters.variables(backend);
      throw HiCacheException.invalid(
          "backend "
              + backend
              + " needs "
              + what
              + ": set the plugin parameter "
              + String.join(" or ", names)
              + " or the environment variable "
              + String.join(" or ", names.stream().map(variables::get).toList()));
    }
  }

  /** A variable that other stores of the process need says nothing of this one. */
  private static void refuseDirectories(Map<ConfigKey, Resolved> values) {
    Resolved directories = values.get(ConfigKey.STORAGE_DIRS);
    if (directories.origin().layer() == ConfigOrigin.Layer.ENVIRONMENT) {
      values.put(
          ConfigKey.STORAGE_DIRS,
          new Resolved(ConfigKey.STORAGE_DIRS.defaultValue(), ConfigOrigin.NOTHING_SET));
    } else if (!((List<?>) directories.value()).isEmpty()) {
      throw ConfigResolver.refused(
          ConfigKey.STORAGE_DIRS,
          directories,
          "layout objects keeps pages in a bucket and no directory; leave storage_dirs out, or choose another backend");
    }
  }

  private static void requireDirectories(Resolved directories) {
    List<?> paths = (List<?>) directories.value();
    if (paths.isEmpty()) {
      throw HiCacheException.invalid(
          "no storage directory: set storage_dirs in the builder or the file, or the environment variable "
              + ConfigKey.STORAGE_DIRS.variable());
    }
    Map<Path, Path> seen = new LinkedHashMap<>();
    for (Object path : paths) {
      Path real = realPath((Path) path);
      Path twin = seen.putIfAbsent(real, (Path) path);
      if (twin != null) {
        throw ConfigResolver.refused(
            ConfigKey.STORAGE_DIRS,
            directories,
            twin + " and " + path + " are the same directory, " + real + "; name each once");
      }
    }
  }

  /** The path without symbolic links, as far as it exists. */
  static Path realPath(Path path) {
    try {
      return path.toRealPath();
    } catch (IOException missing) {
      Path parent = path.getParent();
      return parent == null ? path : realPath(parent).resolve(path.getFileName()).normalize();
    }
  }
}
