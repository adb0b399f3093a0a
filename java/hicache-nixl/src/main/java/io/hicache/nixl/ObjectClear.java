// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * One clear: what lies below the prefix and is a page of this store, as the beginning of each
 * object tells. Probes that stores left when they were killed go too, and do not count.
 *
 * <p>Threads: runs on a thread of its own, for it waits for the catalog's.
 */
final class ObjectClear {
  /** A younger probe may be another store's, which is just reading it. */
  private static final Duration PROBE_AGE = Duration.ofHours(1);

  private final ObjectPages pages;
  private final CatalogCalls calls;
  private final ObjectBatch open;
  private final Map<String, HiCacheException> failed = new LinkedHashMap<>();
  private long removed;

  /**
   * A clear that is not started yet.
   *
   * @param open the batch that it settles
   */
  ObjectClear(ObjectPages pages, CatalogCalls calls, ObjectBatch open) {
    this.pages = pages;
    this.calls = calls;
    this.open = open;
  }

  /** Waits for nothing. */
  void start() {
    Thread thread = new Thread(this::run, "hicache-clear");
    thread.setDaemon(true);
    thread.start();
  }

  private void run() {
    try {
      String from = null;
      do {
        ObjectListing listing = pages.list(from);
        remove(own(listing), oldProbes(listing));
        from = listing.next();
      } while (from != null && open.isOpen());
      settle();
    } catch (RuntimeException | Error e) {
      open.end(e);
    }
  }

  /** Those that cannot be read failed. */
  private List<String> own(ObjectListing listing) {
    List<String> own = new ArrayList<>();
    Map<String, CompletableFuture<PageInfo>> reads = pages.judge(listing);
    for (Map.Entry<String, CompletableFuture<PageInfo>> read : reads.entrySet()) {
      if (!open.isOpen()) {
        reads.values().forEach(left -> left.cancel(false));
        break;
      }
      try {
        if (pages.await(read.getValue()) != null) {
          own.add(read.getKey());
        }
      } catch (HiCacheException e) {
        failed.put(read.getKey(), e);
      }
    }
    return own;
  }

  private List<String> oldProbes(ObjectListing listing) {
    Instant old = Instant.now().minus(PROBE_AGE);
    return listing.objects().stream()
        .filter(object -> pages.isProbe(object) && object.modified().isBefore(old))
        .map(ObjectEntry::name)
        .toList();
  }

  private void remove(List<String> own, List<String> probes) {
    List<String> names = new ArrayList<>(own);
    names.addAll(probes);
    if (!names.isEmpty() && open.isOpen()) {
      Map<String, HiCacheException> kept =
          calls.get("clear", catalog -> open.isOpen() ? catalog.delete(names) : Map.of());
      failed.putAll(kept);
      removed += own.stream().filter(name -> !kept.containsKey(name)).count();
    }
  }

  private void settle() {
    if (failed.isEmpty()) {
      open.settle(0, PageOutcome.REMOVED, removed);
      return;
    }
    HiCacheException first = failed.values().iterator().next();
    String message = "%d objects were removed and %d were not, the first of them: %s";
    message = String.format(message, removed, failed.size(), first.getMessage());
    open.fail(0, new HiCacheException(first.code(), message, first));
  }
}
