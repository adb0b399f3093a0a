// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.hicache_file_close;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_file_open;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * File descriptors that were opened here, and the only ones that are closed here.
 *
 * <p>Threads: safe from any number of threads.
 */
final class OpenDescriptors {
  private static final Logger LOG = LogManager.getLogger(OpenDescriptors.class);

  private final Set<Integer> open = new HashSet<>();
  private boolean closed;

  /** True after {@link #closeAll}. */
  synchronized boolean areClosed() {
    return closed;
  }

  /** Opens a regular file for reading and writing; path is in UTF-8. */
  synchronized int open(byte[] path) {
    if (closed) {
      throw new HiCacheException(ErrorCode.CLOSED, "the file manager is closed");
    }
    try (NativeError error = new NativeError()) {
      int fd = hicache_file_open(path, path.length, 0, error.out());
      if (fd < 0) {
        throw error.toException();
      }
      open.add(fd);
      return fd;
    }
  }

  /** Closes a descriptor; false when it was not opened here, or the system reports an error. */
  synchronized boolean close(int fd) {
    if (!open.remove(fd)) {
      return false;
    }
    try (NativeError error = new NativeError()) {
      if (hicache_file_close(fd, error.out()) != 1) {
        LOG.warn("closing file descriptor {} failed: {}", fd, error.toException().getMessage());
        return false;
      }
      return true;
    }
  }

  /** Closes the rest, and opens no more. */
  synchronized void closeAll() {
    closed = true;
    List.copyOf(open).forEach(this::close);
  }
}
