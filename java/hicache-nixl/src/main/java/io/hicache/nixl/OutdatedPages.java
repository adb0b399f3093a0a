// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * Pages whose newest bytes did not reach the lower tier: what it has under their names may be
 * older, and is not served. Bounded; the oldest names are forgotten first.
 *
 * <p>Threads: safe from any number of threads.
 */
final class OutdatedPages {
  private final int limit;
  private final Set<PageName> names = new LinkedHashSet<>(); // guarded by this

  OutdatedPages(int limit) {
    this.limit = limit;
  }

  synchronized void add(PageName name) {
    names.add(name);
    if (names.size() > limit) {
      Iterator<PageName> oldest = names.iterator();
      oldest.next();
      oldest.remove();
    }
  }

  synchronized void remove(PageName name) {
    names.remove(name);
  }

  synchronized boolean holds(PageName name) {
    return names.contains(name);
  }

  synchronized void clear() {
    names.clear();
  }
}
