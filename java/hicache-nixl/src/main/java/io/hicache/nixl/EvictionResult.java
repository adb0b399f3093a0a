// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * What a round of eviction removed.
 *
 * <p>Threads: immutable.
 *
 * @param pages number of pages
 * @param bytes of those
 */
public record EvictionResult(long pages, long bytes) {}
