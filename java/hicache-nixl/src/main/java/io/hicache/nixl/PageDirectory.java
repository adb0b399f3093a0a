// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_KEY_BYTES_MAX;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_find;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_listing_close;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_listing_next;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_listing_open;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_remove;

import io.hicache.nixl.core.hicache_listing;
import io.hicache.nixl.core.hicache_page_info;
import io.hicache.nixl.core.hicache_store;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.bytedeco.javacpp.BytePointer;

/**
 * The pages of a store as its directories show them: look-ups and removals that read no page and
 * have no deadline, done on the calling thread. Only pages of the store's own model and rank, or
 * namespace and ranks, are seen.
 *
 * <p>Where pages are objects the bucket is asked, which takes the module {@code
 * io.hicache:hicache-s3} on the class path: without it every call but {@code path} throws
 * UNSUPPORTED. Each request then ends within the configured time-out, or the call throws TIMEOUT;
 * BACKEND_UNAVAILABLE and TRANSFER_FAILED stand for what the server refuses. Objects that are
 * damaged are not shown.
 *
 * <p>Threads: safe from any number of threads.
 */
public sealed class PageDirectory permits TieredDirectory {
  /** Keeps the store's owner reachable, and with it the store open. */
  private final HiCacheNixl owner;

  private final NativeStore store;

  PageDirectory(HiCacheNixl owner, NativeStore store) {
    this.owner = owner;
    this.store = store;
  }

  /**
   * Looks up one page.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @return empty when there is none
   * @throws HiCacheException INVALID_ARGUMENT for a bad key, IO when the directory cannot be read,
   *     CLOSED
   */
  public Optional<PageInfo> find(String key) {
    return find(key, "");
  }

  /**
   * Looks again at a page that was listed.
   *
   * @param page as it was
   * @return as it is now; empty when it is gone
   */
  public Optional<PageInfo> find(PageInfo page) {
    return find(page.key(), page.component());
  }

  Optional<PageInfo> find(String key, String component) {
    byte[] bytes = KeyCodec.encode("find", key, component);
    if (store.objects() != null) {
      return kept(() -> store.objects().find(bytes, component.length()))
          .map(page -> page.named(key));
    }
    return fenced(
        handle -> {
          try (NativeError error = new NativeError();
              hicache_page_info info = new hicache_page_info()) {
            return switch (hicache_find(
                handle, bytes, bytes.length, component.length(), info, error.out())) {
              case 0 -> Optional.empty();
              case 1 -> Optional.of(PageInfo.of(key, info));
              default -> throw error.toException();
            };
          }
        });
  }

  /**
   * Shows every page to a visitor, in no order. Pages that come or go meanwhile may or may not be
   * shown.
   *
   * @param visitor called once for each page; it may call the store, but not close it; what it
   *     throws ends the visit
   * @throws HiCacheException IO when a directory cannot be read, CLOSED also when the store is
   *     closed meanwhile
   */
  public void forEach(Consumer<PageInfo> visitor) {
    if (store.objects() != null) {
      kept(
          () -> {
            store.objects().forEach(page -> visit(page, visitor));
            return null;
          });
      return;
    }
    fenced(
        handle -> {
          try (NativeError error = new NativeError()) {
            hicache_listing listing = hicache_listing_open(handle, error.out());
            if (listing == null || listing.isNull()) {
              throw error.toException();
            }
            try {
              visit(listing, visitor, error);
            } finally {
              hicache_listing_close(listing);
            }
          }
          return null;
        });
  }

  /**
   * Removes a page that was looked up or listed, and nothing that has replaced it since.
   *
   * @param page as it was
   * @return true when it is gone now; false when it was not there any more
   * @throws HiCacheException IO when it cannot be removed, CLOSED
   */
  public boolean remove(PageInfo page) {
    byte[] bytes = KeyCodec.encode("remove", page.key(), page.component());
    if (store.objects() != null) {
      return kept(() -> store.objects().remove(bytes, page));
    }
    return fenced(
        handle -> {
          try (NativeError error = new NativeError()) {
            return switch (hicache_remove(
                handle,
                bytes,
                bytes.length,
                page.component().length(),
                page.version(),
                error.out())) {
              case 0 -> false;
              case 1 -> true;
              default -> throw error.toException();
            };
          }
        });
  }

  /**
   * The file that holds a key's page, or would hold it. Opens nothing.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @return its path below one of the base directories; the name of its object where pages are
   *     objects
   * @throws HiCacheException INVALID_ARGUMENT for a bad key, CLOSED
   */
  public Path path(String key) {
    return path(key, "");
  }

  /**
   * The file of a page that was listed.
   *
   * @param page as it was
   * @return its path below one of the base directories
   */
  public Path path(PageInfo page) {
    return path(page.key(), page.component());
  }

  Path path(String key, String component) {
    byte[] bytes = KeyCodec.encode("path", key, component);
    return NativeText.path(
        fenced(handle -> NativeObjectNaming.path(handle, bytes, component.length())));
  }

  private <T> T fenced(Function<hicache_store, T> nativeCall) {
    return kept(() -> store.call(nativeCall));
  }

  private <T> T kept(Supplier<T> call) {
    try {
      return call.get();
    } finally {
      Reference.reachabilityFence(owner);
    }
  }

  /** Inside a native call, so that a visitor that closes the store is refused. */
  private void visit(PageInfo page, Consumer<PageInfo> visitor) {
    store.call(
        handle -> {
          visitor.accept(page);
          return null;
        });
  }

  private void visit(hicache_listing listing, Consumer<PageInfo> visitor, NativeError error) {
    try (BytePointer key = new BytePointer(HICACHE_KEY_BYTES_MAX);
        hicache_page_info info = new hicache_page_info()) {
      while (true) {
        store.requireOpen();
        int length = hicache_listing_next(listing, key, HICACHE_KEY_BYTES_MAX, info, error.out());
        if (length < 0) {
          throw error.toException();
        }
        if (length == 0) {
          return;
        }
        byte[] bytes = new byte[length];
        key.get(bytes);
        visitor.accept(PageInfo.of(new String(bytes, StandardCharsets.UTF_8), info));
      }
    }
  }
}
