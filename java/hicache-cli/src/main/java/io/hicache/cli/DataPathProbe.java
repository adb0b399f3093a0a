// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageOutcome;
import io.hicache.nixl.PageResult;
import io.hicache.nixl.StoreDescription;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/**
 * Sends a few pages through the whole data path of one configuration: set, exists, get, compare,
 * delete.
 */
final class DataPathProbe {
  /** A page of whole blocks, one that direct I/O cannot take as it is, and one of no bytes. */
  private static final int[] LENGTHS = {1 << 16, 5_001, 0};

  private static final long TIMEOUT_MILLIS = 10_000;

  private DataPathProbe() {}

  /**
   * Runs the probe in a folder of its own.
   *
   * @return what the store says about itself
   * @throws HiCacheException what went wrong
   */
  static StoreDescription run(HiCacheConfig config, Path folder) {
    HiCacheConfig here =
        config.toBuilder().storageDir(folder).timeoutMillis(TIMEOUT_MILLIS).build();
    return StoreCommand.withStore(here, DataPathProbe::probe);
  }

  private static StoreDescription probe(HiCacheNixl store, NativeMemory memory) {
    List<String> keys = List.of("whole-blocks", "odd-length", "no-bytes");
    long[] lengths = new long[LENGTHS.length];
    long[] sources = new long[LENGTHS.length];
    long[] targets = new long[LENGTHS.length];
    NativeMemory.Range[] written = new NativeMemory.Range[LENGTHS.length];
    NativeMemory.Range[] read = new NativeMemory.Range[LENGTHS.length];
    Random random = new Random(LENGTHS.length);
    for (int i = 0; i < LENGTHS.length; i++) {
      byte[] content = new byte[LENGTHS[i]];
      random.nextBytes(content);
      written[i] = memory.allocate(LENGTHS[i]);
      read[i] = memory.allocate(LENGTHS[i]);
      written[i].view(0, LENGTHS[i]).put(content);
      read[i].view(0, LENGTHS[i]).put(new byte[LENGTHS[i]]);
      lengths[i] = LENGTHS[i];
      sources[i] = written[i].address();
      targets[i] = read[i].address();
    }
    require(store.batchSetPages(keys, sources, lengths), PageOutcome.STORED, "set");
    require(store.batchExistsPages(keys), PageOutcome.HIT, "exists");
    require(store.batchGetPages(keys, targets, lengths), PageOutcome.HIT, "get");
    for (int i = 0; i < LENGTHS.length; i++) {
      ByteBuffer expected = written[i].view(0, LENGTHS[i]);
      if (!expected.equals(read[i].view(0, LENGTHS[i]))) {
        throw new HiCacheException(
            ErrorCode.CORRUPT, "get '" + keys.get(i) + "': other bytes came back than were set");
      }
    }
    require(store.batchDeletePages(keys), PageOutcome.REMOVED, "delete");
    return store.describe();
  }

  private static void require(List<PageResult> results, PageOutcome wanted, String operation) {
    for (PageResult result : results) {
      if (result.orThrow().outcome() != wanted) {
        throw new HiCacheException(
            ErrorCode.IO,
            operation
                + " '"
                + result.key()
                + "' gave "
                + result.outcome()
                + " in place of "
                + wanted);
      }
    }
  }
}
