// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.StoreFixture.refused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.Test;

/** Deletes, clears and listings of objects, over a catalog in memory. */
public class ObjectPagesTest {
  private static final String PREFIX = "kv/";
  private static final String SUFFIX = "_m";
  private static final long LONG = 60_000;
  private static final Instant NOW = Instant.now();

  /** Pages are named PREFIX, key, SUFFIX; the first byte is the version. */
  private static final ObjectNaming NAMING =
      new ObjectNaming() {
        @Override
        public String name(byte[] key, int componentLength) {
          String text = new String(key, StandardCharsets.UTF_8);
          if (text.equals("nameless")) {
            throw HiCacheException.invalid("the key has no name");
          }
          return PREFIX + text + SUFFIX;
        }

        @Override
        public PageInfo page(ObjectEntry object, byte[] start) {
          String name = object.name();
          if (!name.startsWith(PREFIX) || !name.endsWith(SUFFIX)) {
            return null;
          }
          String key = name.substring(PREFIX.length(), name.length() - SUFFIX.length());
          long version = start.length == 0 ? 0 : start[0];
          long length = object.length();
          return new PageInfo(
              key, "", length, length, object.modified(), version, true, -1, List.of());
        }
      };

  private FakeCatalog catalog;
  private ObjectPages pages;
  private ObjectDeletes deletes;

  @BeforeMethod
  public void open() {
    catalog = new FakeCatalog();
    CatalogCalls calls = new CatalogCalls(() -> catalog, LONG);
    pages = new ObjectPages(PREFIX, NAMING, calls);
    deletes = new ObjectDeletes(pages, NAMING, calls);
  }

  @AfterMethod(alwaysRun = true)
  public void close() {
    if (catalog.hold != null) {
      catalog.hold.countDown();
    }
    deletes.close(0);
  }

  private void store(String... keys) {
    for (String key : keys) {
      catalog.put(PREFIX + key + SUFFIX, NOW, (byte) 1, (byte) 2);
    }
  }

  private static PageBatch toDelete(String... keys) {
    return PageBatch.of(Operation.DELETE, List.of(keys), null, null);
  }

  private List<PageResult> run(PageBatch batch, long timeoutMillis) throws Exception {
    return batch.results(deletes.submit(batch, timeoutMillis).future().get(1, TimeUnit.MINUTES));
  }

  private long clear() throws Exception {
    return run(PageBatch.ofClear(), LONG).get(0).orThrow().length();
  }

  @Test
  public void shouldTellWhatItRemovedFromWhatWasNotThere() throws Exception {
    store("a", "c");

    List<PageResult> results = run(toDelete("a", "b", "c", "a"), LONG);

    assertThat(results)
        .extracting(PageResult::outcome)
        .containsExactly(
            PageOutcome.REMOVED, PageOutcome.MISS, PageOutcome.REMOVED, PageOutcome.MISS);
    assertThat(catalog.objects).isEmpty();
  }

