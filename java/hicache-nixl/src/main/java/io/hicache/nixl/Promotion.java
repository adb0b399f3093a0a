// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_DTYPE_UNKNOWN;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * Copies pages that were read from the lower tier into the local one, in the background and as far
 * as there is memory for it. What the local tier has stays, and what was set or removed since the
 * page was read is not added. A set or a delete that comes while a page is being added waits for
 * that, and the page goes again.
 *
 * <p>Threads: {@link #offer} from any number of threads; the rest as said.
 */
final class Promotion {
  private static final Logger LOG = LogManager.getLogger(TieredStore.class);
  private static final int PAGES = 32;
  private static final long MEMORY_BYTES = 64L << 20;
  private static final long THREAD_END_MILLIS = 5000;

  private final BatchStore local;
  private final PageDirectory localPages;
  private final LowerTier lower;
  private final Backlog backlog;
  private final OutdatedPages outdated;
  private final KeyChanges changes;
  private final TierCounters counters;
  private final long timeoutMillis;
  private final StagingMemory memory = new StagingMemory(MEMORY_BYTES);
  private final LinkedBlockingQueue<Copy> queue = new LinkedBlockingQueue<>();
  private final BackgroundStep step = new BackgroundStep();
  private final Thread thread = new Thread(this::run, "hicache-promotion");
  private final Map<PageName, CompletableFuture<Void>> adding = new ConcurrentHashMap<>();
  private volatile boolean ended;

  /**
   * A page's bytes.
   *
   * @param dtype of the target, which the page has as well where both are known
   * @param ofPool whether the page has no shape
   * @param read when, by {@link KeyChanges}
   */
  private record Copy(
      PageName name,
      StagingMemory.Block block,
      long length,
      int dtype,
      boolean ofPool,
      long read) {}

  Promotion(
      BatchStore local,
      LowerTier lower,
      Backlog backlog,
      OutdatedPages outdated,
      KeyChanges changes,
      TierCounters counters,
      long timeoutMillis) {
    this.local = local;
    this.localPages = local.directory(null);
    this.lower = lower;
    this.backlog = backlog;
    this.outdated = outdated;
    this.changes = changes;
    this.counters = counters;
    this.timeoutMillis = timeoutMillis;
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  /**
   * Copies the bytes of pages that were just read, where there is memory, to be added later.
   *
   * @param hits their numbers
   * @param read when they were, or before
   */
  void offer(BatchEntries entries, int[] hits, long read) {
    for (int hit : hits) {
      long length = entries.bytes(hit);
      StagingMemory.Block block =
          ended || !entries.isInHostMemory(hit) ? null : memory.tryTake(length);
      if (block == null) {
        counters.promotionSkipped.increment();
        continue;
      }
      entries.copyBytes(hit, block.address());
      queue.add(
          new Copy(
              entries.name(hit), block, length, entries.dtype(hit), entries.isOfPool(hit), read));
    }
  }

  /** Ends the thread; what it has under way is cancelled, what waits is not added. */
  void stop() {
    ended = true;
    step.end();
    thread.interrupt();
    try {
      thread.join(THREAD_END_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    memory.close();
    List<Copy> left = new ArrayList<>();
    queue.drainTo(left);
    left.forEach(copy -> memory.giveBack(copy.block));
  }

  private void run() {
    try {
      while (!ended) {
        Copy first = queue.poll(1, TimeUnit.SECONDS);
        if (first != null) {
          List<Copy> copies = new ArrayList<>(List.of(first));
          queue.drainTo(copies, PAGES - 1);
          add(copies);
        }
      }
    } catch (InterruptedException e) {
      LOG.debug("the promotion of pages ends");
    }
  }

  /** Whether no page is being added now. */
  boolean isIdle() {
    return adding.isEmpty();
  }

  /**
   * Completes when none of the pages is being added any more. One that was set or removed meanwhile
   * is gone then.
   */
  CompletableFuture<Void> settled(Collection<PageName> names) {
    return CompletableFuture.allOf(
        names.stream().map(adding::get).filter(Objects::nonNull).toArray(CompletableFuture[]::new));
  }

  /** As above, of all pages. */
  CompletableFuture<Void> settled() {
    return settled(adding.keySet());
  }

  private void add(List<Copy> copies) throws InterruptedException {
    CompletableFuture<Void> done = new CompletableFuture<>();
    copies.forEach(copy -> adding.put(copy.name, done));
    try {
      addNow(copies);
    } finally {
      copies.forEach(copy -> adding.remove(copy.name));
      done.complete(null);
    }
  }

  private void addNow(List<Copy> copies) throws InterruptedException {
    long now = changes.now();
    List<Copy> good = new ArrayList<>();
    List<PageInfo> pages = new ArrayList<>();
    for (Copy copy : copies) {
      Optional<PageInfo> page = isCurrent(copy) ? describe(copy) : Optional.empty();
      if (page.isPresent()) {
        good.add(copy);
        pages.add(page.get());
      } else {
        counters.promotionSkipped.increment();
        memory.giveBack(copy.block);
      }
    }
    boolean hangs = true;
    try {
      BatchResult result = good.isEmpty() ? null : set(good, pages);
      hangs = !good.isEmpty() && BackgroundStep.hangs(result);
      for (int i = 0; i < good.size(); i++) {
        settle(good.get(i), result == null ? null : TierAnswers.outcome(result, i), now);
      }
    } catch (HiCacheException e) {
      counters.promotionSkipped.add(good.size());
      if (e.code() != ErrorCode.CLOSED) {
        LOG.warn("{} pages were not promoted: {}", good.size(), e.getMessage());
      }
    } finally {
      for (Copy copy : good) {
        if (hangs) {
          memory.abandon(copy.block);
        } else {
          memory.giveBack(copy.block);
        }
      }
    }
  }

  private boolean isCurrent(Copy copy) {
    return !changes.isChangedSince(copy.name.key(), copy.read)
        && !backlog.holds(copy.name)
        && !outdated.holds(copy.name);
  }

  /** The page as the lower tier has it; empty when it is gone or another one by now. */
  private Optional<PageInfo> describe(Copy copy) {
    if (copy.ofPool) {
      return Optional.of(withoutShape(copy));
    }
    try {
      return lower
          .directory()
          .find(copy.name.key(), copy.name.component())
          .filter(page -> page.length() == copy.length);
    } catch (HiCacheException unknown) {
      boolean cannotTell = unknown.code() == ErrorCode.UNSUPPORTED;
      return cannotTell && copy.dtype != HICACHE_DTYPE_UNKNOWN
          ? Optional.of(withoutShape(copy))
          : Optional.empty();
    }
  }

  private static PageInfo withoutShape(Copy copy) {
    return new PageInfo(
        copy.name.key(),
        copy.name.component(),
        copy.length,
        copy.length,
        Instant.EPOCH,
        0,
        true,
        copy.dtype,
        List.of());
  }

  private BatchResult set(List<Copy> good, List<PageInfo> pages) throws InterruptedException {
    long[] addresses = good.stream().mapToLong(copy -> copy.block.address()).toArray();
    PageBatch batch =
        PageBatch.ofListed(Operation.SET, pages, addresses)
            .holding(good.stream().map(Copy::block).toList());
    TierStep started = new TierStep(local, local.submit(batch, timeoutMillis));
    return step.run(started, batch, timeoutMillis);
  }

  private void settle(Copy copy, PageOutcome outcome, long began) {
    if (outcome != PageOutcome.STORED) {
      counters.promotionSkipped.increment();
      return;
    }
    counters.promoted.increment();
    if (changes.isChangedSince(copy.name.key(), began)) {
      // A page of a later set may go with it, as if it were evicted: an older page must not stay.
      localPages.find(copy.name.key(), copy.name.component()).ifPresent(localPages::remove);
    }
  }
}
