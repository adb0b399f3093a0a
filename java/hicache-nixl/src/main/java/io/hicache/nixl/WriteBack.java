// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * The threads that empty the backlog. While the lower tier takes nothing the backlog waits, and is
 * tried after longer and longer pauses.
 *
 * <p>Threads: made and ended by one thread.
 */
final class WriteBack {
  private static final Logger LOG = LogManager.getLogger(TieredStore.class);
  private static final int THREADS = 2;
  private static final int PAGES = 64;
  private static final long BYTES = 16L << 20;
  private static final int FAILURES_BEFORE_REOPENING = 3;
  private static final long THREAD_END_MILLIS = 5000;

  private final TierParts parts;
  private final long timeoutMillis;
  private final LowerTier.Patience patience;
  private final StagingMemory memory = new StagingMemory(2 * THREADS * BYTES);
  private final List<Writer> writers = new ArrayList<>();

  WriteBack(TierParts parts, long timeoutMillis, LowerTier.Patience patience) {
    this.parts = parts;
    this.timeoutMillis = timeoutMillis;
    this.patience = patience;
  }

  void start() {
    for (int i = 0; i < THREADS; i++) {
      Writer writer = new Writer("hicache-write-back-" + i);
      writers.add(writer);
      writer.start();
    }
  }

  /** Waits until all is written, for a time, or until the lower tier takes nothing. */
  void drain(long millis) {
    parts.backlog().awaitEmpty(millis, () -> !parts.lower().isUp());
  }

  /** Ends the threads; what they have under way is cancelled. */
  void stop() {
    parts.backlog().close();
    memory.close();
    writers.forEach(writer -> writer.pages.end());
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(THREAD_END_MILLIS);
    for (Writer writer : writers) {
      try {
        writer.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime())));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private final class Writer extends Thread {
    private final PageWriter pages = new PageWriter(parts, memory, timeoutMillis);
    private int failures; // in a row

    Writer(String name) {
      super(name);
      setDaemon(true);
    }

    @Override
    public void run() {
      long pause = patience.firstMillis();
      try {
        for (List<Backlog.Entry> taken = parts.backlog().take(PAGES, BYTES);
            taken != null;
            taken = parts.backlog().take(PAGES, BYTES)) {
          if (write(taken)) {
            failures = 0;
            pause = patience.firstMillis();
          } else {
            parts.backlog().pause(pause);
            pause = patience.after(pause);
          }
        }
      } catch (InterruptedException e) {
        LOG.error("{} was interrupted and ends", getName());
      }
    }

    /** False when the lower tier takes nothing. */
    private boolean write(List<Backlog.Entry> taken) throws InterruptedException {
      HiCacheException trouble;
      try {
        trouble = pages.write(taken);
      } catch (RuntimeException | Error e) {
        LOG.error("writing pages to the lower tier {} failed", parts.lower().place(), e);
        trouble = new HiCacheException(ErrorCode.INTERNAL, "write-back: " + e, e);
        taken.forEach(parts.backlog()::putBack);
      }
      if (trouble == null) {
        return true;
      }
      parts.lower().takesNoPages(trouble);
      failures++;
      // An object store recovers by itself, a directory may have become another one.
      if (failures % FAILURES_BEFORE_REOPENING == 0
          && trouble.code() != ErrorCode.BACKEND_UNAVAILABLE
          && trouble.code() != ErrorCode.TIMEOUT) {
        parts.lower().reopen();
      }
      return false;
    }
  }
}
