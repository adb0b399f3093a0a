// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheException;

/**
 * Whether pages can be objects where a configuration says: opening a store puts a small object
 * there and compares what comes back.
 *
 * @param place the bucket or container, and where it is
 * @param problem why it does not work; empty when it does
 */
record BucketCheck(String place, String problem) {

  /** Opens a store of objects and closes it again. */
  static BucketCheck of(HiCacheConfig config) {
    try {
      return StoreCommand.withStore(
          config,
          (store, memory) ->
              new BucketCheck(
                  store
                      .describe()
                      .objects()
                      .map(objects -> objects.bucket() + " at " + objects.endpoint())
                      .orElse(config.backend()),
                  ""));
    } catch (HiCacheException failure) {
      String bucket =
          config
              .pluginParams()
              .getOrDefault("bucket", config.pluginParams().getOrDefault("container_name", ""));
      return new BucketCheck((config.backend() + " " + bucket).strip(), failure.getMessage());
    }
  }

  boolean works() {
    return problem.isEmpty();
  }
}
