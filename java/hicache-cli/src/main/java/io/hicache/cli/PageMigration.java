// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageInfo;
import io.hicache.nixl.PageOutcome;
import io.hicache.nixl.PageResult;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;

/**
 * Moves the pages of one store into another, a batch at a time. A page leaves the source only once
 * the target has it, so a migration may end at any point, by a kill too, and the next one goes on.
 * What the target has stays, and so does what comes into the source meanwhile.
 *
 * <p>Threads: one thread.
 */
final class PageMigration {
  /** Pages that a report names; of more the number is told. */
  static final int PROBLEMS_MAX = 1000;

  /** A file under the digest of a key is listed under its name where the key itself is not kept. */
  private static final Pattern NAME_OF_A_LOST_KEY = Pattern.compile("%h-[0-9a-f]{64}_.*");

  private static final String REPLACED = "it was replaced meanwhile; run the same command again";

  /** What may become of a page. */
  enum Finding {
    /** It is in the target now. */
    MOVED,
    /** The target had the same page already. */
    PRESENT,
    /** The target has another page under its key. */
    OTHER,
    /** Length or checksum is wrong. */
    CORRUPT,
    /** It could not be read, stored or removed. */
    FAILED,
    /** It was replaced in the source meanwhile. */
    CHANGED,
    /** It was removed since it was listed, or its time was over. */
    GONE
  }

  /** Why a migration ended early. */
  enum Stop {
    INTERRUPTED,
    TIMED_OUT,
    NO_SPACE
  }

  /**
   * A page that is still in the source.
   *
   * @param cause null where no call failed
   */
  record Problem(String key, Finding finding, String path, String reason, HiCacheException cause) {}

  /** Ends the listing. */
  private static final class Stopped extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final Stop why;

