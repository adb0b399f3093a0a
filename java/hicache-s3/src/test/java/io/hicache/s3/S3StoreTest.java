// SPDX-License-Identifier: Apache-2.0
package io.hicache.s3;

import static org.assertj.core.api.Assertions.assertThat;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.ObjectCatalog;
import io.hicache.nixl.ObjectEntry;
import io.hicache.nixl.PageInfo;
import io.hicache.nixl.PageOutcome;
import io.hicache.nixl.PageResult;
import io.hicache.nixl.StoreDescription;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.BytePointer;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.Test;

/** Stores over real objects, with everything that a catalog does for them. */
@Test(groups = "obj")
public class S3StoreTest extends S3Fixture {
  private static final int BYTES = 100;

  private BytePointer page;

  @BeforeMethod
  public void makePage() {
    page = new BytePointer(BYTES).fill(7);
  }

  @AfterMethod(alwaysRun = true)
  public void freePage() {
    page.close();
  }

  private HiCacheNixl open(Map<String, String> parameters, String prefix, String model) {
    return HiCacheNixl.open(
        HiCacheConfig.builder()
            .environment(Map.of())
            .backend("OBJ")
            .pluginParams(parameters)
            .objectPrefix(prefix)
            .model(model)
            .timeoutMillis(60_000)
            .build());
  }

  private HiCacheNixl open() {
    return open(server(), prefix, "m");
  }

  private void set(HiCacheNixl store, String... keys) {
    long[] addresses = new long[keys.length];
    long[] lengths = new long[keys.length];
    Arrays.fill(addresses, page.address());
    Arrays.fill(lengths, BYTES);
    assertThat(store.batchSetPages(List.of(keys), addresses, lengths))
        .extracting(PageResult::outcome)
        .containsOnly(PageOutcome.STORED);
  }

  private static List<String> listed(HiCacheNixl store) {
    List<String> keys = new ArrayList<>();
    store.directory().forEach(info -> keys.add(info.key()));
    return keys;
  }

  private List<String> objects() {
    try (ObjectCatalog catalog = open(server())) {
      return listAll(catalog, prefix).stream().map(ObjectEntry::name).toList();
    }
  }

  @Test(dataProvider = "endpoints")
  public void shouldFindListDeleteAndClear(String endpoint) throws Exception {
    Instant before = Instant.now().minusSeconds(60);
    try (HiCacheNixl store = open(server(endpoint), prefix, "m")) {
      set(store, "a", "b", "c", "d");

      PageInfo found = store.directory().find("b").orElseThrow();
      assertThat(found.key()).isEqualTo("b");
      assertThat(found.length()).isEqualTo(BYTES);
      assertThat(found.isWhole()).isTrue();
      assertThat(found.sealed()).isTrue();
      assertThat(found.modified()).isBetween(before, Instant.now().plusSeconds(60));
      assertThat(store.directory().find("none")).isEmpty();
      assertThat(store.directory().path("b")).hasToString(objects().get(1));
      assertThat(listed(store)).containsExactlyInAnyOrder("a", "b", "c", "d");

      assertThat(store.delete("a")).isTrue();
      assertThat(store.exists("a")).isFalse();
      assertThat(store.batchDeletePagesAsync(List.of("a", "b", "b")).get(1, TimeUnit.MINUTES))
          .extracting(PageResult::outcome)
          .containsExactly(PageOutcome.MISS, PageOutcome.REMOVED, PageOutcome.MISS);
      assertThat(listed(store)).containsExactlyInAnyOrder("c", "d");

      assertThat(store.clear()).isEqualTo(2);
      assertThat(listed(store)).isEmpty();
      assertThat(objects()).isEmpty();
    }
  }

