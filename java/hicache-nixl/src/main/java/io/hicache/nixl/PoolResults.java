// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayList;
import java.util.List;

/**
 * What became of pages, from what became of their files.
 *
 * <p>Threads: stateless.
 */
final class PoolResults {
  private PoolResults() {}

  /**
   * One result for each page.
   *
   * @param files results of all files, page after page
   * @param filesPerPage how many each page has
   */
  static List<PageResult> fold(List<PageResult> files, int filesPerPage) {
    if (filesPerPage == 1) {
      return files;
    }
    List<PageResult> pages = new ArrayList<>(files.size() / filesPerPage);
    for (int i = 0; i < files.size(); i += filesPerPage) {
      pages.add(page(files.subList(i, i + filesPerPage)));
    }
    return pages;
  }

  /** A failure of one file is the page's; a hit or a skip takes all files, the rest any. */
  private static PageResult page(List<PageResult> files) {
    PageResult worst = files.get(0);
    long length = 0;
    boolean verified = true;
    for (PageResult file : files) {
      length += file.length();
      verified = verified && file.verified();
      if (rank(file.outcome()) > rank(worst.outcome())) {
        worst = file;
      }
    }
    boolean whole = worst.outcome() != PageOutcome.MISS && !worst.outcome().isFailure();
    return new PageResult(
        worst.key(), worst.outcome(), whole ? length : 0, verified, worst.cause());
  }

  /** What a page with files of several outcomes is called: the highest. */
  private static int rank(PageOutcome outcome) {
    return switch (outcome) {
      case SKIPPED, HIT -> 0;
      case STORED -> 1;
      case MISS -> 2;
      case REMOVED -> 3;
      case TIMED_OUT -> 4;
      case FAILED -> 5;
      case CORRUPT -> 6;
      default -> 7;
    };
  }
}
