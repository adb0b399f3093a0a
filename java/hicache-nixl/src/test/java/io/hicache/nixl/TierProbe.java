// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Map;
import java.util.Random;
import org.bytedeco.javacpp.BytePointer;

/** A child JVM with two tiers that is killed while it writes back. */
public final class TierProbe {
  static final int PAGE_BYTES = 64 << 10;
  private static final int PAGES_MAX = 100_000;

  private TierProbe() {}

  /**
   * Sets pages, one byte all over each, until some have been written to the lower tier while others
   * wait, and a random moment longer; says how many are stored, and is killed.
   *
   * @param arguments the two tiers
   * @throws Exception when the probe itself is broken
   */
  public static void main(String[] arguments) throws Exception {
    HiCacheConfig config =
        HiCacheConfig.builder()
            .environment(Map.of())
            .backend("POSIX")
            .lanes(2)
            .tiers(arguments[0], arguments[1])
            .build();
    HiCacheNixl store = HiCacheNixl.open(config);
    BytePointer memory = new BytePointer(PAGE_BYTES);
    int more = 1 + new Random().nextInt(40);
    int stored = 0;
    for (boolean begun = false; more > 0 && stored < PAGES_MAX; stored++) {
      BytePointer.memset(memory, stored & 0x7f, PAGE_BYTES);
      store.setPage("page" + stored, memory.address(), PAGE_BYTES).orThrow();
      TierReport report = store.describe().tiers().orElseThrow();
      begun |= report.pages().writtenBack() > 0 && report.backlog().pages() > 0;
      more -= begun ? 1 : 0;
    }
    System.out.println("stored " + stored);
    System.out.flush();
    new ProcessBuilder("kill", "-9", String.valueOf(ProcessHandle.current().pid())).start();
    Thread.sleep(60_000);
  }
}
