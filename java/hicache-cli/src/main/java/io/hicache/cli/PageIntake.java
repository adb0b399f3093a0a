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

/**
 * Takes pages of another store in, where there are none. What is there already is read and
 * compared; only damaged pages give way.
 *
 * <p>Threads: one thread.
 */
final class PageIntake {
  /** Somebody may store and remove the same page all the time; nobody does that often. */
  private static final int ATTEMPTS = 3;

  /** What became of a page. */
  enum Outcome {
    /** It was stored. */
    STORED,
    /** The same page is there: its bytes, and its dtype and shape where they are known. */
    SAME,
    /** Another page is there. */
    OTHER,
    /** It could not be stored, or what is there could not be read. */
    FAILED
  }

  /**
   * What became of a page, and why.
   *
   * @param cause null unless it failed
   */
  record Result(Outcome outcome, HiCacheException cause) {
    boolean isFailure() {
      return outcome == Outcome.FAILED;
    }

    boolean failedWith(ErrorCode code) {
      return isFailure() && cause.code() == code;
    }
  }

  private final HiCacheNixl store;
  private final NativeMemory memory;
  private NativeMemory.Range room;

  /**
   * An intake into a store.
   *
   * @param store opened with checksums verified
   */
  PageIntake(HiCacheNixl store, NativeMemory memory) {
    this.store = store;
    this.memory = memory;
  }

  /** Takes pages in; after a time-out the storage may still read their memory. */
  List<Result> take(List<PageInfo> pages, List<NativeMemory.Range> ranges) {
    List<PageResult> added = store.addListedPages(pages, NativeMemory.addresses(ranges));
    List<Result> results = new ArrayList<>();
    for (int i = 0; i < pages.size(); i++) {
      Result result = of(added.get(i));
      results.add(result == null ? compare(pages.get(i), ranges.get(i)) : result);
    }
    return results;
  }

  /** Removes a page that was stored, unless somebody has replaced it since. */
  void takeBack(PageInfo page, NativeMemory.Range bytes) {
    PageInfo there = store.directory().find(page).orElse(null);
    Result result = there == null ? null : compareWith(there, page, bytes);
    if (result != null && result.outcome() == Outcome.SAME) {
      store.directory().remove(there);
    }
  }

  /** What a set came to; null where there is a page. */
  private static Result of(PageResult added) {
    return switch (added.outcome()) {
      case STORED -> new Result(Outcome.STORED, null);
      case SKIPPED -> null;
      default -> new Result(Outcome.FAILED, added.cause());
    };
  }

  private Result compare(PageInfo page, NativeMemory.Range bytes) {
    try {
      return compareOrAdd(page, bytes);
    } catch (HiCacheException failure) {
      return new Result(Outcome.FAILED, failure);
    }
  }

  private Result compareOrAdd(PageInfo page, NativeMemory.Range bytes) {
    for (int attempt = 1; attempt < ATTEMPTS; attempt++) {
      PageInfo there = store.directory().find(page).orElse(null);
      Result result = there == null ? null : compareWith(there, page, bytes);
      if (result == null) {
        long[] address = {bytes.address()};
        result = of(store.addListedPages(List.of(page), address).get(0));
      }
      if (result != null) {
        return result;
      }
    }
    return new Result(Outcome.OTHER, null);
  }

  /** Compares; null when nothing is there any more. */
  private Result compareWith(PageInfo there, PageInfo page, NativeMemory.Range bytes) {
    if (!there.isWhole()) {
      store.directory().remove(there);
      return null;
    }
    if (there.length() != page.length()) {
      return new Result(Outcome.OTHER, null);
    }
    NativeMemory.Range read = roomFor(there);
    PageResult got = store.getListedPages(List.of(there), new long[] {read.address()}).get(0);
    if (got.outcome() == PageOutcome.CORRUPT) {
      store.directory().remove(there);
      return null;
    }
    if (got.outcome() == PageOutcome.MISS) {
      return null;
    }
    if (got.isHit()) {
      boolean same = isSameShape(there, page) && read.isSame(bytes);
      return new Result(same ? Outcome.SAME : Outcome.OTHER, null);
    }
    // Replaced since by one of another length or dtype.
    return got.cause().code() == ErrorCode.INVALID_ARGUMENT
        ? new Result(Outcome.OTHER, null)
        : new Result(Outcome.FAILED, got.cause());
  }

  private NativeMemory.Range roomFor(PageInfo page) {
    if (room == null || room.length() < page.length()) {
      memory.free(room);
      room = memory.allocate(page.length());
    }
    return room.part(0, page.length());
  }

  /** A page that another program wrote says nothing of its dtype and shape. */
  private static boolean isSameShape(PageInfo there, PageInfo page) {
    return !page.sealed()
        || there.dtypeNumber() == page.dtypeNumber() && there.shape().equals(page.shape());
  }
}
