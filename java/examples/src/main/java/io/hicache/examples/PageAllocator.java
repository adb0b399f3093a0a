// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;

/**
 * Which pages of a pool are free.
 *
 * <p>Threads: safe from any number of threads; pages come back from the store's threads.
 */
final class PageAllocator {
  private final int pages;
  private final Deque<Integer> free = new ArrayDeque<>();
  private final Set<Integer> taken = new HashSet<>();
  private final Set<Integer> setAside = new HashSet<>();

  PageAllocator(int pages) {
    this.pages = pages;
    for (int page = 0; page < pages; page++) {
      free.add(page);
    }
  }

  /**
   * Takes a page; what it holds is undefined.
   *
   * @throws IllegalStateException when none is free
   */
  synchronized int take() {
    Integer page = free.poll();
    if (page == null) {
      throw new IllegalStateException(
          "all "
              + pages
              + " pages of the pool are in use, "
              + setAside.size()
              + " of them set aside; close sequences, or give the engine more pages");
    }
    taken.add(page);
    return page;
  }

  /** Gives pages back, except those that were set aside. */
  synchronized void giveBack(Collection<Integer> pages) {
    for (Integer page : pages) {
      if (setAside.contains(page)) {
        continue;
      }
      if (!taken.remove(page)) {
        throw new IllegalStateException("page " + page + " was given back and is not in use");
      }
      free.add(page);
    }
  }

  /** Never hands out a page again: a late transfer may still touch it. */
  synchronized void setAside(int page) {
    setAside.add(page);
  }

  synchronized int freePages() {
    return free.size();
  }
}
