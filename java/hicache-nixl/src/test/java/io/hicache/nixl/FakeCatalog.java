// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CountDownLatch;

/** A catalog of objects in memory that can refuse a name, hang, and list a few objects at once. */
final class FakeCatalog implements ObjectCatalog {
  /** The objects, in the order of their names. */
  final ConcurrentSkipListMap<String, ObjectStart> objects = new ConcurrentSkipListMap<>();

  /** Names that can be neither read nor deleted. */
  final Set<String> refused = new HashSet<>();

  /** What every request waits for; null: answers at once. */
  volatile CountDownLatch hold;

  /** Counted down by every request that has arrived. */
  volatile CountDownLatch arrived = new CountDownLatch(1);

  /** What one answer lists at most. */
  int listed = 1000;

  volatile boolean closed;

  void put(String name, Instant modified, byte... bytes) {
    ObjectEntry entry = new ObjectEntry(name, bytes.length, modified, "" + Arrays.hashCode(bytes));
    objects.put(name, new ObjectStart(entry, bytes));
  }

  private void arrive() {
    arrived.countDown();
    if (hold != null) {
      try {
        hold.await();
      } catch (InterruptedException e) {
        throw new HiCacheException(ErrorCode.TRANSFER_FAILED, "interrupted", e);
      }
    }
  }

  @Override
  public ObjectListing list(String prefix, String from) {
    arrive();
    List<ObjectEntry> found =
        objects.tailMap(from == null ? prefix : from).values().stream()
            .map(ObjectStart::entry)
            .filter(entry -> entry.name().startsWith(prefix))
            .filter(entry -> entry.name().indexOf('/', prefix.length()) < 0)
            .limit(listed + 1)
            .toList();
    return found.size() <= listed
        ? new ObjectListing(found, null)
        : new ObjectListing(found.subList(0, listed), found.get(listed).name());
  }

  @Override
  public Optional<ObjectEntry> find(String name) {
    arrive();
    return Optional.ofNullable(objects.get(name)).map(ObjectStart::entry);
  }

  @Override
  public Optional<ObjectStart> read(String name, int length) {
    arrive();
    if (refused.contains(name)) {
      throw new HiCacheException(ErrorCode.BACKEND_UNAVAILABLE, name + ": 403 AccessDenied");
    }
    return Optional.ofNullable(objects.get(name))
        .map(it -> new ObjectStart(it.entry(), Arrays.copyOf(it.bytes(), it.bytes().length)));
  }

  @Override
  public Map<String, HiCacheException> delete(List<String> names) {
    arrive();
    Map<String, HiCacheException> failed = new HashMap<>();
    for (String name : names) {
      if (refused.contains(name)) {
        failed.put(
            name, new HiCacheException(ErrorCode.TRANSFER_FAILED, name + ": 403 AccessDenied"));
      } else {
        objects.remove(name);
      }
    }
    return failed;
  }

  @Override
  public boolean delete(ObjectEntry object) {
    arrive();
    ObjectStart now = objects.get(object.name());
    return now != null && now.entry().equals(object) && objects.remove(object.name(), now);
  }

  @Override
  public void close() {
    closed = true;
  }
}
