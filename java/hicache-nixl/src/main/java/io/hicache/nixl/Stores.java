// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.time.Duration;

/**
 * Opens what a configuration describes.
 *
 * <p>Threads: stateless.
 */
final class Stores {
  private Stores() {}

  /** A store, or one of two tiers; nothing is left open when it throws. */
  static BatchStore open(HiCacheConfig config) {
    if (config.tiers().isEmpty()) {
      return openOne(config);
    }
    HiCacheConfig front = config.tier(0);
    HiCacheConfig below = config.tier(1);
    BatchStore local = openOne(front);
    try {
      return TieredStore.open(
          local,
          config.tiers().get(1),
          () -> openOne(below),
          TieredStore.Settings.of(config, LowerTier.Patience.OPENING, LowerTier.Patience.WRITING));
    } catch (RuntimeException e) {
      local.close(Duration.ZERO);
      throw e;
    }
  }

  static NativeStore openOne(HiCacheConfig config) {
    NativeStore store = NativeStore.open(config);
    try {
      config
          .identity()
          .ifPresent(
              identity ->
                  NamespaceManifest.enter(identity, StoreDescription.of(store.describe()).paths()));
      return store;
    } catch (RuntimeException e) {
      store.close(Duration.ZERO);
      throw e;
    }
  }
}
