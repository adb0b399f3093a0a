// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.testng.SkipException;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.DataProvider;

/** A directory for one test's pages, and stores in it over real NIXL. */
abstract class StoreFixture {
  private static final String LAYOUT = System.getProperty("hicache.test.layout", "files");

  /** Another storage than the build's own disk, see docs/3fs.md. */
  private static final Path ROOT =
      Path.of(System.getProperty("hicache.test.root", "target/test-stores")).toAbsolutePath();

  private static final String BACKEND = System.getProperty("hicache.test.backend", "POSIX");

  /** Removed with everything in it after each test. */
  Path dir;

  @BeforeMethod
  final void makeDirectory() throws IOException {
    Files.createDirectories(ROOT);
    dir = Files.createTempDirectory(ROOT, getClass().getSimpleName());
  }

  @AfterMethod(alwaysRun = true)
  final void removeDirectory() throws IOException {
    removeTree(dir);
    if (keepsObjects()) {
      TestBucket bucket = new TestBucket(TestServer.get());
      bucket.list(prefix()).forEach(object -> bucket.delete(object.name()));
    }
  }

  /** The ways in which POSIX hands I/O to the kernel; objects go another way. */
  @DataProvider
  public final Object[][] queues() {
    return inObjects()
        ? new Object[][] {{"default"}}
        : new Object[][] {{"aio"}, {"uring"}, {"posix_aio"}};
  }

  /**
   * POSIX in this test's directory, or the tests' S3 server, whatever the environment says, in the
   * layout of this run of the suite.
   */
  HiCacheConfigBuilder config() {
    return inObjects() ? TestServer.get().config(prefix()) : config(dir);
  }

  /** As above, in another directory. */
  final HiCacheConfigBuilder config(Path place) {
    HiCacheConfigBuilder config =
        HiCacheConfig.builder()
            .environment(Map.of())
            .backend(BACKEND)
            .lanes(2)
            .timeoutMillis(20_000);
    return LAYOUT.equals("tiers")
        ? config.tiers("segments:" + place.resolve("local"), "files:" + place.resolve("lower"))
        : config.storageDirs(place).layout(LAYOUT);
  }

  final HiCacheNixl open() {
    return HiCacheNixl.open(config().build());
  }

  /** A store with one of {@link #queues()}; skips where the kernel refuses io_uring. */
  final HiCacheNixl open(String queue) {
    if (inObjects()) {
      return open();
    }
    try {
      return HiCacheNixl.open(config().queue(queue).build());
    } catch (HiCacheException e) {
      if (queue.equals("uring") && e.code() == ErrorCode.BACKEND_UNAVAILABLE) {
        throw new SkipException("no io_uring here: " + e.getMessage());
      }
      throw e;
    }
  }

  /** The error of a call that must fail with a code. */
  static HiCacheException refused(ErrorCode code, ThrowingCallable call) {
    HiCacheException error = catchThrowableOfType(HiCacheException.class, call);
    assertThat(error).as("no error, though %s was due", code).isNotNull();
    assertThat(error.code()).as(error.getMessage()).isEqualTo(code);
    assertThat(error.getMessage()).isNotBlank();
    return error;
  }

  /** The error of a call that must fail as a wrong argument. */
  static HiCacheException refused(ThrowingCallable call) {
    return refused(ErrorCode.INVALID_ARGUMENT, call);
  }

  /** Asserts that the directory holds the files of so many pages, and no temporary one. */
  final void assertPageFiles(int count) throws IOException {
    if (inFiles()) {
      assertThat(filesBelow(dir)).as("no temporary file is left").hasSize(count);
    }
  }

  /** True when this run of the suite has the layout that keeps a file for each page. */
  static boolean inFiles() {
    return LAYOUT.equals("files");
  }

  /** True when this run of the suite has a layout that keeps not just one file for each page. */
  static boolean inSegments() {
    return !inFiles();
  }

  /** True when this run of the suite has two tiers. */
  static boolean inTiers() {
    return LAYOUT.equals("tiers");
  }

  /** Asserts what a clear of so many pages said: over tiers it counts the copies below as well. */
  static void assertCleared(long removed, long pages) {
    assertThat(removed).isBetween(pages, inTiers() ? 2 * pages : pages);
  }

  /** True when this run of the suite has pages in a bucket. */
  static boolean inObjects() {
    return LAYOUT.equals("objects");
  }

  /** Whether this test's pages are objects, which are removed after it. */
  boolean keepsObjects() {
    return inObjects();
  }

  /** What the names of this test's objects begin with; no other test has it. */
  final String prefix() {
    return dir.getFileName() + "/";
  }

  /** Skips where pages carry no checksum, dtype and shape. */
  final void requireSeals(HiCacheNixl store) {
    if (!keepsObjects() && !store.describe().directories().get(0).attributes()) {
      throw new SkipException("no extended attributes in " + dir);
    }
  }

  /** Skips where there are no directories. */
  final void requireDirectories() {
    if (keepsObjects()) {
      throw new SkipException("objects are in no directory");
    }
  }

  /** Removes a directory with everything in it. */
  static void removeTree(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }

  /** Every regular file below a directory. */
  static List<Path> filesBelow(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      return all.filter(Files::isRegularFile).sorted().toList();
    }
  }
}
