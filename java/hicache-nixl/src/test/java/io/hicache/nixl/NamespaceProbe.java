// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** What a child JVM does in a namespace: races for it, or writes records until it is killed. */
public final class NamespaceProbe {
  private NamespaceProbe() {}

  /**
   * Runs one probe.
   *
   * @param arguments {@code race DIR DTYPE BARRIER COUNT} or {@code publish DIR PREFIX}
   * @throws Exception when the probe itself is broken
   */
  public static void main(String[] arguments) throws Exception {
    Path dir = Path.of(arguments[1]);
    switch (arguments[0]) {
      case "race" -> race(dir, arguments[2], Path.of(arguments[3]), Integer.parseInt(arguments[4]));
      case "publish" -> {
        for (int i = 0; ; i++) {
          NamespaceManifest.enter(identity(arguments[2] + "-" + i), List.of(dir));
        }
      }
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  /** The identity that publish records under a name. */
  static HiCacheIdentity identity(String name) {
    return HiCacheIdentity.builder(name).model("m".repeat(1000)).tenantSecret("secret").build();
  }

  /** Starts a probe that is to be killed. */
  static Process start(Path log, String... arguments) throws IOException {
    Stream<String> java =
        Stream.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx64m",
            "-cp",
            System.getProperty("java.class.path"),
            NamespaceProbe.class.getName());
    return new ProcessBuilder(Stream.concat(java, Stream.of(arguments)).toList())
        .redirectErrorStream(true)
        .redirectOutput(log.toFile())
        .start();
  }

  private static void race(Path dir, String dtype, Path barrier, int count) throws Exception {
    HiCacheConfig config =
        HiCacheConfig.builder()
            .environment(Map.of())
            .storageDirs(dir)
            .backend("POSIX")
            .layout("files")
            .lanes(1)
            .identity(HiCacheIdentityTest.full().dtype(dtype).build())
            .build();
    NativeLibrary.load();
    Files.createDirectories(barrier);
    Files.createTempFile(barrier, "here", "");
    while (!everybodyHere(barrier, count)) {
      Thread.sleep(1);
    }
    try (HiCacheNixl store = HiCacheNixl.open(config)) {
      System.out.println("opened " + dtype + " " + store.describe().suffix());
    } catch (HiCacheException e) {
      System.out.println("refused " + e.code() + " " + e.getMessage());
    }
  }

  private static boolean everybodyHere(Path barrier, int count) throws IOException {
    try (Stream<Path> files = Files.list(barrier)) {
      return files.count() >= count;
    }
  }
}
