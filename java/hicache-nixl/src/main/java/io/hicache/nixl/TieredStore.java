// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * A local store in front of another one, as one: sets are written through or behind, gets and
 * look-ups go down for what the local one has not, and what comes up is kept there. The lower one
 * may be away at any time.
 *
 * <p>Threads: safe from any number of threads.
 */
final class TieredStore implements BatchStore {
  private static final Logger LOG = LogManager.getLogger(TieredStore.class);
  private static final long LOOK_MILLIS = 10;

  /**
   * How two tiers work together.
   *
   * @param through whether a set is written to both before it returns
   * @param backlogBytes bound of what waits to be written behind
   * @param promote whether pages of the lower tier are copied into the local one when they are read
   * @param timeoutMillis deadline of what is done in the background
   * @param opening how long between two tries to open the lower tier
   * @param writing how long between two tries to write to it while it takes nothing
   * @param completionExecutor as {@link HiCacheConfig#completionExecutor()}
   */
  record Settings(
      boolean through,
      long backlogBytes,
      boolean promote,
      long timeoutMillis,
      LowerTier.Patience opening,
      LowerTier.Patience writing,
      Executor completionExecutor) {
    /** As a configuration has it. */
    static Settings of(
        HiCacheConfig config, LowerTier.Patience opening, LowerTier.Patience writing) {
      return new Settings(
          config.tierWrite().equals("through"),
          config.tierBacklogBytes(),
          config.tierPromote(),
          config.timeoutMillis(),
          opening,
          writing,
          config.completionExecutor());
    }
  }

  private final BatchStore local;
  private final LowerTier lower;
  private final Settings settings;
  private final TierParts parts;
  private final TieredReads reads;
  private final TieredSets sets;
  private final TieredRemovals removals;
  private final WriteBack writeBack;
  private final CompletionExecutor steps = new CompletionExecutor(null);
  private final CompletionExecutor callbacks;
  private final AtomicLong ids = new AtomicLong();
  private final Map<Long, TierCall> calls = new ConcurrentHashMap<>();
  private final Lock closeLock = new ReentrantLock();
  private volatile boolean closing;
  private Boolean drained; // null until closed

  private TieredStore(BatchStore local, LowerTier lower, Settings settings) {
    this.local = local;
    this.lower = lower;
    this.settings = settings;
    callbacks = new CompletionExecutor(settings.completionExecutor);
    parts = TierParts.of(local, lower, settings, steps);
    reads = new TieredReads(parts);
    sets = new TieredSets(parts);
    removals = new TieredRemovals(parts);
    writeBack =
        settings.through ? null : new WriteBack(parts, settings.timeoutMillis, settings.writing);
  }

  /**
   * Makes one store of two.
   *
   * @param local open; closed with the one that is returned, and left open when this throws
   * @param place of the lower tier, as messages name it
   * @param lower opens the lower tier, now or later
   * @throws HiCacheException see {@link LowerTier#open}
   */
  static TieredStore open(
      BatchStore local, String place, Supplier<BatchStore> lower, Settings settings) {
    LowerTier below = new LowerTier(place, lower, settings.opening);
    below.open();
    TieredStore store = new TieredStore(local, below, settings);
    if (store.writeBack != null) {
      store.writeBack.start();
    }
    if (store.parts.promotes()) {
      store.parts.promotion().start();
    }
    return store;
  }

  /** The batch is this store's until its future is complete. */
  @Override
  public CompletionThread.Submitted take(PageBatch batch, long timeoutMillis) {
    requireOpen();
    TierCall call = new TierCall(batch, timeoutMillis, parts.changes().now());
    long id = ids.incrementAndGet();
    calls.put(id, call);
    call.future().whenComplete((result, error) -> calls.remove(id));
    try {
      start(call);
    } catch (RuntimeException | Error e) {
      call.finish(BatchResult.all(batch.count(), PageOutcome.FAILED, null));
      throw e;
    }
    return new CompletionThread.Submitted(id, call.future());
  }

