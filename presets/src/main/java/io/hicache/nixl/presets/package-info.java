// SPDX-License-Identifier: Apache-2.0
/**
 * How the native core becomes Java: the JavaCPP preset of {@code hicache_nixl.h}, and the search
 * for NIXL that runs before the core is loaded.
 */
package io.hicache.nixl.presets;
