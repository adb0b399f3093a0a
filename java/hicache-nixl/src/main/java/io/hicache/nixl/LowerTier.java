// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * The tier below, which may be away: when a store opens, until a thread here has opened it, and
 * later, until a batch succeeds again. Nothing that is asked of it throws.
 *
 * <p>Threads: safe from any number of threads.
 */
final class LowerTier {
  private static final Logger LOG = LogManager.getLogger(TieredStore.class);
  private static final long NO_BATCH = 0;
  private static final Duration OLD_STORE = Duration.ofSeconds(5);

  /** How long between two tries of something: from the first to the longest, doubling. */
  record Patience(long firstMillis, long longestMillis) {
    static final Patience OPENING = new Patience(1000, 60_000);
    static final Patience WRITING = new Patience(100, 5_000);

    /** The pause after one that did not help. */
    long after(long pauseMillis) {
      return Math.min(pauseMillis * 2, longestMillis);
    }
  }

  private final String place;
  private final Supplier<BatchStore> opening;
  private final Patience patience;

  private volatile BatchStore store; // null until it could be opened
  private volatile PageDirectory directory;
  private volatile String away; // why it does not answer; null: it does
  private volatile String refusing; // why it takes no pages; null: it does
  private volatile boolean hangs; // in a store that was replaced
  private Thread opener; // guarded by this
  private boolean closed; // guarded by this

  LowerTier(String place, Supplier<BatchStore> opening, Patience patience) {
    this.place = place;
    this.opening = opening;
    this.patience = patience;
  }

  /**
   * Opens it, or has it tried again and again while the store works without it.
   *
   * @throws HiCacheException where trying again is no use: INVALID_ARGUMENT, UNSUPPORTED, CORRUPT
   */
  void open() {
    try {
      opened(opening.get());
    } catch (HiCacheException e) {
      switch (e.code()) {
        case INVALID_ARGUMENT, UNSUPPORTED, CORRUPT -> throw e;
        default -> openLater(e);
      }
    }
  }

  private synchronized void openLater(HiCacheException cause) {
    away = cause.getMessage();
    LOG.warn(
        "the lower tier {} could not be opened, the store works without it and tries again: {}",
        place,
        cause.getMessage());
    opener = new Thread(this::keepOpening, "hicache-tier-open");
    opener.setDaemon(true);
    opener.start();
  }

  private void keepOpening() {
    long pause = patience.firstMillis;
    while (store == null) {
      try {
        synchronized (this) {
          if (closed) {
            return;
          }
          TimeUnit.MILLISECONDS.timedWait(this, pause);
          if (closed) {
            return;
          }
        }
        opened(opening.get());
        LOG.info("the lower tier {} is open now", place);
      } catch (InterruptedException e) {
        return;
      } catch (RuntimeException e) {
        away = String.valueOf(e.getMessage());
        pause = patience.after(pause);
      }
    }
  }

  /** Takes a store that was opened, unless it came after the close. */
  private void opened(BatchStore open) {
    synchronized (this) {
      if (!closed) {
        directory = open.directory(null);
        away = null;
        store = open;
        return;
      }
    }
    open.close(Duration.ZERO);
  }

  boolean isOpen() {
    return store != null;
  }

  /** False while it is not open, and while it answers no more or takes no pages. */
  boolean isUp() {
    return away == null && refusing == null;
  }

  /** Why it is not up; null when it is. */
  String problem() {
    String reason = away;
    return reason == null ? refusing : reason;
  }

  String place() {
    return place;
  }

  /** Its pages; null until it is open. */
  PageDirectory directory() {
    return directory;
  }

  /** Starts a batch. What prevents that is the outcome of its pages: the step always ends. */
  TierStep start(PageBatch batch, long timeoutMillis) {
    BatchStore open = store;
    if (open == null) {
      return refused(
          batch, new HiCacheException(ErrorCode.BACKEND_UNAVAILABLE, "not open yet: " + away));
    }
    try {
      CompletionThread.Submitted submitted = open.submit(batch, timeoutMillis);
      submitted.future().thenAccept(this::judge);
      return new TierStep(open, submitted);
    } catch (HiCacheException e) {
      return refused(batch, e);
    }
  }

  private static TierStep refused(PageBatch batch, HiCacheException cause) {
    BatchResult failed = BatchResult.all(batch.count(), PageOutcome.FAILED, cause);
    return new TierStep(
        null, new CompletionThread.Submitted(NO_BATCH, CompletableFuture.completedFuture(failed)));
  }

  private void judge(BatchResult result) {
    for (int i = 0; i < result.outcomes().length; i++) {
      switch (PageOutcome.of(result.outcomes()[i])) {
        case STORED -> {
          become(null, null);
          return;
        }
        case HIT, MISS, REMOVED, SKIPPED -> {
          become(null, refusing);
          return;
        }
        default -> {
          HiCacheException cause = result.causes() == null ? null : result.causes()[i];
          if (cause != null && cause.code() == ErrorCode.BACKEND_UNAVAILABLE) {
            become(cause.getMessage(), refusing);
          }
        }
      }
    }
  }

  /** Says who writes to it: it takes no pages. */
  void takesNoPages(HiCacheException cause) {
    if (cause.code() == ErrorCode.BACKEND_UNAVAILABLE) {
      become(cause.getMessage(), refusing);
    } else {
      become(away, cause.getMessage());
    }
  }

  /**
   * Opens it anew in place of a store that takes no pages for a while already: its directory may
   * have been removed and made again, or mounted again. Keeps the old store when that fails.
   */
  void reopen() {
    BatchStore old = store;
    BatchStore anew;
    try {
      anew = opening.get();
    } catch (RuntimeException e) {
      LOG.debug("the lower tier {} cannot be opened anew: {}", place, e.getMessage());
      return;
    }
    synchronized (this) {
      if (!closed && store == old) {
        directory = anew.directory(null);
        store = anew;
        anew = old;
      }
    }
    if (!anew.close(OLD_STORE)) {
      hangs = true;
    }
  }

  private synchronized void become(String nowAway, String nowRefusing) {
    String before = problem();
    away = nowAway;
    refusing = nowRefusing;
    if (before == null && problem() != null) {
      LOG.warn("the lower tier {} is down: {}", place, problem());
    } else if (before != null && problem() == null) {
      LOG.info("the lower tier {} is back", place);
    }
  }

  /** Whether no batch of it may still use memory of others. */
  boolean isIdle() {
    BatchStore open = store;
    try {
      return !hangs && (open == null || open.describe().number("batches") == 0);
    } catch (HiCacheException closing) {
      return false;
    }
  }

  /** Adds what it says about itself. */
  void describe(SettingsBlob about) {
    String down = problem();
    about
        .with("tiers.lower_place", place)
        .with("tiers.lower", down == null ? "up" : "down: " + down);
    BatchStore open = store;
    try {
      if (open != null) {
        about.withAll("lower.", open.describe());
      }
    } catch (HiCacheException replaced) {
      LOG.debug("the lower tier {} is being opened anew: {}", place, replaced.getMessage());
    }
  }

  void requireOutside() {
    BatchStore open = store;
    if (open != null) {
      open.requireOutside();
    }
  }

  /** As {@link BatchStore#close}; what is still being opened is closed later. */
  boolean close(Duration timeout) {
    Thread trying;
    synchronized (this) {
      closed = true;
      trying = opener;
      notifyAll();
    }
    if (trying != null) {
      join(trying, Math.max(1, timeout.toMillis()));
    }
    BatchStore open = store;
    return (open == null || open.close(timeout)) && !hangs;
  }

  private static void join(Thread thread, long millis) {
    try {
      thread.join(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
