// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.bytedeco.javacpp.BytePointer;

/**
 * Blocking calls on virtual threads, in a JVM of JDK 21 or newer; compiled for 17, so virtual
 * threads are started by reflection. Prints what {@link VirtualThreadTest} reads.
 */
public final class VirtualThreadProbe {
  private static final int PAGE_BYTES = 4096;
  private static final int THREADS = 10_000;
  private static final long SECONDS = 300;

  private VirtualThreadProbe() {}

  /**
   * Runs one probe.
   *
   * @param arguments its name, and a directory for the pages
   */
  public static void main(String[] arguments) throws Exception {
    HiCacheConfig config =
        HiCacheConfig.builder()
            .environment(Map.of())
            .storageDirs(Path.of(arguments[1]))
            .backend("POSIX")
            .layout("files")
            .timeoutMillis(TimeUnit.SECONDS.toMillis(SECONDS))
            .build();
    switch (arguments[0]) {
      case "pinning" -> pinning(config);
      case "carrier" -> carrier(config);
      case "budget" -> budget(config);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static Thread startVirtual(Runnable work) {
    try {
      MethodHandle start =
          MethodHandles.publicLookup()
              .findStatic(
                  Thread.class,
                  "startVirtualThread",
                  MethodType.methodType(Thread.class, Runnable.class));
      return (Thread) start.invokeExact(work);
    } catch (Throwable e) {
      throw new AssertionError("no virtual threads", e);
    }
  }

  /** Runs work on so many virtual threads at once, and waits for all of them. */
  private static void onVirtualThreads(int count, IntConsumer work) throws InterruptedException {
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int index = i;
      threads.add(startVirtual(() -> work.accept(index)));
    }
    for (Thread thread : threads) {
      thread.join();
    }
  }

  /** Each thread sets a page of its own and gets it back, while the JVM records what is pinned. */
  private static void pinning(HiCacheConfig config) throws Exception {
    AtomicInteger stored = new AtomicInteger();
    AtomicInteger hits = new AtomicInteger();
    AtomicInteger wrong = new AtomicInteger();
    Path recorded = Files.createTempFile("hicache-pinning", ".jfr");
    try (Recording recording = new Recording();
        HiCacheNixl store = HiCacheNixl.open(config);
        BytePointer pages = new BytePointer((long) THREADS * PAGE_BYTES);
        BytePointer targets = new BytePointer((long) THREADS * PAGE_BYTES)) {
      recording
          .enable("jdk.VirtualThreadPinned")
          .withThreshold(Duration.ofMillis(20))
          .withStackTrace();
      recording.start();
      pinOnPurpose();
      long start = System.nanoTime();
      onVirtualThreads(
          THREADS,
          i -> {
            long at = (long) i * PAGE_BYTES;
            for (int b = 0; b < PAGE_BYTES; b += 64) {
              pages.put(at + b, (byte) (i + b));
            }
            if (store.set("page" + i, pages.address() + at, PAGE_BYTES)) {
              stored.incrementAndGet();
            }
          });
      long set = System.nanoTime();
      onVirtualThreads(
          THREADS,
          i -> {
            long at = (long) i * PAGE_BYTES;
            if (store.get("page" + i, targets.address() + at, PAGE_BYTES)) {
              hits.incrementAndGet();
            }
            for (int b = 0; b < PAGE_BYTES; b += 64) {
              if (targets.get(at + b) != (byte) (i + b)) {
                wrong.incrementAndGet();
                return;
              }
            }
          });
      long got = System.nanoTime();
      recording.stop();
      recording.dump(recorded);
      System.out.println("set_millis " + (set - start) / 1_000_000);
      System.out.println("get_millis " + (got - set) / 1_000_000);
    }
    System.out.println("stored " + stored);
    System.out.println("hits " + hits);
    System.out.println("wrong " + wrong);
    report(RecordingFile.readAllEvents(recorded));
    Files.delete(recorded);
  }

  /** Shows that the recording sees a pinned thread: it sleeps inside a class initializer. */
  private static void pinOnPurpose() throws InterruptedException {
    startVirtual(() -> System.out.println("canary " + Pinned.SLEPT)).join();
  }

  private static final class Pinned {
    static final boolean SLEPT = sleep();

    private static boolean sleep() {
      try {
        Thread.sleep(100);
        return true;
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  private static void report(List<RecordedEvent> events) {
    int ours = 0;
    int canaries = 0;
    for (RecordedEvent event : events) {
      String stack = String.valueOf(event.getStackTrace());
      if (stack.contains("VirtualThreadProbe$Pinned")) {
        canaries++;
      } else if (stack.contains("io.hicache.nixl")) {
        ours++;
        System.out.println(event);
      }
    }
    System.out.println("events " + events.size());
    System.out.println("canaries " + canaries);
    System.out.println("pinned " + ours);
  }

  /**
   * With one carrier: a virtual thread that waits for a large page must let another one run. (A
   * wait inside native code would hold the carrier, and no recording shows that.)
   */
  private static void carrier(HiCacheConfig config) throws Exception {
    int bytes = 64 << 20;
    AtomicInteger between = new AtomicInteger();
    try (HiCacheNixl store = HiCacheNixl.open(config);
        BytePointer page = new BytePointer(bytes)) {
      for (int round = 0; round < 5; round++) {
        AtomicInteger state = new AtomicInteger();
        onVirtualThreads(
            2,
            i -> {
              if (i == 1) {
                between.addAndGet(state.get() == 1 ? 1 : 0);
                return;
              }
              state.set(1);
              if (!store.set("large", page.address(), bytes)) {
                throw new AssertionError("not stored");
              }
              state.set(2);
            });
      }
    }
    System.out.println("between " + between);
  }

  /** Every thread waits for room at the same time, and with one carrier all of them go on. */
  private static void budget(HiCacheConfig config) throws Exception {
    NativeStore store = NativeStore.open(config.toSettings(), PAGE_BYTES, null);
    PageCalls calls = new PageCalls(store, store, TimeUnit.SECONDS.toMillis(SECONDS));
    AtomicInteger stored = new AtomicInteger();
    try (BytePointer page = new BytePointer(PAGE_BYTES)) {
      store.budget().acquire(PAGE_BYTES, 1);
      CompletableFuture<Integer> waited =
          CompletableFuture.supplyAsync(
              () -> {
                while (store.budget().waiting() < THREADS) {
                  Thread.onSpinWait();
                }
                int waiting = store.budget().waiting();
                store.budget().release(PAGE_BYTES);
                return waiting;
              },
              work -> new Thread(work).start());
      onVirtualThreads(
          THREADS,
          i -> {
            PageResult result =
                calls.one(
                    Operation.SET,
                    "page" + i % 10,
                    (index, subject) -> TensorDescriptor.of(page.address(), PAGE_BYTES, subject),
                    null);
            stored.addAndGet(result.outcome() == PageOutcome.STORED ? 1 : 0);
          });
      System.out.println("waited " + waited.get());
      System.out.println("stored " + stored);
      System.out.println("used " + store.budget().used());
    } finally {
      store.close(Duration.ofSeconds(30));
    }
  }
}
