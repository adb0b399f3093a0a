// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheConfigBuilder;
import io.hicache.nixl.HiCacheNixl;
import java.time.Duration;

/** A command on one open store. */
abstract class StoreCommand extends HiCacheCommand {

  /** Does the work on an open store; memory lives until the store is closed. */
  abstract ExitCode run(HiCacheNixl store, NativeMemory memory);

  @Override
  final ExitCode run() {
    HiCacheConfigBuilder builder = storeOptions().builder(cli().environment());
    configure(builder);
    return withStore(builder.build(), this::run);
  }

  /** What this command sets whatever the options say. */
  void configure(HiCacheConfigBuilder builder) {}

  /** Work on an open store. */
  interface Work<T> {
    T on(HiCacheNixl store, NativeMemory memory);
  }

  /** Opens a store, works, closes it, and frees the memory unless a transfer hangs in it. */
  @SuppressWarnings("resource") // freed below, or left to the hanging transfer
  static <T> T withStore(HiCacheConfig config, Work<T> work) {
    NativeMemory memory = new NativeMemory();
    HiCacheNixl store = HiCacheNixl.open(config);
    try {
      return work.on(store, memory);
    } finally {
      if (store.close(Duration.ofMillis(config.closeTimeoutMillis()))) {
        memory.close();
      }
    }
  }
}
