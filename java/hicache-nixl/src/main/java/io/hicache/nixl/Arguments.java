// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;

/** Checks of the lists of a batch. Threads: stateless. */
final class Arguments {
  private Arguments() {}

  /** Refuses a list of keys that is null. */
  static void requireKeys(String call, List<String> keys) {
    if (keys == null) {
      throw HiCacheException.invalid(call + ": the list of keys is null");
    }
  }

  /** Refuses lists that are null or differ in size. */
  static void requireSameSize(String call, List<String> keys, List<?> tensors) {
    requireKeys(call, keys);
    if (tensors == null) {
      throw HiCacheException.invalid(call + ": the list of tensors is null");
    }
    requireSameSize(call, keys.size(), tensors.size(), "tensors");
  }

  /** Refuses arrays that are null or differ in size. */
  static void requireSameSize(String call, List<String> keys, long[] addresses, long[] lengths) {
    requireKeys(call, keys);
    if (addresses == null || lengths == null) {
      throw HiCacheException.invalid(
          call + ": the array of " + (addresses == null ? "addresses" : "lengths") + " is null");
    }
    requireSameSize(call, keys.size(), addresses.length, "addresses");
    requireSameSize(call, keys.size(), lengths.length, "lengths");
  }

  private static void requireSameSize(String call, int keys, int others, String what) {
    if (keys != others) {
      throw HiCacheException.invalid(
          call + ": " + keys + " keys but " + others + " " + what + "; pass one for each key");
    }
  }
}