    Stopped(Stop why) {
      super(null, null, false, false);
      this.why = why;
    }
  }

  private final HiCacheNixl source;
  private final PageIntake intake;
  private final boolean keep;
  private final PageBatches batches;
  private final FindingCounts<Finding> counts = new FindingCounts<>(Finding.class);
  private final List<Problem> problems = new ArrayList<>();
  private BooleanSupplier interrupted;
  private LongConsumer advance;
  private long bytes;
  private long unverified;
  private Stop stop;

  /**
   * A migration that has not begun.
   *
   * @param source opened without eviction, with checksums verified, and corrupt pages left alone
   * @param target opened without a capacity, with checksums verified
   * @param keep whether the pages stay in the source
   * @param batchBytes bytes that are moved at a time; a larger page goes alone
   */
  PageMigration(
      HiCacheNixl source, HiCacheNixl target, NativeMemory memory, boolean keep, long batchBytes) {
    this.source = source;
    this.keep = keep;
    intake = new PageIntake(target, memory);
    batches = new PageBatches(memory, batchBytes, this::move);
  }

  /**
   * Moves every page; once.
   *
   * @param isInterrupted asked between batches: whether to end there
   * @param done told how many bytes more are done
   */
  void moveAll(BooleanSupplier isInterrupted, LongConsumer done) {
    interrupted = isInterrupted;
    advance = done;
    try {
      source.directory().forEach(this::add);
      batches.flush();
    } catch (Stopped early) {
      stop = early.why;
    }
  }

  /** Pages that were looked at. */
  long pages() {
    return counts.total();
  }

  /** Bytes of the pages that are in the target. */
  long bytes() {
    return bytes;
  }

  /** How many of the pages that are in the target carried no checksum in the source. */
  long unverified() {
    return unverified;
  }

  long count(Finding finding) {
    return counts.of(finding);
  }

  FindingCounts<Finding> counts() {
    return counts;
  }

  /** How many pages are still in the source that were to be moved; those not looked at apart. */
  long left() {
    return count(Finding.OTHER)
        + count(Finding.CORRUPT)
        + count(Finding.FAILED)
        + count(Finding.CHANGED);
  }

  /** The first of those that are left. */
  List<Problem> problems() {
    return problems;
  }

  /** Why it ended early; null when it did not. */
  Stop stop() {
    return stop;
  }

  private void add(PageInfo page) {
    if (page.isWhole()) {
      batches.add(page);
    } else {
      leave(page, Finding.CORRUPT, PageVerifier.wrongLength(page));
      advance.accept(page.fileLength());
    }
  }

  private void move(List<PageInfo> listed, List<NativeMemory.Range> ranges) {
    stopIf(interrupted.getAsBoolean(), Stop.INTERRUPTED);
    List<PageResult> read = source.getListedPages(listed, NativeMemory.addresses(ranges));
    List<PageInfo> pages = new ArrayList<>();
    List<NativeMemory.Range> contents = new ArrayList<>();
    for (int i = 0; i < listed.size(); i++) {
      if (read.get(i).isHit()) {
        pages.add(listed.get(i));
        contents.add(ranges.get(i));
      } else {
        settleUnread(listed.get(i), read.get(i));
      }
    }
    stopIf(read.stream().anyMatch(each -> each.outcome() == PageOutcome.TIMED_OUT), Stop.TIMED_OUT);
    List<PageIntake.Result> taken = intake.take(pages, contents);
    for (int i = 0; i < pages.size(); i++) {
      settle(pages.get(i), contents.get(i), taken.get(i));
    }
    listed.forEach(page -> advance.accept(page.length()));
    stopIf(taken.stream().anyMatch(each -> each.failedWith(ErrorCode.TIMEOUT)), Stop.TIMED_OUT);
    stopIf(
        taken.stream().allMatch(PageIntake.Result::isFailure)
            && taken.stream().anyMatch(each -> each.failedWith(ErrorCode.NO_SPACE)),
        Stop.NO_SPACE);
  }

  private void stopIf(boolean stopped, Stop why) {
    if (stopped) {
      throw new Stopped(why);
    }
  }

  private void settleUnread(PageInfo page, PageResult result) {
    switch (result.outcome()) {
      case MISS -> {
        if (NAME_OF_A_LOST_KEY.matcher(page.key()).matches()) {
          leave(
              page,
              Finding.FAILED,
              new HiCacheException(
                  ErrorCode.UNSUPPORTED,
                  "its key is not known, since it was too long to be kept with the file; set the"
                      + " page anew in the other layout"));
        } else {
          counts.note(Finding.GONE);
        }
      }
      case CORRUPT -> leave(page, Finding.CORRUPT, result.cause());
      default -> {
        if (result.cause().code() == ErrorCode.INVALID_ARGUMENT) {
          leave(page, Finding.CHANGED, REPLACED); // by one of another length or dtype
        } else {
          leave(page, Finding.FAILED, result.cause());
        }
      }
    }
  }

  private void settle(PageInfo page, NativeMemory.Range content, PageIntake.Result taken) {
    switch (taken.outcome()) {
      case STORED -> release(page, content, Finding.MOVED);
      case SAME -> release(page, content, Finding.PRESENT);
      case OTHER ->
          leave(
              page,
              Finding.OTHER,
              "the other layout has another page under this key, and that one stays; remove one of"
                  + " them with hicache rm");
      case FAILED -> leave(page, Finding.FAILED, taken.cause());
    }
  }

  /** The target has the page: the source lets it go, unless it has another one by now. */
  private void release(PageInfo page, NativeMemory.Range content, Finding finding) {
    try {
      if (keep ? isStill(page) : source.directory().remove(page)) {
        counts.note(finding);
        bytes += page.length();
        unverified += page.sealed() ? 0 : 1;
        return;
      }
      // What came into the source since is newer, and must not stand behind what was copied.
      if (finding == Finding.MOVED) {
        intake.takeBack(page, content);
      }
      if (source.directory().find(page).isEmpty()) {
        counts.note(Finding.GONE);
      } else {
        leave(page, Finding.CHANGED, REPLACED);
      }
    } catch (HiCacheException failure) {
      leave(page, Finding.FAILED, failure);
    }
  }

  private boolean isStill(PageInfo page) {
    return source.directory().find(page).filter(now -> now.version() == page.version()).isPresent();
  }

  private void leave(PageInfo page, Finding finding, HiCacheException cause) {
    leave(page, finding, cause.getMessage(), cause);
  }

  private void leave(PageInfo page, Finding finding, String reason) {
    leave(page, finding, reason, null);
  }

  private void leave(PageInfo page, Finding finding, String reason, HiCacheException cause) {
    counts.note(finding);
    if (problems.size() < PROBLEMS_MAX) {
      String path = source.directory().path(page).toString();
      problems.add(new Problem(page.key() + page.component(), finding, path, reason, cause));
    }
  }
}
