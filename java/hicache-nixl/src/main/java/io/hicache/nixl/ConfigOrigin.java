// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * Where an effective configuration value comes from. Immutable; safe from any thread.
 *
 * @param layer the layer that won, see {@link HiCacheConfig} for their order
 * @param detail what to look at to change the value: who set it, the file and its key, or the
 *     environment variable; empty for a default
 */
public record ConfigOrigin(Layer layer, String detail) {

  /** The layers of a configuration, the one that wins first. */
  public enum Layer {
    /** Set through {@link HiCacheConfigBuilder}. */
    BUILDER,
    /** Read from the configuration file. */
    FILE,
    /** Read from an environment variable. */
    ENVIRONMENT,
    /** Nothing was set. */
    DEFAULT
  }

  static final ConfigOrigin NOTHING_SET = new ConfigOrigin(Layer.DEFAULT, "");

  /** One line for people, for example {@code file etc/store.toml, key lanes}. */
  @Override
  public String toString() {
    return switch (layer) {
      case BUILDER -> detail;
      case FILE -> "file " + detail;
      case ENVIRONMENT -> "environment variable " + detail;
      case DEFAULT -> "default";
    };
  }
}
