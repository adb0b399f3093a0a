// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * The batches of one store that delete objects: what NIXL cannot do, done with a catalog.
 *
 * <p>Threads: safe from any number of threads.
 */
final class ObjectDeletes {
  private static final Logger LOG = LogManager.getLogger(ObjectDeletes.class);

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
    boolean clears = batch.operation() == Operation.CLEAR;
    String late =
        clears
            ? "the object storage did not let go of all within %d ms; clear again, or raise timeout_millis"
            : "the object storage did not answer within %d ms; try again";
    ObjectBatch open = new ObjectBatch(batch.count(), timeoutMillis, late);
    long id = lastId.decrementAndGet();
    batches.put(id, open);
    open.future().whenComplete((result, error) -> batches.remove(id));
    if (clears) {
      new ObjectClear(pages, calls, open).start();
    } else {
      delete(open, names(batch, open));
    }
    return new CompletionThread.Submitted(id, open.future());
  }

  /** Cancels a batch; true when an entry was open. */
  boolean cancel(long id) {
    ObjectBatch open = batches.get(id);
    return open != null && open.cancel();
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
        .thenRun(() -> remove(open, there));
  }

  private void remove(ObjectBatch open, Map<Integer, String> there) {
    if (there.isEmpty()) {
      return;
    }
    List<String> names = List.copyOf(there.values());
    calls
        .start(
            catalog -> open.isOpen() ? catalog.delete(names) : Map.<String, HiCacheException>of())
        .whenComplete(
            (failed, error) -> {
              if (error != null) {
                open.end(error);
              } else {
                settle(open, there, failed);
              }
            });
  }

  private static void settle(
      ObjectBatch open, Map<Integer, String> there, Map<String, HiCacheException> failed) {
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
      batches.values().forEach(batch -> batch.end(cause));
    }
    calls.close();
  }
}
