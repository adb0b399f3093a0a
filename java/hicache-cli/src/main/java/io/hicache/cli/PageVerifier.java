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
import java.util.function.LongConsumer;

/**
 * Reads the pages of a store in batches and counts what became of each. Keeps one batch in memory,
 * so a store may hold any number of pages.
 *
 * <p>Threads: one thread.
 */
final class PageVerifier {
  /** What may be found. */
  enum Finding {
    /** The checksum is right. */
    OK,
    /** The page is whole and has no checksum. */
    UNVERIFIED,
    /** Length or checksum is wrong. */
    CORRUPT,
    /** It could not be read. */
    FAILED,
    /** It was removed since it was listed. */
    GONE
  }

  /** A page that is corrupt or could not be read. */
  record Problem(String key, Finding finding, String path, HiCacheException cause) {}

  private final HiCacheNixl store;
  private final NativeMemory memory;
  private final FindingCounts<Finding> counts = new FindingCounts<>(Finding.class);
  private final List<Problem> problems = new ArrayList<>();
  private long bytes;
  private boolean stopped;

  PageVerifier(HiCacheNixl store, NativeMemory memory) {
    this.store = store;
    this.memory = memory;
  }

  /** Reads every page; tells advance how many bytes more are done. */
  void verifyAll(LongConsumer advance) {
    PageBatches batches =
        new PageBatches(memory, PageBatches.BYTES, (pages, ranges) -> read(pages, ranges, advance));
    store
        .directory()
        .forEach(
            page -> {
              if (!stopped) {
                add(page, batches, advance);
              }
            });
    if (!stopped) {
      batches.flush();
    }
  }

  long pages() {
    return counts.total();
  }

  long bytes() {
    return bytes;
  }

  long count(Finding finding) {
    return counts.of(finding);
  }

  FindingCounts<Finding> counts() {
    return counts;
  }

  List<Problem> problems() {
    return problems;
  }

  /**
   * Whether a time-out ended it early: the storage may still write into the memory of that batch.
   */
  boolean isStopped() {
    return stopped;
  }

  private void add(PageInfo page, PageBatches batches, LongConsumer advance) {
    if (page.isWhole()) {
      batches.add(page);
    } else {
      settle(page, Finding.CORRUPT, wrongLength(page));
      advance.accept(page.fileLength());
    }
  }

  private void read(List<PageInfo> listed, List<NativeMemory.Range> ranges, LongConsumer advance) {
    List<PageResult> results = store.getListedPages(listed, NativeMemory.addresses(ranges));
    stopped = results.stream().anyMatch(result -> result.outcome() == PageOutcome.TIMED_OUT);
    for (int i = 0; i < listed.size(); i++) {
      settle(listed.get(i), results.get(i));
      advance.accept(listed.get(i).length());
    }
  }

  private void settle(PageInfo page, PageResult result) {
    boolean replaced =
        result.outcome() == PageOutcome.FAILED
            && result.cause().code() == ErrorCode.INVALID_ARGUMENT;
    if (replaced && !stopped) {
      readAgain(page);
    } else {
      count(page, result);
    }
  }

  /** A page of another length came in since it was listed. */
  private void readAgain(PageInfo listed) {
    PageInfo now = store.directory().find(listed).orElse(null);
    if (now == null) {
      settle(listed, Finding.GONE, null);
    } else if (!now.isWhole()) {
      settle(now, Finding.CORRUPT, wrongLength(now));
    } else {
      NativeMemory.Range target = memory.allocate(now.length());
      count(now, store.getListedPages(List.of(now), new long[] {target.address()}).get(0));
    }
  }

  private void count(PageInfo page, PageResult result) {
    bytes += result.isHit() ? result.length() : 0;
    Finding finding =
        switch (result.outcome()) {
          case HIT -> result.verified() ? Finding.OK : Finding.UNVERIFIED;
          case MISS -> Finding.GONE;
          case CORRUPT -> Finding.CORRUPT;
          default -> Finding.FAILED;
        };
    settle(page, finding, result.cause());
  }

  /** What is wrong with a page whose file is shorter or longer than it. */
  static HiCacheException wrongLength(PageInfo page) {
    return new HiCacheException(
        ErrorCode.CORRUPT,
        "its file has "
            + page.fileLength()
            + " bytes, the page "
            + page.length()
            + "; remove it with hicache rm");
  }

  private void settle(PageInfo page, Finding finding, HiCacheException cause) {
    counts.note(finding);
    if (finding == Finding.CORRUPT || finding == Finding.FAILED) {
      String path = store.directory().path(page).toString();
      problems.add(new Problem(page.key() + page.component(), finding, path, cause));
    }
  }
}
