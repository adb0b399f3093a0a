// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.hicache_batch_cause;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_batch_results;

import io.hicache.nixl.core.hicache_store;
import java.util.Arrays;

/**
 * What the core said about each entry of a settled batch, as its numbers.
 *
 * <p>Threads: immutable once made; nobody writes the arrays.
 *
 * @param outcomes values of {@code enum hicache_outcome}
 * @param pageLengths bytes moved, see {@link PageResult#length()}
 * @param flags bits of {@code enum hicache_flag}
 * @param causes why an entry failed, null elsewhere; null as a whole where none did
 */
record BatchResult(byte[] outcomes, long[] pageLengths, byte[] flags, HiCacheException[] causes) {

  /** Reads a batch that has completed and is not freed yet. */
  static BatchResult read(hicache_store store, long batch, int count) {
    BatchResult result = new BatchResult(new byte[count], new long[count], new byte[count], null);
    BatchArrays room = BatchArrays.take(count);
    int[] outcomes = room.keyLengths;
    int[] flags = room.ranks;
    long known = hicache_batch_results(store, batch, count, outcomes, result.pageLengths, flags);
    for (int i = 0; i < count; i++) {
      result.outcomes[i] = (byte) outcomes[i];
      result.flags[i] = (byte) flags[i];
    }
    room.giveBack();
    if (known != count) {
      throw new IllegalStateException("the core knows " + known + " keys of batch " + batch);
    }
    for (byte outcome : result.outcomes) {
      if (isFailure(outcome)) {
        BatchResult failed = result.copyWithCauses();
        failed.readCauses(store, batch);
        return failed;
      }
    }
    return result;
  }

  /** A copy to be written, with room for causes. */
  BatchResult copyWithCauses() {
    HiCacheException[] known =
        causes == null ? new HiCacheException[outcomes.length] : causes.clone();
    return new BatchResult(outcomes.clone(), pageLengths.clone(), flags.clone(), known);
  }

  private void readCauses(hicache_store store, long batch) {
    try (NativeError error = new NativeError()) {
      for (int i = 0; i < outcomes.length; i++) {
        if (isFailure(outcomes[i]) && hicache_batch_cause(store, batch, i, error.out()) == 1) {
          causes[i] = error.toException();
        }
      }
    }
  }

  private static boolean isFailure(int number) {
    PageOutcome outcome = PageOutcome.of(number);
    return outcome != null && outcome.isFailure();
  }

  /** The same outcome and cause for every entry, where the core was not asked or did not answer. */
  static BatchResult all(int count, PageOutcome outcome, HiCacheException cause) {
    BatchResult result =
        new BatchResult(
            new byte[count], new long[count], new byte[count], new HiCacheException[count]);
    Arrays.fill(result.outcomes, (byte) outcome.number());
    Arrays.fill(result.causes, cause);
    return result;
  }
}
