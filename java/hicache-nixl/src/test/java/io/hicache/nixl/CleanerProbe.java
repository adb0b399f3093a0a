// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.testng.SkipException;

/** A child JVM with mounts of its own: files that cannot be removed, and a disk that is small. */
public final class CleanerProbe {
  private static final int DISK = 4 << 20;

  private CleanerProbe() {}

  /** Runs one of the cases of {@link #main}; skips where mounts are not allowed. */
  static ChildJvm run(String what, Path dir) throws Exception {
    ChildJvm trial =
        ChildJvm.run(List.of("unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"));
    if (trial.exitCode() != 0) {
      throw new SkipException("no mount in a namespace of our own: " + trial.output().strip());
    }
    String mount =
        what.equals("disk") ? "mount -t tmpfs -o size=" + DISK + " tmpfs " + dir : "true";
    List<String> ownMounts = List.of("unshare", "-rm");
    ChildJvm child =
        ChildJvm.run(CleanerProbe.class, ownMounts, mount, List.of(), what, dir.toString());
    if (child.exitCode() != 0) {
      throw new AssertionError(child.output());
    }
    return child;
  }

  /**
   * Does one thing and prints what became of it.
   *
   * @param arguments {@code missing}, {@code flaky} or {@code disk}, and the storage directory
   */
  public static void main(String[] arguments) throws Exception {
    HiCacheConfigBuilder config =
        HiCacheConfig.builder()
            .environment(Map.of())
            .model(PoolFixture.MODEL)
            .backend("POSIX")
            .layout("files")
            .lanes(2)
            .minFreeBytes(0);
    Path dir = Path.of(arguments[1]);
    if (arguments[0].equals("disk")) {
      fillTheDisk(config.cleanerWatermarks(50, 25), dir);
      return;
    }
    config.storageDirs(dir).capacityBytes(20 * EvictionFixture.UNIT);
    try (HiCacheNixl store = EvictionFixture.openCounted(config)) {
      EvictionFixture.fill(store, 0, 18);
      if (arguments[0].equals("missing")) {
        evictBesideMissingPages(store);
      } else {
        evictBesideHeldPages(store);
      }
    }
  }

  private static void evictBesideMissingPages(HiCacheNixl store) throws Exception {
    hold(store, 0);
    Files.delete(store.directory().path(EvictionFixture.key(1)));
    evict(store);
    System.out.println("present " + present(store, 0, 6));
    System.out.println("usage " + EvictionFixture.usage(store) / EvictionFixture.UNIT);
  }

  private static void evictBesideHeldPages(HiCacheNixl store) throws Exception {
    for (int i = 0; i < 3; i++) {
      hold(store, i);
    }
    evict(store);
    System.out.println("held " + present(store, 0, 6));
    // Many times its capacity passes through while they cannot be removed.
    long most = 0;
    for (int i = 18; i < 100; i++) {
      EvictionFixture.fill(store, i, 1);
      most = Math.max(most, EvictionFixture.usage(store));
    }
    System.out.println("most " + most / EvictionFixture.UNIT);
    System.out.println("still " + present(store, 0, 6));
    for (int i = 0; i < 3; i++) {
      mount("umount", store.directory().path(EvictionFixture.key(i)).toString());
    }
    EvictionFixture.fill(store, 100, 3);
    EvictionFixture.await("the oldest have gone", () -> present(store, 0, 3).isEmpty());
    store.evictNow(EvictionFixture.PATIENCE);
    System.out.println("then " + EvictionFixture.usage(store) / EvictionFixture.UNIT);
    System.out.println("last '" + store.describe().eviction().problem() + "'");
  }

  private static void fillTheDisk(HiCacheConfigBuilder config, Path disk) throws Exception {
    Path others = disk.resolve("of-others");
    Path pages = Files.createDirectory(disk.resolve("pages"));
    try (HiCacheNixl store = EvictionFixture.openCounted(config.storageDirs(pages))) {
      EvictionFixture.fill(store, 0, 10);
      store.evictNow(EvictionFixture.PATIENCE);
      System.out.println("below " + present(store, 0, 10).size());

      Files.write(others, new byte[DISK * 6 / 10]);
      EvictionFixture.await("all pages have gone", () -> present(store, 0, 10).isEmpty());
      System.out.println("others " + Files.size(others));

      Files.delete(others);
      int last = 100;
      while (usedPercent(disk) < 51) {
        EvictionFixture.fill(store, ++last, 1);
      }
      EvictionFixture.await("the disk is at its low mark", () -> usedPercent(disk) <= 25);
      System.out.println("used " + Math.round(usedPercent(disk)));
      System.out.println("oldest " + present(store, 101, 10));
      System.out.println("newest " + present(store, last, 1).equals(List.of(last)));
    }
  }

  private static double usedPercent(Path disk) {
    try {
      FileStore space = Files.getFileStore(disk);
      double total = space.getTotalSpace();
      return 100 * (total - space.getUsableSpace()) / total;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void evict(HiCacheNixl store) {
    EvictionResult evicted = store.evictNow(EvictionFixture.PATIENCE);
    System.out.println("evicted " + evicted.pages() + " pages, " + evicted.bytes() + " bytes");
    System.out.println("problem " + store.describe().eviction().problem());
  }

  private static List<Integer> present(HiCacheNixl store, int first, int count) {
    return IntStream.range(first, first + count)
        .filter(i -> store.exists(EvictionFixture.key(i)))
        .boxed()
        .toList();
  }

  /** A file that is mounted on can neither be renamed nor removed. */
  private static void hold(HiCacheNixl store, int i) throws Exception {
    String file = store.directory().path(EvictionFixture.key(i)).toString();
    mount("mount", "--bind", file, file);
  }

  private static void mount(String... command) throws Exception {
    ChildJvm done = ChildJvm.run(new ArrayList<>(Arrays.asList(command)));
    if (done.exitCode() != 0) {
      throw new AssertionError(String.join(" ", command) + ": " + done.output());
    }
  }
}
