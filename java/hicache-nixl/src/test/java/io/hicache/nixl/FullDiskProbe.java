// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** A child JVM whose disk of 4 MiB fills during a set of sixteen pages of 256 KiB. */
public final class FullDiskProbe {
  static final int OLD = 4;
  static final int PAGES = 16;

  private FullDiskProbe() {}

  /**
   * Prints one line for each page: what the set, the look-up and the get said, and whether the
   * bytes are those that were set.
   *
   * @param arguments the storage directory
   */
  public static void main(String[] arguments) {
    HiCacheConfig config =
        HiCacheConfig.builder()
            .environment(Map.of())
            .storageDirs(Path.of(arguments[0]))
            .backend("POSIX")
            .layout("files")
            .lanes(2)
            .minFreeBytes(0) // the disk is to be full
            .build();
    List<String> old = PoolFixture.keys(OLD);
    List<String> keys = PoolFixture.keys(PAGES);
    try (HostKVCache source = PoolFixture.mha(PoolLayout.PAGE_FIRST, OLD + PAGES, 256);
        HostKVCache target = PoolFixture.mha(PoolLayout.PAGE_FIRST, OLD + PAGES, 256);
        HiCacheNixl store = HiCacheNixl.open(config)) {
      long[] oldTokens = PoolFixture.firstPages(source, OLD);
      int[] places = IntStream.range(OLD, OLD + PAGES).toArray();
      store.registerMemPoolHost(source);
      System.out.println("old " + Arrays.toString(store.batchSetV1(old, oldTokens)));

      List<PageResult> set = store.batchSetPagesV1(keys, PoolFixture.tokens(source, places));
      store.registerMemPoolHost(target);
      List<PageResult> got = store.batchGetPagesV1(keys, PoolFixture.tokens(target, places));
      for (int i = 0; i < PAGES; i++) {
        boolean same =
            Arrays.equals(PoolFixture.page(source, places[i]), PoolFixture.page(target, places[i]));
        boolean promised = store.exists(keys.get(i));
        System.out.println(
            "page " + said(set.get(i)) + " " + promised + " " + said(got.get(i)) + " " + same);
      }

      System.out.println("kept " + Arrays.toString(store.batchGetV1(old, oldTokens)));
      for (int i = 0; i < OLD; i++) {
        boolean same = Arrays.equals(PoolFixture.page(source, i), PoolFixture.page(target, i));
        System.out.println("same " + same + " " + store.delete(old.get(i)));
      }
      int refused = 0;
      while (!set.get(refused).outcome().isFailure()) {
        refused++;
      }
      List<String> again = keys.subList(refused, refused + 1);
      store.registerMemPoolHost(source);
      long[] tokens = PoolFixture.tokens(source, places[refused]);
      System.out.println("again " + said(store.batchSetPagesV1(again, tokens).get(0)));
      System.out.println("then " + said(store.batchGetPagesV1(again, tokens).get(0)));
    }
  }

  private static String said(PageResult result) {
    return result.cause() == null
        ? result.outcome().toString()
        : result.outcome() + ":" + result.cause().code() + ":" + result.cause().errno();
  }
}
