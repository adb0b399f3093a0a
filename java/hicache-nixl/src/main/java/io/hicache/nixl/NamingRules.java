// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import io.hicache.nixl.ConfigResolver.Resolved;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What the keys of a page's name must be together, once each is right by itself.
 *
 * <p>Threads: stateless.
 */
final class NamingRules {
  /** The value of {@code naming} under which an identity is part of every name. */
  static final String NAMESPACE = ConfigKey.NAMESPACE.key();

  /** The keys that say nothing under another naming. */
  static final List<ConfigKey> OF_NAMESPACES =
      List.of(
          ConfigKey.NAMESPACE,
          ConfigKey.REVISION,
          ConfigKey.DTYPE,
          ConfigKey.PAGE_SIZE,
          ConfigKey.KV_LAYOUT,
          ConfigKey.PP_RANK,
          ConfigKey.PP_SIZE,
          ConfigKey.CP_RANK,
          ConfigKey.CP_SIZE,
          ConfigKey.TENANT_SECRET);

  private static final Map<ConfigKey, ConfigKey> RANKS =
      new EnumMap<>(
          Map.of(
              ConfigKey.TP_RANK, ConfigKey.TP_SIZE,
              ConfigKey.PP_RANK, ConfigKey.PP_SIZE,
              ConfigKey.CP_RANK, ConfigKey.CP_SIZE));

  private NamingRules() {}

  /**
   * Checks the values together.
   *
   * @throws HiCacheException INVALID_ARGUMENT naming the key, its value, where it comes from, and
   *     what to do
   */
  static void check(Map<ConfigKey, Resolved> values) {
    Resolved naming = values.get(ConfigKey.NAMING);
    if (naming.value().equals(NAMESPACE)) {
      if (!values.get(ConfigKey.NAMESPACE).isSet()) {
        throw ConfigResolver.refused(
            ConfigKey.NAMING.key(),
            naming.value(),
            naming.origin(),
            "needs a name: set namespace to " + IdentityRules.NAME);
      }
      Resolved model = values.get(ConfigKey.MODEL);
      if (!IdentityRules.isText((String) model.value())) {
        throw ConfigResolver.refused(
            ConfigKey.MODEL.key(),
            KeyCodec.shown((String) model.value()),
            model.origin(),
            "must be " + IdentityRules.TEXT);
      }
    } else {
      OF_NAMESPACES.forEach(key -> refuseOutsideOfANamespace(key, values.get(key), naming));
    }
    RANKS.forEach((rank, size) -> checkRank(rank, values.get(rank), size, values.get(size)));
  }

  private static void refuseOutsideOfANamespace(ConfigKey key, Resolved given, Resolved naming) {
    if (given.isSet()) {
      throw ConfigResolver.refused(
          key.key(),
          given.value(),
          given.origin(),
          "says nothing with naming = "
              + naming.value()
              + ", whose names hold model and TP rank only; set naming = namespace, or leave "
              + key.key()
              + " out");
    }
  }

  private static void checkRank(
      ConfigKey rankKey, Resolved rank, ConfigKey sizeKey, Resolved size) {
    if ((Long) rank.value() >= (Long) size.value()) {
      throw ConfigResolver.refused(
          rankKey.key(),
          rank.value(),
          rank.origin(),
          "must be below " + sizeKey.key() + ", which is " + size.value());
    }
  }
}
