// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * The batches of one store that delete objects: what NIXL cannot do, done with a catalog.
 *
 * <p>Threads: safe from any number of threads.
 */
final class ObjectDeletes {
  private static final Logger LOG = LogManager.getLogger(ObjectDeletes.class);
  private static final Duration PROBE_AGE = Duration.ofHours(1);

  private final ObjectPages pages;
  private final ObjectNaming naming;
  private final CatalogCalls calls;
  private final Map<Long, ObjectBatch> batches = new ConcurrentHashMap<>();
  private final AtomicLong lastId = new AtomicLong();
  private volatile CompletableFuture<?> probe = CompletableFuture.completedFuture(null);

  /**
   * Deletes among some pages.
   *
   * @param calls are closed with this
   */
  ObjectDeletes(ObjectPages pages, ObjectNaming naming, CatalogCalls calls) {
    this.pages = pages;
    this.naming = naming;
    this.calls = calls;
  }

  /** Whether a batch is for here, and not for the core. */
  static boolean does(Operation operation) {
    return operation == Operation.DELETE || operation == Operation.CLEAR;
  }

  /**
   * Starts a delete or a clear.
   *
   * @return its id is negative, which no batch of the core has; its future always completes with a
   *     value, at the latest when the time is up
   */
  CompletionThread.Submitted submit(PageBatch batch, long timeoutMillis) {
    ObjectBatch open = new ObjectBatch(batch.count(), timeoutMillis);
    long id = lastId.decrementAndGet();
    batches.put(id, open);
    open.future().whenComplete((result, error) -> batches.remove(id));
    if (batch.operation() == Operation.CLEAR) {
      inOneStep(open, catalog -> clear(catalog, open));
    } else {
      delete(open, names(batch, open));
    }
    return new CompletionThread.Submitted(id, open.future());
  }

  /** Cancels a batch; true when an entry was open. */
  boolean cancel(long id) {
    ObjectBatch open = batches.get(id);
    return open != null && open.end(PageOutcome.CANCELLED, null);
  }

  /** The object of each entry; null for one that has none, which is settled then. */
  private String[] names(PageBatch batch, ObjectBatch open) {
    String[] names = new String[batch.count()];
    int[] components = batch.componentLengths();
    int begin = 0;
    for (int i = 0; i < names.length; i++) {
      int end = begin + batch.keyLengths()[i];
      byte[] key = Arrays.copyOfRange(batch.keyBytes(), begin, end);
      begin = end;
      try {
        names[i] = naming.name(key, components == null ? 0 : components[i]);
      } catch (HiCacheException e) {
        open.fail(i, e);
      }
    }
    return names;
  }

  /**
   * A server does not tell of an object that it deletes whether it was there (S3 answers the same
   * either way), and a delete must tell what is gone from what never was: each object is looked up
   * first, side by side, and those that are there go in one request.
   */
  private void delete(ObjectBatch open, String[] names) {
    Map<Integer, String> there = new ConcurrentHashMap<>();
    Set<String> seen = new HashSet<>();
    List<CompletableFuture<?>> looks = new ArrayList<>();
    for (int i = 0; i < names.length; i++) {
      int index = i;
      String name = names[i];
      if (name == null) {
        continue;
      }
      if (!seen.add(name)) {
        open.settle(i, PageOutcome.MISS, 0); // gone by the entry before
        continue;
      }
      looks.add(
          calls
              .start(catalog -> open.isOpen() && catalog.find(name).isPresent())
              .handle(
                  (found, error) -> {
                    if (error != null) {
                      open.fail(index, CatalogCalls.asHiCache(error));
                    } else if (found) {
                      there.put(index, name);
                    } else {
                      open.settle(index, PageOutcome.MISS, 0);
                    }
                    return null;
                  }));
    }
    CompletableFuture.allOf(looks.toArray(CompletableFuture[]::new))
        .thenRun(() -> inOneStep(open, catalog -> remove(catalog, open, there)));
  }

  private static void remove(ObjectCatalog catalog, ObjectBatch open, Map<Integer, String> there) {
    if (there.isEmpty()) {
      return;
    }
    Map<String, HiCacheException> failed = catalog.delete(List.copyOf(there.values()));
    there.forEach(
        (index, name) -> {
          HiCacheException cause = failed.get(name);
          if (cause != null) {
            open.fail(index, cause);
          } else {
            open.settle(index, PageOutcome.REMOVED, 0);
          }
        });
  }

  /**
   * What lies below the prefix and is named as this store's pages are; nothing is read. Probes that
   * stores left when they were killed go too, and do not count.
   */
  private void clear(ObjectCatalog catalog, ObjectBatch open) {
    Instant old = Instant.now().minus(PROBE_AGE);
    long removed = 0;
    Map<String, HiCacheException> failed = new LinkedHashMap<>();
    String from = null;
    do {
      ObjectListing listing = catalog.list(pages.prefix(), from);
      List<String> own =
          listing.objects().stream().filter(pages::isPage).map(ObjectEntry::name).toList();
      List<String> names = new ArrayList<>(own);
      listing.objects().stream()
          .filter(object -> pages.isProbe(object) && object.modified().isBefore(old))
          .forEach(object -> names.add(object.name()));
      if (!names.isEmpty() && open.isOpen()) {
        Map<String, HiCacheException> kept = catalog.delete(names);
        failed.putAll(kept);
        removed += own.stream().filter(name -> !kept.containsKey(name)).count();
      }
      from = listing.next();
    } while (from != null && open.isOpen());
    if (failed.isEmpty()) {
      open.settle(0, PageOutcome.REMOVED, removed);
    } else {
      HiCacheException first = failed.values().iterator().next();
      String message = "%d objects were removed and %d were not, the first of them: %s";
      message = String.format(message, removed, failed.size(), first.getMessage());
      open.fail(0, new HiCacheException(first.code(), message, first));
    }
  }

  /** A call after which nothing of a batch is open. */
  private void inOneStep(ObjectBatch open, Consumer<ObjectCatalog> step) {
    calls
        .start(
            catalog -> {
              if (open.isOpen()) {
                step.accept(catalog);
              }
              return null;
            })
        .exceptionally(
            error -> {
              HiCacheException cause = CatalogCalls.asHiCache(error);
              open.end(
                  cause.code() == ErrorCode.TIMEOUT ? PageOutcome.TIMED_OUT : PageOutcome.FAILED,
                  cause);
              return null;
            });
  }

  /** Removes what the start-up probe of this store left. Waits for nothing; a failure is logged. */
  void removeProbe(String name) {
    probe =
        calls
            .start(catalog -> catalog.delete(List.of(name)))
            .handle(
                (failed, error) -> {
                  Throwable cause = error != null ? error : failed.get(name);
                  if (cause != null) {
                    LOG.warn("the start-up probe's object {} stays: {}", name, cause.getMessage());
                  }
                  return null;
                });
  }

  /** Waits for what is under way; deletes and clears that take longer end as TIMED_OUT. */
  void close(long timeoutMillis) {
    List<CompletableFuture<?>> open = new ArrayList<>(List.of(probe));
    batches.values().forEach(batch -> open.add(batch.future()));
    try {
      CatalogCalls.waitFor(
          CompletableFuture.allOf(open.toArray(CompletableFuture[]::new)), timeoutMillis);
    } catch (TimeoutException e) {
      String message = "the store was closed, and the object storage had not answered";
      HiCacheException cause = new HiCacheException(ErrorCode.TIMEOUT, message, e);
      batches.values().forEach(batch -> batch.end(PageOutcome.TIMED_OUT, cause));
    }
    calls.close();
  }
}
