// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * Writes pages of the backlog to the lower tier: finds them in the local one, reads them back into
 * memory of its own, stores them below with their dtypes and shapes. A page that the local tier has
 * not any more is lost, and what the lower one has under its name is older: that goes.
 *
 * <p>Threads: one thread, and {@link #end} on any.
 */
final class PageWriter {
  private static final Logger LOG = LogManager.getLogger(TieredStore.class);
  private static final long ALIGNMENT = 4096;
  private static final int FAILURES_MAX = 3;

  private final TierParts parts;
  private final PageDirectory localPages;
  private final StagingMemory memory;
  private final long timeoutMillis;
  private final BackgroundStep step = new BackgroundStep();

  /** A page that the local tier has, and where its bytes go meanwhile. */
  private record Found(Backlog.Entry entry, PageInfo page, long offset) {
    long end() {
      return offset + (page.length() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
  }

  PageWriter(TierParts parts, StagingMemory memory, long timeoutMillis) {
    this.parts = parts;
    this.localPages = parts.local().directory(null);
    this.memory = memory;
    this.timeoutMillis = timeoutMillis;
  }

  /** Cancels what it has under way, and what it would begin. */
  void end() {
    step.end();
  }

  /**
   * Writes pages; afterwards each is finished or back in the backlog.
   *
   * @return why the lower tier takes nothing; null when it does, or was not asked
   */
  HiCacheException write(List<Backlog.Entry> taken) throws InterruptedException {
    List<Found> found = new ArrayList<>();
    List<Backlog.Entry> gone = new ArrayList<>();
    long bytes = 0;
    for (Backlog.Entry entry : taken) {
      try {
        Optional<PageInfo> page = localPages.find(entry.name.key(), entry.name.component());
        if (page.isEmpty()) {
          gone.add(entry);
        } else {
          found.add(new Found(entry, page.get(), bytes));
          bytes = found.get(found.size() - 1).end();
        }
      } catch (HiCacheException e) {
        fail(entry, e);
      }
    }
    HiCacheException trouble = found.isEmpty() ? null : move(found, bytes, gone);
    finishGone(gone);
    return trouble;
  }

  private HiCacheException move(List<Found> found, long bytes, List<Backlog.Entry> gone)
      throws InterruptedException {
    StagingMemory.Block block = memory.take(bytes, timeoutMillis);
    if (block == null) {
      for (Found each : found) {
        putBack(each.entry);
      }
      return null;
    }
    boolean hangs = true;
    try {
      List<Found> read = readBack(found, gone, block);
      if (read == null) {
        for (Found each : found) {
          putBack(each.entry);
        }
        return null;
      }
      if (read.isEmpty()) {
        hangs = false;
        return null;
      }
      PageBatch batch = batch(Operation.SET, read, block).replacing();
      TierStep started = parts.lower().start(batch, timeoutMillis);
      BatchResult written = step.run(started, batch, timeoutMillis);
      hangs = BackgroundStep.hangs(written);
      return settle(read, written);
    } finally {
      if (hangs) {
        memory.abandon(block);
      } else {
        memory.giveBack(block);
      }
    }
  }

  /** Tries a page again later, unless it was deleted meanwhile: then nothing may stay of it. */
  private void putBack(Backlog.Entry entry) throws InterruptedException {
    if (parts.backlog().isRemoved(entry)) {
      finish(entry);
    } else {
      parts.backlog().putBack(entry);
    }
  }

  /** Null when the local tier does not answer: then the memory is not free again. */
  private List<Found> readBack(
      List<Found> found, List<Backlog.Entry> gone, StagingMemory.Block block)
      throws InterruptedException {
    PageBatch batch = batch(Operation.GET, found, block);
    TierStep started = new TierStep(parts.local(), parts.local().submit(batch, timeoutMillis));
    BatchResult result = step.run(started, batch, timeoutMillis);
    if (BackgroundStep.hangs(result)) {
      return null;
    }
    List<Found> read = new ArrayList<>();
    for (int i = 0; i < found.size(); i++) {
      switch (TierAnswers.outcome(result, i)) {
        case HIT -> read.add(found.get(i));
        case MISS, CORRUPT -> gone.add(found.get(i).entry);
        default -> fail(found.get(i).entry, TierAnswers.cause(result, i));
      }
    }
    return read;
  }

  private static PageBatch batch(
      Operation operation, List<Found> pages, StagingMemory.Block block) {
    long[] addresses = pages.stream().mapToLong(each -> block.address() + each.offset).toArray();
    List<PageInfo> infos = pages.stream().map(Found::page).toList();
    return PageBatch.ofListed(operation, infos, addresses).holding(block);
  }

  /** Null for a result: the lower tier did not answer at all. */
  private HiCacheException settle(List<Found> pages, BatchResult written)
      throws InterruptedException {
    boolean takesPages = false;
    for (int i = 0; written != null && i < pages.size(); i++) {
      takesPages |= isStored(written, i);
    }
    HiCacheException trouble = null;
    for (int i = 0; i < pages.size(); i++) {
      Backlog.Entry entry = pages.get(i).entry;
      if (written != null && isStored(written, i)) {
        parts.outdated().remove(entry.name);
        parts.counters().writtenBack.increment();
        finish(entry);
        continue;
      }
      HiCacheException cause = causeOf(written, i);
      parts.counters().lowerFailures.increment();
      if (!takesPages && isOfTheTier(cause)) {
        trouble = cause;
        putBack(entry);
      } else {
        fail(entry, cause);
      }
    }
    return trouble;
  }

  private static boolean isStored(BatchResult result, int entry) {
    return TierAnswers.outcome(result, entry) == PageOutcome.STORED;
  }

  private static HiCacheException causeOf(BatchResult written, int entry) {
    HiCacheException cause = written == null ? null : TierAnswers.cause(written, entry);
    return cause == null
        ? new HiCacheException(ErrorCode.TIMEOUT, "it did not answer, or the store closes")
        : cause;
  }

  /** Whether a failure says something about the tier rather than about the page. */
  private static boolean isOfTheTier(HiCacheException cause) {
    return switch (cause.code()) {
      case BACKEND_UNAVAILABLE, IO, NOT_FOUND, TRANSFER_FAILED, TIMEOUT, CLOSED -> true;
      default -> false;
    };
  }

  /** Tries a page again, a few times. */
  private void fail(Backlog.Entry entry, HiCacheException cause) throws InterruptedException {
    entry.failures++;
    if (entry.failures < FAILURES_MAX) {
      putBack(entry);
      return;
    }
    LOG.warn(
        "'{}' is not written to the lower tier {}: {}",
        KeyCodec.shown(entry.name.key()),
        parts.lower().place(),
        cause.getMessage());
    parts.counters().dropped.increment();
    parts.outdated().add(entry.name);
    finish(entry);
  }

  /** Ends with an entry; what was deleted while it was written goes again. */
  private void finish(Backlog.Entry entry) throws InterruptedException {
    while (!parts.backlog().finish(entry)) {
      removeBelow(List.of(entry.name));
    }
  }

  private void finishGone(List<Backlog.Entry> gone) throws InterruptedException {
    if (gone.isEmpty()) {
      return;
    }
    long lost = gone.stream().filter(entry -> !parts.backlog().isRemoved(entry)).count();
    parts.counters().lostBeforeWriteBack.add(lost);
    removeBelow(gone.stream().map(entry -> entry.name).toList());
    for (Backlog.Entry entry : gone) {
      finish(entry);
    }
  }

  private void removeBelow(List<PageName> names) throws InterruptedException {
    PageBatch batch = PageBatch.ofNames(Operation.DELETE, names);
    BatchResult result = step.run(parts.lower().start(batch, timeoutMillis), batch, timeoutMillis);
    for (int i = 0; i < names.size(); i++) {
      PageOutcome outcome = result == null ? null : TierAnswers.outcome(result, i);
      if (outcome == PageOutcome.REMOVED || outcome == PageOutcome.MISS) {
        parts.outdated().remove(names.get(i));
      } else {
        parts.outdated().add(names.get(i));
        parts.counters().lowerFailures.increment();
      }
    }
  }
}
