// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * The threads on which the calls of one store's catalog run, up to 16 side by side. The catalog is
 * opened by the first of them.
 *
 * <p>Threads: safe from any number of threads.
 */
final class CatalogCalls implements AutoCloseable {
  private static final Logger LOG = LogManager.getLogger(CatalogCalls.class);
  private static final int THREADS = 16;
  private static final long IDLE_SECONDS = 10;

  private final Supplier<ObjectCatalog> opening;
  private final long timeoutMillis;
  private final Set<CompletableFuture<?>> underWay = ConcurrentHashMap.newKeySet();
  private final ThreadPoolExecutor threads =
      new ThreadPoolExecutor(
          THREADS,
          THREADS,
          IDLE_SECONDS,
          TimeUnit.SECONDS,
          new LinkedBlockingQueue<>(),
          CatalogCalls::newThread);
  private ObjectCatalog catalog; // null until opened
  private volatile boolean closed;

  /**
   * Makes no thread yet.
   *
   * @param opening opens the catalog; what it throws is the answer to the call that needed it
   * @param timeoutMillis how long one call may take
   */
  CatalogCalls(Supplier<ObjectCatalog> opening, long timeoutMillis) {
    this.opening = opening;
    this.timeoutMillis = timeoutMillis;
    threads.allowCoreThreadTimeOut(true);
  }

  /**
   * Makes a call on another thread.
   *
   * @return completes with what it gives, exceptionally only with a {@link HiCacheException};
   *     CLOSED at the latest when this is closed
   */
  <T> CompletableFuture<T> start(Function<ObjectCatalog, T> call) {
    CompletableFuture<T> future = new CompletableFuture<>();
    underWay.add(future);
    future.whenComplete((value, error) -> underWay.remove(future));
    if (closed) {
      future.completeExceptionally(NativeStore.closed());
      return future;
    }
    try {
      threads.execute(() -> run(future, call));
    } catch (RuntimeException | Error e) { // closed meanwhile, or no thread to be had
      future.completeExceptionally(closed ? NativeStore.closed() : asHiCache(e));
    }
    return future;
  }

  /**
   * Makes a call and waits for it.
   *
   * @param subject begins the message of a time-out
   */
  <T> T get(String subject, Function<ObjectCatalog, T> call) {
    return await(subject, start(call));
  }

  /** Waits for a call. */
  <T> T await(String subject, CompletableFuture<T> future) {
    try {
      return waitFor(future, timeoutMillis + PageCalls.GRACE_MILLIS);
    } catch (TimeoutException e) {
      String message = subject + ": the object storage did not answer within " + timeoutMillis;
      throw new HiCacheException(ErrorCode.TIMEOUT, message + " ms and a grace; try again", e);
    }
  }

  /** Waits; an interrupt does not cut it short, and is handed on afterwards. */
  static <T> T waitFor(CompletableFuture<T> future, long millis) throws TimeoutException {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      throw asHiCache(e.getCause()).here();
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private <T> void run(CompletableFuture<T> future, Function<ObjectCatalog, T> call) {
    if (future.isDone()) {
      return;
    }
    try {
      future.complete(call.apply(catalog()));
    } catch (RuntimeException | Error e) {
      future.completeExceptionally(closed ? NativeStore.closed() : asHiCache(e));
    }
  }

  private ObjectCatalog catalog() {
    synchronized (threads) {
      if (closed) {
        throw NativeStore.closed();
      }
      if (catalog == null) {
        catalog = opening.get();
      }
      return catalog;
    }
  }

  /** What a call failed with, as the one exception of this library. */
  static HiCacheException asHiCache(Throwable error) {
    return error instanceof HiCacheException known
        ? known
        : new HiCacheException(ErrorCode.INTERNAL, "the object catalog failed: " + error, error);
  }

  /** Ends what is under way as CLOSED, and closes the catalog. Waits for nothing. */
  @Override
  public void close() {
    closed = true;
    underWay.forEach(future -> future.completeExceptionally(NativeStore.closed()));
    threads.shutdownNow();
    synchronized (threads) {
      if (catalog == null) {
        return;
      }
      try {
        catalog.close();
      } catch (RuntimeException e) {
        LOG.warn("closing: the object catalog failed", e);
      }
      catalog = null;
    }
  }

  private static Thread newThread(Runnable work) {
    Thread thread = new Thread(work, "hicache-objects");
    thread.setDaemon(true);
    return thread;
  }
}
