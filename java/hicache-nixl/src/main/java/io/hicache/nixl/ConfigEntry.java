// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * One effective configuration value, ready to be shown. Immutable; safe from any thread.
 *
 * @param key the key as a configuration file spells it; a plugin's parameter as {@code plugin.NAME}
 * @param value the effective value as text; {@code ***} for a secret
 * @param origin where the value comes from
 */
public record ConfigEntry(String key, String value, ConfigOrigin origin) {}