  @Test
  public void shouldLeaveThePagesOfOtherStoresAndForeignObjects() {
    try (HiCacheNixl store = open();
        HiCacheNixl otherModel = open(server(), prefix, "x_m");
        HiCacheNixl otherPrefix = open(server(), prefix + "2", "m");
        HiCacheNixl below = open(server(), prefix + "below/", "m")) {
      for (HiCacheNixl each : List.of(store, otherModel, otherPrefix, below)) {
        set(each, "a", "b");
      }
      put(List.of("notes.txt", "foreign_m_0_1"), "a page of somebody else".getBytes());

      assertThat(listed(store)).containsExactlyInAnyOrder("a", "b");
      assertThat(store.clear()).isEqualTo(2);

      assertThat(listed(store)).isEmpty();
      for (HiCacheNixl each : List.of(otherModel, otherPrefix, below)) {
        assertThat(listed(each)).containsExactlyInAnyOrder("a", "b");
      }
      assertThat(objects()).contains(prefix + "notes.txt", prefix + "foreign_m_0_1");
      assertThat(otherPrefix.clear() + below.clear()).isEqualTo(4);
    }
  }

  @Test
  public void shouldShowKeysThatAreNoNames() {
    String long1 = "k".repeat(250);
    String long2 = "k".repeat(2000);
    try (HiCacheNixl store = open()) {
      set(store, "a/b", "../up", "\u00e4\u6f22", long1, long2);

      List<String> keys = listed(store);

      assertThat(keys).hasSize(5).contains("a/b", "../up", "\u00e4\u6f22", long1);
      assertThat(store.directory().find("a/b").orElseThrow().key()).isEqualTo("a/b");
      assertThat(store.delete("a/b")).isTrue();
      assertThat(store.delete(long2)).isTrue();
      assertThat(store.clear()).isEqualTo(3);
    }
  }

  @Test
  public void shouldRemoveAListedPageUnlessAnotherHasReplacedIt() {
    try (HiCacheNixl store = open()) {
      set(store, "a", "b");
      PageInfo a = store.directory().find("a").orElseThrow();
      PageInfo b = store.directory().find("b").orElseThrow();
      page.fill(8);
      set(store, "b");

      assertThat(store.directory().remove(a)).isTrue();
      assertThat(store.directory().remove(a)).isFalse();
      assertThat(store.directory().remove(b)).isFalse();

      assertThat(listed(store)).containsExactly("b");
    }
  }

  @Test
  public void shouldListAndClearThousandsOfPages() {
    String[] keys = IntStream.range(0, 2500).mapToObj(i -> "page-" + i).toArray(String[]::new);
    try (HiCacheNixl store = open()) {
      set(store, keys);

      assertThat(listed(store)).containsExactlyInAnyOrder(keys);
      assertThat(store.clear()).isEqualTo(2500);

      assertThat(listed(store)).isEmpty();
    }
  }

  @Test
  public void shouldLeaveNothingOfTheStartUpProbe() {
    try (HiCacheNixl store = open()) {
      StoreDescription.ObjectStorage about = store.describe().objects().orElseThrow();
      assertThat(about.prefix()).isEqualTo(prefix);
      assertThat(about.bucket()).isEqualTo(required("HICACHE_TEST_S3_BUCKET"));
      assertThat(about.endpoint()).isEqualTo(required(ENDPOINT));
      assertThat(about.format()).isEqualTo("sealed");
      assertThat(about.breaker()).isEqualTo("closed");
      assertThat(store.describe().toString())
          .contains("objects", about.bucket(), about.endpoint(), prefix);
    }
    assertThat(objects()).isEmpty();
  }

  @Test
  public void shouldClearPagesWithoutASeal() {
    HiCacheConfig config =
        HiCacheConfig.builder()
            .environment(Map.of())
            .backend("OBJ")
            .pluginParams(server())
            .objectPrefix(prefix)
            .objectFormat("raw")
            .model("m")
            .build();
    try (HiCacheNixl store = HiCacheNixl.open(config)) {
      set(store, "a", "b");
      put(List.of("notes.txt"), new byte[1]);

      assertThat(listed(store)).containsExactlyInAnyOrder("a", "b");
      assertThat(store.clear()).isEqualTo(2);

      assertThat(objects()).containsExactly(prefix + "notes.txt");
    }
  }

  @Test
  public void shouldSayThatTheCredentialsAreWrongAndShowNoSecret() {
    Map<String, String> parameters = server();
    parameters.put("secret_key", "wrong-secret-0123456789");

    HiCacheException error =
        refused(ErrorCode.BACKEND_UNAVAILABLE, () -> open(parameters, prefix, "m").close());

    assertThat(new Report(error).text()).doesNotContain("wrong-secret-0123456789");
  }
}
