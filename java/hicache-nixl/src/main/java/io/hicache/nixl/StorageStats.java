// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * What went through a store since it was opened. A page counts once for each of its files.
 *
 * <p>Threads: immutable.
 *
 * @param storedPages sets that stored
 * @param storedBytes bytes of those
 * @param skippedPages sets of what was stored already, or superseded in its own batch
 * @param hitPages gets that filled their target
 * @param hitBytes bytes of those
 * @param missedPages gets of pages that are not there
 * @param foundPages look-ups of pages that are there
 * @param absentPages look-ups of pages that are not
 * @param removedPages pages deleted or cleared by this store
 * @param corruptPages gets whose page was damaged
 * @param failedPages every other failure
 * @param timedOutPages pages whose deadline passed
 */
public record StorageStats(
    long storedPages,
    long storedBytes,
    long skippedPages,
    long hitPages,
    long hitBytes,
    long missedPages,
    long foundPages,
    long absentPages,
    long removedPages,
    long corruptPages,
    long failedPages,
    long timedOutPages) {}
