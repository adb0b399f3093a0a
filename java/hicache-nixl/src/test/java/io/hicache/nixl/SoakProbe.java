// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.bytedeco.javacpp.BytePointer;

/** The operations of {@link SoakTest}, for a JVM of their own. */
public final class SoakProbe {
  /** Of 100000 operations: 80 bytes for each would be too much. */
  static final long GROWTH_BYTES_MAX = 8L << 20;

  private static final int ATTEMPTS = 3;
  static final int KEYS = 64;
  private static final int PAGE_BYTES = 1024;

  private SoakProbe() {}

  /**
   * Runs as many operations as it is told, after a fifth of that as a warm-up.
   *
   * @param arguments storage directory, number of operations, seed
   * @throws Exception when a page is wrong, or a file or thread is left behind
   */
  public static void main(String[] arguments) throws Exception {
    int operations = Integer.parseInt(arguments[1]);
    Random random = new Random(Long.parseLong(arguments[2]));
    HiCacheConfig config =
        HiCacheConfig.builder()
            .environment(Map.of())
            .storageDirs(Path.of(arguments[0]))
            .backend("POSIX")
            .layout("files")
            .lanes(2)
            .build();
    try (HiCacheNixl store = HiCacheNixl.open(config);
        BytePointer page = new BytePointer(PAGE_BYTES);
        BytePointer target = new BytePointer(PAGE_BYTES)) {
      operate(store, page, target, operations / 5, random);
      System.gc();
      ProcessState before = ProcessState.now();
      long growth = Long.MAX_VALUE;
      // The JVM compiles whenever it finds the time, and takes memory for it; a leak grows every
      // time.
      for (int attempt = 0; attempt < ATTEMPTS && growth >= GROWTH_BYTES_MAX; attempt++) {
        long residentBefore = ProcessState.residentBytes();
        operate(store, page, target, operations, random);
        System.gc();
        growth = ProcessState.residentBytes() - residentBefore;
      }
      ProcessState.assertNothingAddedTo(before);
      System.out.println("growth " + growth);
    }
  }

  private static void operate(
      HiCacheNixl store, BytePointer page, BytePointer target, int operations, Random random) {
    byte[][] stored = new byte[KEYS][];
    byte[] content = new byte[PAGE_BYTES];
    for (int i = 0; i < operations; i++) {
      int k = random.nextInt(KEYS);
      if (i % 2 == 0) {
        random.nextBytes(content);
        page.put(content);
        require(store.set("page" + k, page.address(), PAGE_BYTES), "set", k);
        stored[k] = content.clone();
      } else if (stored[k] != null) {
        require(store.get("page" + k, target.address(), PAGE_BYTES), "get", k);
        target.get(content);
        require(Arrays.equals(content, stored[k]), "compare", k);
      }
    }
  }

  private static void require(boolean done, String what, int k) {
    if (!done) {
      throw new IllegalStateException(what + " of page" + k + " failed");
    }
  }
}
