// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_FLAG_UNVERIFIED;

import java.util.AbstractList;
import java.util.List;
import java.util.RandomAccess;

/**
 * The results of a batch in the order of its keys. Each is made when it is asked for: callers that
 * only want to know whether all went well need none.
 *
 * <p>Threads: immutable.
 */
final class PageResults extends AbstractList<PageResult> implements RandomAccess {
  private final Operation operation;
  private final List<String> keys;
  private final BatchResult settled; // by entry of the list

  /**
   * @param settled one entry for each key; each failure with its cause
   */
  PageResults(Operation operation, List<String> keys, BatchResult settled) {
    this.operation = operation;
    this.keys = keys;
    this.settled = settled;
  }

  @Override
  public int size() {
    return keys.size();
  }

  @Override
  public PageResult get(int index) {
    PageOutcome outcome = outcome(index);
    boolean verified =
        operation == Operation.GET
            && outcome == PageOutcome.HIT
            && (settled.flags()[index] & HICACHE_FLAG_UNVERIFIED) == 0;
    HiCacheException cause = outcome.isFailure() ? settled.causes()[index] : null;
    return new PageResult(keys.get(index), outcome, length(index), verified, cause);
  }

  /** What became of a key. */
  PageOutcome outcome(int index) {
    return PageOutcome.of(settled.outcomes()[index]);
  }

  /** The length of {@link PageResult#length()}. */
  long length(int index) {
    return settled.pageLengths()[index];
  }

  /** What became of a key, by results of any origin, without making a result. */
  static PageOutcome outcomeOf(List<PageResult> results, int index) {
    return results instanceof PageResults own ? own.outcome(index) : results.get(index).outcome();
  }
}
