// SPDX-License-Identifier: Apache-2.0
package io.hicache.s3;

import static org.assertj.core.api.Assertions.assertThat;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheConfigBuilder;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.HostKVCache;
import io.hicache.nixl.PageInfo;
import io.hicache.nixl.PageOutcome;
import io.hicache.nixl.PageResult;
import io.hicache.nixl.PoolLayout;
import io.hicache.nixl.TierReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** A local tier in front of a bucket. */
@Test(groups = "obj")
public class S3TiersTest extends S3Fixture {
  private static final int PAGES = 24;
  private static final int BYTES = 70_000;

  private final Random random = new Random(7);
  private Path dir;
  private BytePointer written;
  private BytePointer read;

  @BeforeMethod
  public void makePages() throws IOException {
    dir = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "tiers");
    byte[] bytes = new byte[PAGES * BYTES];
    random.nextBytes(bytes);
    written = new BytePointer(bytes);
    read = new BytePointer((long) PAGES * BYTES).fill(0);
  }

  @AfterMethod(alwaysRun = true)
  public void freePages() throws IOException {
    written.close();
    read.close();
    try (Stream<Path> all = Files.walk(dir)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }

  private HiCacheConfigBuilder tiers(String local, String bucket, Map<String, String> parameters) {
    return HiCacheConfig.builder()
        .environment(Map.of())
        .backend("POSIX")
        .lanes(2)
        .tiers("segments:" + dir.resolve(local), "obj:" + bucket)
        .pluginParams(parameters)
        .objectPrefix(prefix)
        .timeoutMillis(20_000)
        .closeTimeoutMillis(20_000);
  }

  private HiCacheConfigBuilder tiers(String local) {
    Map<String, String> parameters = new TreeMap<>(server());
    parameters.remove("bucket");
    return tiers(local, required("HICACHE_TEST_S3_BUCKET"), parameters);
  }

  private static List<String> keys() {
    List<String> keys = new ArrayList<>();
    for (int i = 0; i < PAGES; i++) {
      keys.add("page" + i);
    }
    return keys;
  }

  private static long[] addresses(BytePointer pages) {
    return LongStream.range(0, PAGES).map(i -> pages.address() + i * BYTES).toArray();
  }

  private static long[] lengths() {
    long[] lengths = new long[PAGES];
    Arrays.fill(lengths, BYTES);
    return lengths;
  }

  private void setAll(HiCacheNixl store) {
    assertThat(store.batchSetPages(keys(), addresses(written), lengths()))
        .extracting(PageResult::outcome)
        .containsOnly(PageOutcome.STORED);
  }

  private void assertHasAll(HiCacheNixl store) {
    read.fill(0);
    assertThat(store.batchGetPages(keys(), addresses(read), lengths()))
        .allMatch(PageResult::isHit, "is a hit")
        .allMatch(PageResult::verified, "is verified");
    assertThat(bytes(read)).isEqualTo(bytes(written));
  }

  private static byte[] bytes(BytePointer pages) {
    byte[] bytes = new byte[PAGES * BYTES];
    pages.get(bytes);
    return bytes;
  }

  private static TierReport report(HiCacheNixl store) {
    return store.describe().tiers().orElseThrow();
  }

  private static void await(String what, BooleanSupplier condition) throws InterruptedException {
    for (int i = 0; i < 6000 && !condition.getAsBoolean(); i++) {
      Thread.sleep(10);
    }
    assertThat(condition.getAsBoolean()).as(what).isTrue();
  }

  private static void awaitWritten(HiCacheNixl store) throws InterruptedException {
    await("the backlog is empty", () -> report(store).backlog().pages() == 0);
  }

  @DataProvider
  public Object[][] writes() {
    return new Object[][] {{"back"}, {"through"}};
  }

  @Test(dataProvider = "writes", timeOut = 120_000)
  public void shouldBringPagesToAnotherMachineAndKeepThemThere(String write) throws Exception {
    try (HiCacheNixl store = HiCacheNixl.open(tiers("one").tierWrite(write).build())) {
      setAll(store);
      awaitWritten(store);
    }
    try (HiCacheNixl other = HiCacheNixl.open(tiers("other").tierWrite(write).build())) {
      assertThat(other.batchExists(keys())).isEqualTo(PAGES);
      assertHasAll(other);
      await("promoted", () -> report(other).pages().promoted() == PAGES);
      List<String> listed = new ArrayList<>();
      other.directory().forEach(page -> listed.add(page.key()));
      assertThat(listed).containsExactlyInAnyOrderElementsOf(keys());
      assertThat(other.delete("page0")).isTrue();
      assertThat(other.clear()).as("a copy in each tier").isEqualTo(2 * (PAGES - 1));
    }
    try (HiCacheNixl again = HiCacheNixl.open(tiers("third").build())) {
      assertThat(again.batchExistsPages(keys())).noneMatch(PageResult::isHit);
    }
  }

  @Test(timeOut = 120_000)
  public void shouldCarryPagesOfAPoolWithTheirTypeAndSkipThemThere() throws Exception {
    long[] first = LongStream.range(0, 16).toArray();
    try (HostKVCache pool = pool();
        HostKVCache target = pool()) {
      byte[] page = new byte[Math.toIntExact(pool.pageBytes())];
      random.nextBytes(page);
      try (BytePointer bytes = new BytePointer(page)) {
        BytePointer.memcpy(pool.kvBuffer().data_ptr(), bytes, page.length);
      }
      try (HiCacheNixl store = HiCacheNixl.open(tiers("one").build())) {
        store.registerMemPoolHost(pool);
        assertThat(store.batchSetV1(List.of("a"), first)).containsOnly(true);
        awaitWritten(store);
      }
      try (HiCacheNixl other = HiCacheNixl.open(tiers("other").build())) {
        other.registerMemPoolHost(target);
        assertThat(other.batchGetV1(List.of("a"), first)).containsOnly(true);
        byte[] got = new byte[page.length];
        new BytePointer(target.kvBuffer().data_ptr()).get(got);
        assertThat(got).isEqualTo(page);
        await("promoted", () -> report(other).pages().promoted() > 0);
        assertThat(other.batchSetPagesV1(List.of("a"), first))
            .as("known in the local tier, with the same bytes and dtype")
            .extracting(PageResult::outcome)
            .containsOnly(PageOutcome.SKIPPED);
        List<PageInfo> listed = new ArrayList<>();
        other.directory().forEach(listed::add);
        assertThat(listed).allMatch(info -> info.dtype().equals(java.util.Optional.of("BFloat16")));
      }
    }
  }

  private static HostKVCache pool() {
    return HostKVCache.builder()
        .mha(2, 4, 32)
        .pages(1)
        .pageSize(16)
        .dtype(ScalarType.BFloat16)
        .layout(PoolLayout.PAGE_FIRST)
        .build();
  }

  private HiCacheConfigBuilder patient(OwnGateway gateway) {
    return tiers("local", OwnGateway.BUCKET, gateway.parameters())
        .retryAttempts(1)
        .breakerFailures(2)
        .breakerPauseMillis(200);
  }

  @Test(timeOut = 240_000)
  public void shouldOutliveAServerThatDiesAndComesBack() throws Exception {
    try (OwnGateway gateway = OwnGateway.make()) {
      gateway.start();
      try (HiCacheNixl store = HiCacheNixl.open(patient(gateway).build())) {
        assertThat(report(store).isLowerUp()).isTrue();
        gateway.kill();
        setAll(store);
        assertHasAll(store);
        await("it is seen to be down", () -> !report(store).isLowerUp());
        assertThat(report(store).backlog().pages()).isEqualTo(PAGES);
        PageResult absent = store.getPage("absent", read.address(), BYTES);
        assertThat(absent.outcome()).as("%s", absent.cause()).isEqualTo(PageOutcome.MISS);
        assertThat(store.batchExists(List.of("page0", "absent"))).isEqualTo(1);
        gateway.start();
        awaitWritten(store);
        assertThat(report(store).isLowerUp()).isTrue();
        assertThat(report(store).pages().dropped()).isZero();
      }
      try (HiCacheNixl other =
          HiCacheNixl.open(
              patient(gateway)
                  .tiers("files:" + dir.resolve("other"), "obj:" + OwnGateway.BUCKET)
                  .build())) {
        assertHasAll(other);
      }
    }
  }

  @Test(timeOut = 240_000)
  public void shouldOpenWithoutItsServerAndTakeItInLater() throws Exception {
    try (OwnGateway gateway = OwnGateway.make();
        HiCacheNixl store = HiCacheNixl.open(patient(gateway).build())) {
      assertThat(report(store).isLowerUp()).isFalse();
      assertThat(report(store).lowerProblem()).isNotBlank();
      setAll(store);
      PageResult deleted = store.deletePage("absent");
      assertThat(deleted.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(deleted.cause().code()).isEqualTo(ErrorCode.BACKEND_UNAVAILABLE);
      gateway.start();
      awaitWritten(store);
      assertThat(report(store).lower().orElseThrow().objects().orElseThrow().bucket())
          .isEqualTo(OwnGateway.BUCKET);
      assertThat(store.deletePage("absent").outcome()).isEqualTo(PageOutcome.MISS);
    }
  }

  @Test(timeOut = 120_000)
  public void shouldWorkOverAContainerOfAzureBlobsThoughNothingDeletesThere() throws Exception {
    HiCacheConfigBuilder config =
        tiers("one")
            .tiers(
                "segments:" + dir.resolve("one"),
                "azure:" + required("HICACHE_TEST_AZURE_CONTAINER"))
            .pluginParams(
                Map.of("connection_string", required("HICACHE_TEST_AZURE_CONNECTION_STRING")));
    try (HiCacheNixl store = HiCacheNixl.open(config.build())) {
      setAll(store);
      awaitWritten(store);
    }
    config.tiers(
        "segments:" + dir.resolve("other"), "azure:" + required("HICACHE_TEST_AZURE_CONTAINER"));
    try (HiCacheNixl other = HiCacheNixl.open(config.build())) {
      assertHasAll(other);
      PageResult deleted = other.deletePage("page0");
      assertThat(deleted.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(deleted.cause().code()).isEqualTo(ErrorCode.UNSUPPORTED);
      assertThat(other.exists("page0")).as("gone for this store").isFalse();
    }
  }
}
