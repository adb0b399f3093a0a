// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Map;

/**
 * The longest prefix that all pools can restore.
 *
 * <p>Threads: immutable.
 *
 * @param kvHitPages pages of that prefix
 * @param extraPoolHitPages pages that each pool alone could restore, by its name, {@link
 *     PoolName#KV} among them; a pool with none is left out
 */
public record PoolTransferResult(int kvHitPages, Map<PoolName, Integer> extraPoolHitPages) {}
