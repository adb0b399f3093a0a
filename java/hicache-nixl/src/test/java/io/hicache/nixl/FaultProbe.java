// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.bytedeco.javacpp.BytePointer;

/** What a child JVM does under a fault; it prints one line for each thing that happened. */
public final class FaultProbe {
  static final int PAGE_BYTES = 256 << 10;
  static final int LEFT_PAGES = 64;

  private FaultProbe() {}

  /**
   * Runs one probe.
   *
   * @param arguments the probe's name and a storage directory
   * @throws Exception when the probe itself is broken
   */
  public static void main(String[] arguments) throws Exception {
    Path dir = Path.of(arguments[1]);
    switch (arguments[0]) {
      case "open" -> {
        open(dir);
        open(dir);
      }
      case "fill" -> fill(dir);
      case "store" -> store(dir);
      case "batch" -> batch(dir);
      case "leave" -> leave(dir, false);
      case "kill" -> leave(dir, true);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static HiCacheConfig config(Path dir) {
    return HiCacheConfig.builder()
        .environment(Map.of())
        .storageDirs(dir)
        .backend("POSIX")
        .layout("files")
        .lanes(2)
        .timeoutMillis(20_000)
        .build();
  }

  private static void open(Path dir) {
    try (HiCacheNixl store = HiCacheNixl.open(config(dir))) {
      System.out.println("opened " + store.describe());
    } catch (HiCacheException e) {
      System.out.println("refused " + e.code() + " " + e.getMessage().replace('\n', ' '));
    }
  }

  /**
   * Stores pages until the file system itself refuses one, then checks the others, makes room, and
   * stores again.
   */
  private static void fill(Path dir) {
    HiCacheConfig toTheLastByte = config(dir).toBuilder().minFreeBytes(0).build();
    try (HiCacheNixl store = HiCacheNixl.open(toTheLastByte);
        BytePointer memory = new BytePointer(PAGE_BYTES)) {
      int stored = 0;
      PageResult result;
      do {
        BytePointer.memset(memory, stored, PAGE_BYTES);
        result = store.setPage("page" + stored, memory.address(), PAGE_BYTES);
        System.out.println("set " + stored + " " + said(result));
        stored += result.outcome() == PageOutcome.STORED ? 1 : 0;
      } while (result.outcome() == PageOutcome.STORED && stored < 1000);
      System.out.println("full " + said(store.existsPage("page" + stored)));
      System.out.println("files " + pages(store).size() + " of " + stored);
      System.out.println("whole " + whole(store, memory, stored));
      System.out.println("removed " + store.delete("page0") + " " + store.delete("page1"));
      BytePointer.memset(memory, stored, PAGE_BYTES);
      System.out.println(
          "again " + said(store.setPage("page" + stored, memory.address(), PAGE_BYTES)));
      System.out.println("last " + whole(store, memory, stored + 1, stored));
    }
  }

  private static void store(Path dir) {
    try (HiCacheNixl store = HiCacheNixl.open(config(dir));
        BytePointer memory = new BytePointer(PAGE_BYTES)) {
      System.out.println("opened");
      System.out.println("set " + said(store.setPage("page", memory.address(), PAGE_BYTES)));
      System.out.println("get " + said(store.getPage("page", memory.address(), PAGE_BYTES)));
    } catch (HiCacheException e) {
      System.out.println("refused " + e.code() + " " + e.getMessage());
    }
  }

  /** One batch with far more pages than file descriptors, then one page. */
  private static void batch(Path dir) {
    int n = 400;
    try (HiCacheNixl store = HiCacheNixl.open(config(dir));
        BytePointer memory = new BytePointer((long) n * 64)) {
      List<String> keys = new ArrayList<>();
      long[] addresses = new long[n];
      long[] lengths = new long[n];
      for (int i = 0; i < n; i++) {
        keys.add("page" + i);
        addresses[i] = memory.address() + i * 64L;
        lengths[i] = 64;
        memory.position(i * 64L).put((byte) i);
      }
      memory.position(0);
      int stored = 0;
      for (PageResult result : store.batchSetPages(keys, addresses, lengths)) {
        stored += result.outcome() == PageOutcome.STORED ? 1 : 0;
        if (result.outcome() != PageOutcome.STORED) {
          System.out.println("set " + said(result));
        }
      }
      int hits = 0;
      for (PageResult result : store.batchGetPages(keys, addresses, lengths)) {
        hits += result.isHit() ? 1 : 0;
        if (!result.isHit()) {
          System.out.println("get " + said(result));
        }
      }
      System.out.println("stored " + stored + " hits " + hits + " listed " + pages(store).size());
      System.out.println("again " + said(store.setPage("one", memory.address(), 64)));
    } catch (HiCacheException e) {
      System.out.println("refused " + e.code() + " " + e.getMessage());
    }
  }

  /** Ends in the middle of its work, without a close; each page has one byte all over. */
  private static void leave(Path dir, boolean killed) throws Exception {
    HiCacheNixl store = HiCacheNixl.open(config(dir));
    BytePointer memory = new BytePointer((long) LEFT_PAGES * PAGE_BYTES);
    List<String> keys = new ArrayList<>();
    long[] addresses = new long[LEFT_PAGES];
    long[] lengths = new long[LEFT_PAGES];
    for (int i = 0; i < LEFT_PAGES; i++) {
      keys.add("page" + i);
      addresses[i] = memory.address() + (long) i * PAGE_BYTES;
      lengths[i] = PAGE_BYTES;
    }
    CountDownLatch twice = new CountDownLatch(2);
    Thread writer =
        new Thread(
            () -> {
              for (int version = 1; ; version++) {
                BytePointer.memset(memory, version, (long) LEFT_PAGES * PAGE_BYTES);
                store.batchSet(keys, addresses, lengths);
                twice.countDown();
              }
            });
    writer.setDaemon(true);
    writer.start();
    twice.await();
    Thread.sleep(new Random().nextInt(30));
    System.out.println("left");
    if (killed) {
      new ProcessBuilder("kill", "-9", String.valueOf(ProcessHandle.current().pid())).start();
      Thread.sleep(60_000);
    }
  }

  private static List<PageInfo> pages(HiCacheNixl store) {
    List<PageInfo> pages = new ArrayList<>();
    store.directory().forEach(pages::add);
    return pages;
  }

  private static int whole(HiCacheNixl store, BytePointer memory, int end) {
    return whole(store, memory, end, 0);
  }

  private static int whole(HiCacheNixl store, BytePointer memory, int end, int begin) {
    int whole = 0;
    for (int i = begin; i < end; i++) {
      boolean hit = store.get("page" + i, memory.address(), PAGE_BYTES);
      boolean same = memory.get(0) == (byte) i && memory.get(PAGE_BYTES - 1) == (byte) i;
      whole += hit && same ? 1 : 0;
    }
    return whole;
  }

  private static String said(PageResult result) {
    return result.outcome()
        + (result.cause() == null
            ? ""
            : " "
                + result.cause().code()
                + " "
                + result.cause().errno()
                + " "
                + result.cause().getMessage());
  }
}