  @Override
  public CompletionThread.Submitted submit(PageBatch batch, long timeoutMillis) {
    return take(batch.part(IntStream.range(0, batch.count()).toArray()), timeoutMillis);
  }

  private void start(TierCall call) {
    switch (call.batch().operation()) {
      case GET, EXISTS -> reads.start(call);
      case SET -> sets.start(call);
      case DELETE -> removals.delete(call);
      case CLEAR -> removals.clear(call);
      case PIN -> call.after(call.start(local, call.batch()), call::finish);
    }
  }

  @Override
  public boolean cancel(long batch) {
    TierCall call = calls.get(batch);
    return call != null && call.cancel();
  }

  @Override
  public void settleHere(long batch, long timeoutMillis) {
    TierCall call = calls.get(batch);
    if (call != null) {
      call.settleHere(timeoutMillis);
    }
  }

  @Override
  public void handOver(Runnable completion) {
    callbacks.execute(completion);
  }

  /** The lower tier moves such memory without knowing it. */
  @Override
  public long registerMemory(long address, long length) {
    return local.registerMemory(address, length);
  }

  @Override
  public boolean deregisterMemory(long id, long timeoutMillis) {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
    if (!local.deregisterMemory(id, timeoutMillis)) {
      return false;
    }
    while (!lower.isIdle()) {
      if (System.nanoTime() > end) {
        return false;
      }
      try {
        TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
    }
    return true;
  }

  @Override
  public EvictionResult evict(long timeoutMillis) {
    requireOpen();
    return local.evict(timeoutMillis);
  }

  /** What the local tier says, {@code lower.*} for the other one, {@code tiers.*} for both. */
  @Override
  public SettingsBlob describe() {
    requireOpen();
    SettingsBlob about = local.describe();
    about
        .with("tiers.write", settings.through ? "through" : "back")
        .with("tiers.promote", Boolean.toString(settings.promote))
        .with("tiers.backlog_limit_bytes", Long.toString(settings.backlogBytes))
        .with("tiers.backlog_bytes", Long.toString(parts.backlog().bytes()))
        .with("tiers.backlog_pages", Integer.toString(parts.backlog().pages()));
    parts.counters().describe(about);
    lower.describe(about);
    return about;
  }

  @Override
  public PageDirectory directory(HiCacheNixl owner) {
    return new TieredDirectory(owner, this, local.directory(owner), lower, parts);
  }

  @Override
  public void requireOpen() {
    if (closing) {
      throw NativeStore.closed();
    }
  }

  @Override
  public boolean isClosed() {
    return closing;
  }

  @Override
  public void requireOutside() {
    local.requireOutside();
    lower.requireOutside();
  }

  @Override
  public boolean close(Duration timeout) {
    requireOutside();
    closeLock.lock();
    try {
      if (drained == null) {
        closing = true;
        drained = closeBoth(System.nanoTime() + timeout.toNanos());
      }
      return drained;
    } finally {
      closeLock.unlock();
    }
  }

  private boolean closeBoth(long end) {
    if (writeBack != null) {
      writeBack.drain(left(end).toMillis());
      writeBack.stop();
      if (parts.backlog().pages() > 0) {
        LOG.warn(
            "closing: {} pages, {} bytes were not written to the lower tier {}{}; the local tier"
                + " has them",
            parts.backlog().pages(),
            parts.backlog().bytes(),
            lower.place(),
            lower.isUp() ? "" : ", which is down: " + lower.problem());
      }
    }
    if (parts.promotes()) {
      parts.promotion().stop();
    }
    boolean localDrained = local.close(left(end));
    boolean lowerDrained = lower.close(left(end));
    steps.close();
    callbacks.close();
    return localDrained && lowerDrained;
  }

  private static Duration left(long end) {
    return Duration.ofNanos(Math.max(0, end - System.nanoTime()));
  }
}
