// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.hicache_deregister;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_memory_type_of;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_register;

import io.hicache.nixl.core.hicache_registration;
import java.io.ByteArrayOutputStream;
import java.util.List;

/**
 * A list of memory ranges, files or objects made known to an agent, until it is closed. Closing the
 * agent ends it as well.
 *
 * <p>Threads: safe from any number of threads, which take turns at the agent.
 */
public final class Registration implements AutoCloseable {
  private final NixlAgent agent;
  private final MemoryType memoryType;
  private final int size;
  private hicache_registration handle;
  private Object owner;

  private Registration(
      NixlAgent agent, MemoryType type, int size, hicache_registration handle, Object owner) {
    this.agent = agent;
    this.memoryType = type;
    this.size = size;
    this.handle = handle;
    this.owner = owner;
  }

  /** Registers descriptors; owner stays referenced until the close. */
  static Registration of(
      NixlAgent agent,
      MemoryType type,
      long[] addresses,
      long[] lengths,
      long[] ids,
      List<byte[]> names,
      Object owner) {
    ByteArrayOutputStream blob = new ByteArrayOutputStream();
    names.forEach(blob::writeBytes);
    byte[] metadata = names.isEmpty() ? null : blob.toByteArray();
    int[] metadataLengths =
        names.isEmpty() ? null : names.stream().mapToInt(name -> name.length).toArray();
    return agent.call(
        handle -> {
          try (NativeError error = new NativeError()) {
            hicache_registration made =
                hicache_register(
                    handle,
                    type.number(),
                    ids.length,
                    addresses,
                    lengths,
                    ids,
                    metadata,
                    metadataLengths,
                    error.out());
            if (made == null || made.isNull()) {
              throw error.toException();
            }
            return new Registration(agent, type, ids.length, made, owner);
          }
        });
  }

  /** Detects in which memory an address lies; its device goes to devices[i]. */
  static MemoryType memoryType(long address, long[] devices, int i) {
    int[] device = new int[1];
    MemoryType type = MemoryType.of(hicache_memory_type_of(address, device));
    devices[i] = device[0];
    return type;
  }

  /**
   * The memory type of all its descriptors, as it was detected.
   *
   * @return never null
   */
  public MemoryType memoryType() {
    return memoryType;
  }

  /**
   * Number of descriptors.
   *
   * @return 1 or more
   */
  public int size() {
    return size;
  }

  /** Deregisters. Calling it again does nothing. */
  @Override
  public void close() {
    agent.finish(
        () -> {
          if (handle != null) {
            hicache_deregister(handle);
            handle = null;
            owner = null;
          }
        });
  }
}
