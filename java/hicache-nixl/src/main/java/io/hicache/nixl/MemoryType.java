// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_MEMORY_DRAM;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_MEMORY_FILE;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_MEMORY_OBJECT;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_MEMORY_VRAM;

/**
 * Kinds of memory that NIXL moves bytes between, numbered as NIXL numbers them.
 *
 * <p>Threads: immutable.
 */
public enum MemoryType {
  /** Host memory. */
  DRAM(HICACHE_MEMORY_DRAM),
  /** Memory of a CUDA device. */
  VRAM(HICACHE_MEMORY_VRAM),
  /** Objects of an object store. */
  OBJECT(HICACHE_MEMORY_OBJECT),
  /** Files. */
  FILE(HICACHE_MEMORY_FILE);

  private final int number;

  MemoryType(int number) {
    this.number = number;
  }

  /** The value of this type in {@code enum hicache_memory_type}. */
  int number() {
    return number;
  }

  /** The type with a number of {@code enum hicache_memory_type}. */
  static MemoryType of(int number) {
    for (MemoryType type : values()) {
      if (type.number == number) {
        return type;
      }
    }
    throw new HiCacheException(ErrorCode.INTERNAL, "memory type " + number + " is unknown here");
  }
}