  @Test
  public void shouldFailOnlyTheKeysThatCannotBeDeleted() throws Exception {
    store("a", "b");
    catalog.refused.add("kv/b_m");

    List<PageResult> results = run(toDelete("nameless", "a", "b"), LONG);

    assertThat(results)
        .extracting(PageResult::outcome)
        .containsExactly(PageOutcome.FAILED, PageOutcome.REMOVED, PageOutcome.FAILED);
    assertThat(results.get(0).cause().code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    assertThat(results.get(2).cause())
        .hasMessageContaining("delete 'b'")
        .hasMessageContaining("403");
    assertThat(catalog.objects).containsOnlyKeys("kv/b_m");
  }

  @Test
  public void shouldClearWhatIsItsOwnInAsManyListingsAsItTakes() throws Exception {
    String[] keys = IntStream.range(0, 25).mapToObj(i -> "key" + i).toArray(String[]::new);
    store(keys);
    catalog.put("kv/foreign", NOW);
    catalog.put("kv/x_other", NOW);
    catalog.put("elsewhere/y_m", NOW);
    catalog.listed = 7;

    assertThat(clear()).isEqualTo(25);

    assertThat(catalog.objects).containsOnlyKeys("kv/foreign", "kv/x_other", "elsewhere/y_m");
    assertThat(clear()).isZero();
  }

  @Test
  public void shouldClearProbesThatAreOldAndCountNone() throws Exception {
    Instant old = NOW.minus(Duration.ofMinutes(61));
    catalog.put("kv/.hicache-probe-0123456789abcdef", old);
    catalog.put("kv/.hicache-probe-1123456789abcdef", NOW.minus(Duration.ofMinutes(50)));
    catalog.put("kv/.hicache-probe-notes", old);
    catalog.put(".hicache-probe-2123456789abcdef", old);

    assertThat(clear()).isZero();

    assertThat(catalog.objects)
        .containsOnlyKeys(
            "kv/.hicache-probe-1123456789abcdef",
            "kv/.hicache-probe-notes",
            ".hicache-probe-2123456789abcdef");
  }

  @Test
  public void shouldRemoveTheProbeBeforeItIsClosed() {
    String name = "kv/.hicache-probe-0123456789abcdef";
    catalog.put(name, NOW);

    deletes.removeProbe(name);
    deletes.close(LONG);

    assertThat(catalog.objects).isEmpty();
    assertThat(catalog.closed).isTrue();
  }

  @Test
  public void shouldLogWhyTheProbeStays() {
    catalog.refused.add("kv/probe");
    try (CapturedLog log = new CapturedLog()) {
      deletes.removeProbe("kv/probe");
      deletes.close(LONG);

      assertThat(log.lines())
          .contains("WARN the start-up probe's object kv/probe stays: kv/probe: 403 AccessDenied");
    }
  }

  @Test
  public void shouldSayHowMuchAClearLeft() throws Exception {
    store("a", "b", "c");
    catalog.refused.add("kv/b_m");

    PageResult result = run(PageBatch.ofClear(), LONG).get(0);

    assertThat(result.outcome()).isEqualTo(PageOutcome.FAILED);
    assertThat(result.cause()).hasMessageContaining("2 objects were removed and 1 were not");
    assertThat(result.cause()).hasMessageContaining("kv/b_m: 403");
    assertThat(catalog.objects).containsOnlyKeys("kv/b_m");
  }

  @Test
  public void shouldTimeOutWhenTheServerHangsAndDeleteNothingLater() throws Exception {
    store("a", "b");
    catalog.hold = new CountDownLatch(1);

    List<PageResult> deleted = run(toDelete("a", "b"), 50);
    PageResult cleared = run(PageBatch.ofClear(), 50).get(0);

    assertThat(deleted).extracting(PageResult::outcome).containsOnly(PageOutcome.TIMED_OUT);
    assertThat(deleted.get(1).cause()).hasMessageContaining("delete 'b'");
    assertThat(cleared.outcome()).isEqualTo(PageOutcome.TIMED_OUT);
    catalog.hold.countDown();
    assertThat(pages.find("a".getBytes(StandardCharsets.UTF_8), 0)).isPresent();
    assertThat(catalog.objects).hasSize(2);
  }

  @Test
  public void shouldCancelWhatIsOpen() throws Exception {
    store("a");
    catalog.hold = new CountDownLatch(1);
    PageBatch batch = toDelete("a");
    CompletionThread.Submitted submitted = deletes.submit(batch, LONG);
    assertThat(catalog.arrived.await(1, TimeUnit.MINUTES)).isTrue();

    assertThat(deletes.cancel(submitted.id())).isTrue();

    assertThat(batch.results(submitted.future().join()).get(0).outcome())
        .isEqualTo(PageOutcome.CANCELLED);
    assertThat(deletes.cancel(submitted.id())).isFalse();
  }

  @Test
  public void shouldShowEveryPageOnceAndNothingElse() {
    store(IntStream.range(0, 50).mapToObj(i -> "key" + i).toArray(String[]::new));
    catalog.put("kv/foreign", NOW);
    catalog.put("kv/.hicache-probe-0123456789abcdef", NOW);
    catalog.listed = 20;
    List<String> seen = new ArrayList<>();

    pages.forEach(page -> seen.add(page.key()));

    assertThat(seen)
        .containsExactlyInAnyOrderElementsOf(
            IntStream.range(0, 50).mapToObj(i -> "key" + i).toList());
  }

  @Test
  public void shouldLookAtManySideBySide() throws Exception {
    String[] keys = IntStream.range(0, 16).mapToObj(i -> "key" + i).toArray(String[]::new);
    store(keys);
    catalog.hold = new CountDownLatch(1);
    catalog.arrived = new CountDownLatch(16);

    PageBatch batch = toDelete(keys);
    CompletableFuture<BatchResult> future = deletes.submit(batch, LONG).future();

    assertThat(catalog.arrived.await(1, TimeUnit.MINUTES)).as("16 look-ups at once").isTrue();
    catalog.hold.countDown();
    assertThat(batch.results(future.get(1, TimeUnit.MINUTES)))
        .extracting(PageResult::outcome)
        .containsOnly(PageOutcome.REMOVED);
  }

  @Test
  public void shouldEndAVisitWithWhatTheVisitorThrows() {
    store("a", "b");
    IllegalStateException stop = new IllegalStateException("seen enough");

    assertThatThrownBy(
            () ->
                pages.forEach(
                    page -> {
                      throw stop;
                    }))
        .isSameAs(stop);
  }

  @Test
  public void shouldRemoveAListedPageUnlessAnotherHasReplacedIt() {
    store("a", "b");
    byte[] a = "a".getBytes(StandardCharsets.UTF_8);
    byte[] b = "b".getBytes(StandardCharsets.UTF_8);
    PageInfo first = pages.find(a, 0).orElseThrow();
    PageInfo second = pages.find(b, 0).orElseThrow();
    catalog.put("kv/b_m", NOW, (byte) 7);

    assertThat(pages.remove(a, first)).isTrue();
    assertThat(pages.remove(a, first)).isFalse();
    assertThat(pages.remove(b, second)).isFalse();

    assertThat(catalog.objects).containsOnlyKeys("kv/b_m");
  }

  @Test
  public void shouldEndWhatIsUnderWayWhenItIsClosed() throws Exception {
    store("a");
    catalog.hold = new CountDownLatch(1);
    CompletableFuture<HiCacheException> found =
        CompletableFuture.supplyAsync(
            () ->
                refused(
                    ErrorCode.CLOSED, () -> pages.find("a".getBytes(StandardCharsets.UTF_8), 0)));
    assertThat(catalog.arrived.await(1, TimeUnit.MINUTES)).isTrue();
    PageBatch batch = toDelete("a");
    CompletableFuture<BatchResult> deleted = deletes.submit(batch, LONG).future();

    deletes.close(10);

    assertThat(found.get(1, TimeUnit.MINUTES)).isNotNull();
    assertThat(batch.results(deleted.get(1, TimeUnit.MINUTES)).get(0).outcome())
        .isEqualTo(PageOutcome.TIMED_OUT);
    assertThat(catalog.closed).isTrue();
    refused(ErrorCode.CLOSED, () -> pages.forEach(page -> {}));
  }

  @Test
  public void shouldRefuseEveryCallWithTheReasonWhenThereIsNoCatalog() throws Exception {
    HiCacheException reason = new HiCacheException(ErrorCode.UNSUPPORTED, "add the module");
    CatalogCalls calls =
        new CatalogCalls(
            () -> {
              throw reason;
            },
            LONG);
    ObjectPages none = new ObjectPages(PREFIX, NAMING, calls);
    PageBatch batch = toDelete("a");

    PageResult deleted =
        batch
            .results(
                new ObjectDeletes(none, NAMING, calls)
                    .submit(batch, LONG)
                    .future()
                    .get(1, TimeUnit.MINUTES))
            .get(0);

    assertThat(deleted.outcome()).isEqualTo(PageOutcome.FAILED);
    assertThat(deleted.cause().code()).isEqualTo(ErrorCode.UNSUPPORTED);
    assertThat(deleted.cause()).hasMessageContaining("add the module");
    assertThat(refused(ErrorCode.UNSUPPORTED, () -> none.forEach(page -> {})))
        .hasMessageContaining("add the module");
    calls.close();
  }
}
