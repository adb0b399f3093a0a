// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * The pages of two tiers: the local ones, then those of the lower tier that are not local. While
 * the lower tier is away its pages are not seen.
 *
 * <p>Threads: safe from any number of threads.
 */
final class TieredDirectory extends PageDirectory {
  private static final Logger LOG = LogManager.getLogger(TieredStore.class);
  private static final long PROMOTION_SECONDS = 60;

  private final TieredStore store;
  private final PageDirectory local;
  private final LowerTier lower;
  private final TierParts parts;

  TieredDirectory(
      HiCacheNixl owner, TieredStore store, PageDirectory local, LowerTier lower, TierParts parts) {
    super(owner, null);
    this.store = store;
    this.local = local;
    this.lower = lower;
    this.parts = parts;
  }

  @Override
  Optional<PageInfo> find(String key, String component) {
    store.requireOpen();
    Optional<PageInfo> page = local.find(key, component);
    return page.isPresent() ? page : findBelow(key, component);
  }

  private Optional<PageInfo> findBelow(String key, String component) {
    PageDirectory below = lower.directory();
    if (below == null || parts.isOutdatedBelow(new PageName(key, component))) {
      return Optional.empty();
    }
    try {
      return below.find(key, component);
    } catch (HiCacheException e) {
      if (e.code() == ErrorCode.BACKEND_UNAVAILABLE || e.code() == ErrorCode.CLOSED) {
        return Optional.empty();
      }
      throw e;
    }
  }

  @Override
  public void forEach(Consumer<PageInfo> visitor) {
    store.requireOpen();
    local.forEach(visitor);
    PageDirectory below = lower.directory();
    if (below == null || !lower.isUp()) {
      LOG.warn(
          "listing: the pages of the lower tier {} are missing, it is down: {}",
          lower.place(),
          lower.problem());
      return;
    }
    below.forEach(
        page -> {
          boolean shown =
              parts.isOutdatedBelow(PageName.of(page))
                  || local.find(page.key(), page.component()).isPresent();
          if (!shown) {
            visitor.accept(page);
          }
        });
  }

  /** From both tiers; what has replaced it since in the one that showed it stays in both. */
  @Override
  public boolean remove(PageInfo page) {
    store.requireOpen();
    Optional<PageInfo> here = local.find(page.key(), page.component());
    if (here.isPresent() && !here.get().equals(page)) {
      return false;
    }
    parts.changes().beginRemoval(page.key());
    try {
      return removeBoth(page, here.isPresent());
    } finally {
      if (parts.promotes()) {
        parts
            .promotion()
            .settled(List.of(PageName.of(page)))
            .completeOnTimeout(null, PROMOTION_SECONDS, TimeUnit.SECONDS)
            .join();
      }
      parts.changes().endRemoval(page.key());
    }
  }

  private boolean removeBoth(PageInfo page, boolean isLocal) {
    boolean removed = isLocal && local.remove(page);
    if (isLocal && !removed) {
      return false;
    }
    parts.backlog().remove(List.of(PageName.of(page)));
    PageDirectory below = lower.directory();
    if (below != null) {
      Optional<PageInfo> there = removed ? below.find(page) : Optional.of(page);
      removed |= there.isPresent() && below.remove(there.get());
    }
    return removed;
  }

  @Override
  Path path(String key, String component) {
    store.requireOpen();
    PageDirectory below = lower.directory();
    boolean onlyBelow =
        below != null
            && local.find(key, component).isEmpty()
            && findBelow(key, component).isPresent();
    return onlyBelow ? below.path(key, component) : local.path(key, component);
  }
}
