// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import io.hicache.nixl.ConfigResolver.Resolved;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the keys of two tiers must be together, and the configuration of each tier by itself.
 *
 * <p>Threads: stateless.
 */
final class TierRules {
  /** The keys that say nothing without tiers. */
  static final List<ConfigKey> OF_TIERS =
      List.of(ConfigKey.TIER_WRITE, ConfigKey.TIER_BACKLOG_BYTES, ConfigKey.TIER_PROMOTE);

  /** What holds for the local tier alone: who wants limits below sets them there. */
  private static final List<ConfigKey> OF_LOCAL_TIER =
      List.of(
          ConfigKey.CAPACITY_BYTES,
          ConfigKey.TTL_SECONDS,
          ConfigKey.CLEANER_ENABLED,
          ConfigKey.CLEANER_HIGH,
          ConfigKey.CLEANER_LOW,
          ConfigKey.CLEANER_CAPACITY);

  private TierRules() {}

  /** The tiers; empty where there are none. */
  static List<TierPlace> tiers(Map<ConfigKey, Resolved> values) {
    List<?> tiers = (List<?>) values.get(ConfigKey.TIERS).value();
    return tiers.stream().map(TierPlace.class::cast).toList();
  }

  /** The backend of a lower tier that is no directory; null elsewhere. */
  static String lowerBackend(Map<ConfigKey, Resolved> values) {
    List<TierPlace> tiers = tiers(values);
    return tiers.isEmpty() ? null : tiers.get(1).kind().backend();
  }

  /** With tiers a plugin table may be active for the lower one, or none. */
  static boolean isOfLowerTier(Map<ConfigKey, Resolved> values, String activeBackend) {
    return !tiers(values).isEmpty()
        && (activeBackend == null || PluginParameters.movesObjects(activeBackend));
  }

  /**
   * Lets the local tier choose layout and directory, and refuses what contradicts the tiers.
   *
   * @throws HiCacheException INVALID_ARGUMENT naming the key, its value, where it comes from, and
   *     what to do
   */
  static void apply(Map<ConfigKey, Resolved> values) {
    List<TierPlace> tiers = tiers(values);
    if (tiers.isEmpty()) {
      OF_TIERS.stream()
          .filter(key -> isSet(values.get(key)) && !isDefault(key, values.get(key)))
          .forEach(
              key -> {
                throw ConfigResolver.refused(
                    key, values.get(key), "says nothing without tiers; set tiers too");
              });
      return;
    }
    Resolved directories = values.get(ConfigKey.STORAGE_DIRS);
    if (isSet(directories) && !isDefault(ConfigKey.STORAGE_DIRS, directories)) {
      throw ConfigResolver.refused(
          ConfigKey.STORAGE_DIRS,
          directories,
          "contradicts tiers, which name the places; keep one");
    }
    Resolved layout = values.get(ConfigKey.LAYOUT);
    if (isSet(layout)
        && !isDefault(ConfigKey.LAYOUT, layout)
        && !layout.value().equals(tiers.get(0).kind().word())) {
      throw ConfigResolver.refused(
          ConfigKey.LAYOUT,
          layout,
          "contradicts tiers, of which each names its layout; leave it out");
    }
    Resolved backend = values.get(ConfigKey.BACKEND);
    if (PluginParameters.movesObjects((String) backend.value())) {
      if (backend.origin().layer() != ConfigOrigin.Layer.ENVIRONMENT) {
        throw ConfigResolver.refused(
            ConfigKey.BACKEND,
            backend,
            "with tiers it moves the pages of directories, and the tiers name the bucket; leave it"
                + " out, or choose one for the local tier");
      }
      values.put(ConfigKey.BACKEND, new Resolved(PluginParameters.AUTO, ConfigOrigin.NOTHING_SET));
    }
    TierPlace local = tiers.get(0);
    TierPlace lower = tiers.get(1);
    Resolved given = values.get(ConfigKey.TIERS);
    if (lower.kind().isDirectory()
        && StorageRules.realPath(local.directory())
            .equals(StorageRules.realPath(lower.directory()))) {
      throw ConfigResolver.refused(
          ConfigKey.TIERS, given, "both tiers are in one directory; name another for the lower");
    }
    values.put(ConfigKey.STORAGE_DIRS, new Resolved(List.of(local.directory()), given.origin()));
    values.put(ConfigKey.LAYOUT, new Resolved(local.kind().word(), given.origin()));
  }

  /** Whether file or builder say it: a variable that other stores need says nothing of this one. */
  private static boolean isSet(Resolved value) {
    return value.isSet() && value.origin().layer() != ConfigOrigin.Layer.ENVIRONMENT;
  }

  /**
   * Refuses a place of the lower tier that is given once more.
   *
   * @throws HiCacheException as {@link #apply}
   */
  static void checkParameters(Map<ConfigKey, Resolved> values, Map<String, Resolved> parameters) {
    List<TierPlace> tiers = tiers(values);
    String place = tiers.isEmpty() ? null : tiers.get(1).kind().parameter();
    Resolved given = place == null ? null : parameters.get(place);
    if (given != null) {
      throw ConfigResolver.refused(
          "plugin." + place, given.value(), given.origin(), "tiers names it already; leave it out");
    }
  }

  private static boolean isDefault(ConfigKey key, Resolved value) {
    return value.value().equals(key.defaultValue());
  }

  /** The configuration of one tier of two. */
  static HiCacheConfig configOf(HiCacheConfig both, TierPlace place, int index) {
    HiCacheConfigBuilder one = both.toBuilder().unset(ConfigKey.TIERS);
    OF_TIERS.forEach(one::unset);
    if (index > 0) {
      OF_LOCAL_TIER.forEach(one::unset);
    }
    Map<String, String> parameters = new LinkedHashMap<>();
    if (place.kind().isDirectory()) {
      one.storageDirs(place.directory()).layout(place.kind().word()).backend(both.backend());
      keepKnown(both, both.backend(), parameters);
    } else {
      one.unset(ConfigKey.STORAGE_DIRS)
          .unset(ConfigKey.MIN_FREE_BYTES)
          .unset(ConfigKey.QUEUE)
          .layout(StorageRules.OBJECTS)
          .backend(place.kind().backend());
      keepKnown(both, place.kind().backend(), parameters);
      parameters.put(place.kind().parameter(), place.place());
    }
    return one.pluginParams(parameters).build();
  }

  private static void keepKnown(HiCacheConfig both, String backend, Map<String, String> into) {
    boolean directories = !PluginParameters.movesObjects(backend);
    both.pluginParams()
        .forEach(
            (name, value) -> {
              boolean known =
                  backend.equals(PluginParameters.AUTO)
                      ? PluginParameters.backends().stream()
                          .filter(one -> !PluginParameters.movesObjects(one))
                          .anyMatch(one -> PluginParameters.kind(one, name) != null)
                      : PluginParameters.kind(backend, name) != null;
              // The queue goes with its own key.
              if (known && !(directories && Queue.isParameter(name))) {
                into.put(name, value);
              }
            });
  }
}
