// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_MEMORY_HUGE_PAGES;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_MEMORY_PINNED;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_memory_allocate;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_memory_describe;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_memory_free;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * One range of the core's host memory. It is freed when it is closed and its last user has released
 * it, whichever comes later.
 *
 * <p>Threads: safe from any number of threads.
 */
final class HostMemory {
  private static final Logger LOG = LogManager.getLogger(HostMemory.class);

  private final long address;
  private final long length;
  private final SettingsBlob about;
  private long users;
  private boolean closed;

  private HostMemory(long address, long length) {
    this.address = address;
    this.length = length;
    about = SettingsBlob.read((text, room) -> hicache_memory_describe(address, text, room));
  }

  /**
   * Allocates zeroed memory on a boundary of 4096 bytes, of 2 MiB when huge pages are wished for.
   *
   * @param length bytes, 1 or more
   * @param hugePages a wish, see {@link #hasHugePages()}
   * @param pinned a wish, see {@link #isPinned()}
   * @throws HiCacheException IO when there is no such memory
   */
  static HostMemory allocate(long length, boolean hugePages, boolean pinned) {
    NativeLibrary.load();
    int flags = (hugePages ? HICACHE_MEMORY_HUGE_PAGES : 0) | (pinned ? HICACHE_MEMORY_PINNED : 0);
    try (NativeError error = new NativeError()) {
      long address = hicache_memory_allocate(length, flags, new int[1], error.out());
      if (address == 0) {
        throw error.toException();
      }
      return new HostMemory(address, length);
    }
  }

  /** First byte. For one who has retained it, or knows that nobody closes it. */
  long address() {
    return address;
  }

  /** Bytes. */
  long length() {
    return length;
  }

  boolean hasHugePages() {
    return about.flag("huge_pages");
  }

  boolean isPinned() {
    return about.flag("pinned");
  }

  /** All of it, for native calls; owns nothing. */
  Pointer pointer() {
    return new Range(address, length);
  }

  /** Copies bytes between ranges that do not overlap. */
  static void copy(long to, long from, long length) {
    Pointer.memcpy(new Range(to, length), new Range(from, length), length);
  }

  /** Refuses memory whose close has begun. */
  synchronized void requireOpen() {
    if (closed) {
      throw new HiCacheException(ErrorCode.CLOSED, "the host pool is closed; allocate a new one");
    }
  }

  /**
   * Keeps it allocated until {@link #release()}.
   *
   * @throws HiCacheException CLOSED once a close has begun
   */
  synchronized void retain() {
    requireOpen();
    users++;
  }

  /** Undoes one {@link #retain()}; the last one after a close frees the memory. */
  void release() {
    synchronized (this) {
      if (users == 0) {
        throw new HiCacheException(
            ErrorCode.INTERNAL, "the host pool was released more often than retained");
      }
      users--;
      if (users > 0 || !closed) {
        return;
      }
    }
    free();
  }

  /** Frees the memory, or leaves that to its last user. Calling it again does nothing. */
  void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      if (users > 0) {
        LOG.info("closing: the host pool is in use; its last user frees {} bytes", length);
        return;
      }
    }
    free();
  }

  synchronized boolean isClosed() {
    return closed;
  }

  private void free() {
    try (NativeError error = new NativeError()) {
      if (hicache_memory_free(address, error.out()) != 1) {
        LOG.error("{} bytes of a host pool are lost", length, error.toException());
      }
    }
  }

  /** What became of both wishes, in words. */
  @Override
  public String toString() {
    return "huge pages: " + wish("huge_pages") + ", pinned: " + wish("pinned");
  }

  private String wish(String name) {
    String reason = about.text(name + "_reason");
    return about.flag(name) ? "yes" : reason.isEmpty() ? "no" : "no (" + reason + ")";
  }

  /** Memory by its address. */
  private static final class Range extends BytePointer {
    Range(long address, long length) {
      super((Pointer) null);
      this.address = address;
      limit = length;
      capacity = length;
    }
  }
}
