// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheNixl;
import java.nio.file.Path;
import java.util.Map;

/** Migrates in a process of its own, and prints a line for each batch, until it is killed. */
public final class MigrationProbe {
  private MigrationProbe() {}

  /**
   * Runs the migration.
   *
   * @param arguments storage directory, layout to move to, bytes of a batch
   */
  public static void main(String[] arguments) {
    HiCacheConfig to =
        HiCacheConfig.builder()
            .environment(Map.of())
            .storageDir(Path.of(arguments[0]))
            .layout(arguments[1])
            .build();
    HiCacheConfig from = to.toBuilder().layout(MigrationFixture.other(arguments[1])).build();
    try (NativeMemory memory = new NativeMemory();
        HiCacheNixl source = HiCacheNixl.open(from);
        HiCacheNixl target = HiCacheNixl.open(to)) {
      new PageMigration(source, target, memory, false, Long.parseLong(arguments[2]))
          .moveAll(
              () -> {
                System.out.println("batch");
                return false;
              },
              bytes -> {});
    }
  }
}
