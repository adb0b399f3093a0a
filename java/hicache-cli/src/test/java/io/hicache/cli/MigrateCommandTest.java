// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheNixl;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.SkipException;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** Pages move from one layout to the other, and none is lost. */
public class MigrateCommandTest extends MigrationFixture {

  private JsonNode migrate(String to, String... more) {
    List<String> all = new ArrayList<>(List.of("--to", to, "--json"));
    all.addAll(List.of(more));
    return runHere("migrate", all.toArray(String[]::new)).json();
  }

  /** Counts that are not 0. */
  private static Map<String, Long> counts(JsonNode json) {
    Map<String, Long> counts = new TreeMap<>();
    for (PageMigration.Finding finding : PageMigration.Finding.values()) {
      String name = finding.name().toLowerCase(Locale.ROOT);
      if (json.get(name).asLong() != 0) {
        counts.put(name, json.get(name).asLong());
      }
    }
    return counts;
  }

  /** Every regular file, with a checksum of its bytes; but where whoever looks enters himself. */
  private Map<Path, Long> tree() throws IOException {
    Map<Path, Long> files = new TreeMap<>();
    try (Stream<Path> all = Files.walk(pages)) {
      for (Path path : all.filter(Files::isRegularFile).toList()) {
        CRC32 checksum = new CRC32();
        checksum.update(Files.readAllBytes(path));
        files.put(path, path.endsWith("index-lock") ? 0 : checksum.getValue());
      }
    }
    return files;
  }

  @Test(dataProvider = "targets")
  public void shouldMoveEveryByteDtypeAndShape(String to) {
    List<Page> all = variousPages();
    set(config(other(to)).build(), all);

    JsonNode json = migrate(to);

    assertThat(json.get("exit_code").asInt()).as(json.toString()).isZero();
    assertThat(counts(json)).isEqualTo(Map.of("moved", (long) all.size()));
    assertThat(json.get("from").asText()).isEqualTo(other(to));
    assertThat(json.get("pages").asInt()).isEqualTo(all.size());
    assertThat(json.get("bytes").asLong())
        .isEqualTo(all.stream().mapToLong(page -> page.content().length).sum());
    assertHolds(config(to).build(), all);
    assertHolds(config(other(to)).build(), List.of());
    assertThat(counts(migrate(to))).as("nothing is left to do").isEmpty();

    assertThat(counts(migrate(other(to)))).isEqualTo(Map.of("moved", (long) all.size()));
    assertHolds(config(other(to)).build(), all);
    assertHolds(config(to).build(), List.of());
  }

  @Test(dataProvider = "targets")
  public void shouldMoveManyPagesInSeveralDirectories(String to) {
    List<Page> all = equalPages(1500, 5000);
    List<Path> directories = List.of(inFolder("a"), inFolder("b"), inFolder("c"));
    HiCacheConfig source = config(other(to)).storageDirs(directories).build();
    set(source, all);
    Result result =
        run(
            "migrate",
            "--to",
            to,
            "--dir",
            inFolder("a").toString(),
            "--dir",
            inFolder("b").toString(),
            "--dir",
            inFolder("c").toString());
    assertThat(result.code()).as(result.err()).isZero();
    assertThat(result.lines())
        .containsExactly(
            "1500 pages, 7.2 MiB: 1500 moved, 0 present, 0 other, 0 corrupt, 0 failed, 0 changed,"
                + " 0 gone",
            "only pages whose names end in '__0_1' were looked at; those of other models, ranks and"
                + " namespaces stay as they are");
    assertHolds(source.toBuilder().layout(to).build(), all);
    assertHolds(source, List.of());
  }

  @DataProvider
  public Object[][] namings() {
    return new Object[][] {
      {List.of("--naming", "sglang-v0", "--model", "org/m", "--tp-rank", "1", "--tp-size", "2")},
      {List.of("--model", "m", "--mla")},
      {List.of("--naming", "namespace", "--namespace", "chat", "--model", "m", "--dtype", "half")},
    };
  }

  @Test(dataProvider = "namings")
  public void shouldMoveThePagesOfOneNamingAndNoOther(List<String> naming) throws IOException {
    List<String> put = new ArrayList<>(naming);
    put.addAll(List.of("--key", "k".repeat(2000), randomFile("own", 5000).toString()));
    assertThat(runHere("put", put.toArray(String[]::new)).code()).isZero();
    Path foreign = put("foreign", 300);

    assertThat(counts(migrate(SEGMENTS, naming.toArray(String[]::new))))
        .isEqualTo(Map.of("moved", 1L));
    assertThat(foreign).exists();
    assertThat(keysOf(config(FILES).build())).containsExactly("foreign");
    assertThat(keysOf(config(SEGMENTS).build())).isEmpty();

    List<String> get = new ArrayList<>(naming);
    Path out = inFolder("out");
    get.addAll(List.of("--layout", SEGMENTS, "--key", "k".repeat(2000), "--out", out.toString()));
    assertThat(runHere("get", get.toArray(String[]::new)).code()).isZero();
    assertThat(out).hasSameBinaryContentAs(inFolder("own"));
    assertThat(counts(migrate(FILES, naming.toArray(String[]::new))))
        .isEqualTo(Map.of("moved", 1L));
  }

  @Test(dataProvider = "targets")
  public void shouldLeaveBothPagesWhereTheTargetHasAnother(String to) {
    Page young = new Page("key", ScalarType.Byte, 700);
    set(config(to).build(), List.of(young, new Page("same", ScalarType.Float, 10)));
    HiCacheConfig source = config(other(to)).build();
    set(
        source,
        List.of(new Page("same", ScalarType.Float, 10), new Page("new", ScalarType.Byte, 4096)));
    try (HiCacheNixl store = HiCacheNixl.open(source);
        NativeMemory memory = new NativeMemory()) {
      NativeMemory.Range old = memory.allocate(700);
      old.view(0, 700).put(new byte[700]);
      assertThat(store.set("key", old.address(), 700)).isTrue();
      assertThat(store.set("longer", old.address(), 700)).isTrue();
    }
    set(config(to).build(), List.of(new Page("longer", ScalarType.Byte, 701)));

    JsonNode json = migrate(to);

    assertThat(json.get("exit_code").asInt()).isEqualTo(3);
    assertThat(counts(json)).isEqualTo(Map.of("other", 2L, "present", 1L, "moved", 1L));
    assertThat(json.get("problems").findValuesAsText("key"))
        .containsExactlyInAnyOrder("key", "longer");
    assertThat(json.at("/problems/0/finding").asText()).isEqualTo("other");
    assertThat(json.at("/problems/0/reason").asText()).contains("hicache rm");
    assertThat(json.at("/problems/0").has("error")).isFalse();
    assertHolds(
        config(to).build(),
        List.of(
            young,
            new Page("longer", ScalarType.Byte, 701),
            new Page("same", ScalarType.Float, 10),
            new Page("new", ScalarType.Byte, 4096)));
    assertThat(keysOf(source)).containsExactly("key", "longer");
    try (HiCacheNixl store = HiCacheNixl.open(source)) {
      assertThat(contentOf(store, young)).isEqualTo(new byte[700]);
    }
  }

  @Test(dataProvider = "targets")
  public void shouldNotTakePagesOfAnotherDtypeOrShapeForTheSame(String to) {
    // Content follows from the key: both pages of a key have the same bytes.
    set(
        config(other(to)).build(),
        List.of(new Page("dtype", ScalarType.Half, 8), new Page("shape", ScalarType.Byte, 2, 8)));
    set(
        config(to).build(),
        List.of(new Page("dtype", ScalarType.Short, 8), new Page("shape", ScalarType.Byte, 16)));
    assertThat(counts(migrate(to))).isEqualTo(Map.of("other", 2L));
  }

  @Test
  public void shouldTakeThePlaceOfDamagedPagesOfTheTarget() throws IOException {
    List<Page> all = equalPages(3, 8192);
    set(config(FILES).build(), all);
    Path cut;
    Path flipped;
    try (HiCacheNixl store = HiCacheNixl.open(config(FILES).build())) {
      cut = store.directory().path("page-0");
      flipped = store.directory().path("page-1");
    }
    truncate(cut, 100);
    flipByte(flipped, 8000);
    set(config(SEGMENTS).build(), all);

    assertThat(counts(migrate(FILES))).isEqualTo(Map.of("moved", 2L, "present", 1L));
    assertHolds(config(FILES).build(), all);
    assertHolds(config(SEGMENTS).build(), List.of());
  }

  @Test
  public void shouldNameCorruptFilesAndMoveTheRest() throws IOException {
    Path flipped = put("flipped", 8192);
    flipByte(flipped, 8191);
    Path cut = put("cut", 8192);
    truncate(cut, 1);
    put("good", 5001);
    String sglang = "fedcba9876543210".repeat(4);
    stripSeal(put(sglang, 4096));

    JsonNode json = migrate(SEGMENTS);

    assertThat(json.get("exit_code").asInt()).isEqualTo(3);
    assertThat(counts(json)).isEqualTo(Map.of("moved", 2L, "corrupt", 2L));
    assertThat(json.get("unverified").asInt()).isEqualTo(1);
    assertThat(json.get("problems").findValuesAsText("key"))
        .containsExactlyInAnyOrder("flipped", "cut");
    assertThat(json.at("/problems/0/error/code").asText()).isEqualTo("CORRUPT");
    assertThat(json.get("problems").findValuesAsText("path"))
        .containsExactlyInAnyOrder(flipped.toString(), cut.toString());
    assertThat(flipped).hasSize(8192);
    assertThat(cut).hasSize(1);
    assertThat(keysOf(config(SEGMENTS).build())).containsExactly(sglang, "good");
    Result text = runHere("migrate", "--to", SEGMENTS);
    assertThat(text.code()).isEqualTo(3);
    assertThat(text.out()).contains("corrupt  flipped  " + flipped);
  }

  @Test
  public void shouldNameCorruptPagesOfSegmentsAndMoveTheRest() throws IOException {
    List<Page> all = equalPages(4, 4096);
    HiCacheConfig source = config(SEGMENTS).segmentBytes(1 << 20).build();
    set(source, all);
    Path segment;
    try (HiCacheNixl store = HiCacheNixl.open(source)) {
      segment = store.directory().path("page-2");
    }
    byte[] content = Files.readAllBytes(segment);
    byte[] wanted = all.get(2).content();
    int at = 0;
    while (!Arrays.equals(content, at, at + 4096, wanted, 0, 4096)) {
      at += 4096;
    }
    flipByte(segment, at + 17);

    JsonNode json = migrate(FILES);

    assertThat(counts(json)).isEqualTo(Map.of("moved", 3L, "corrupt", 1L));
    assertThat(json.at("/problems/0/key").asText()).isEqualTo("page-2");
    assertHolds(config(FILES).build(), List.of(all.get(0), all.get(1), all.get(3)));
    assertThat(keysOf(source)).containsExactly("page-2");
  }

  @Test(dataProvider = "targets")
  public void shouldChangeNoPageInADryRun(String to) throws IOException {
    List<Page> all = variousPages();
    set(config(other(to)).segmentBytes(32 << 20).build(), all);
    Map<Path, Long> before = tree();
    JsonNode json = migrate(to, "--dry-run");
    assertThat(json.get("exit_code").asInt()).isZero();
    assertThat(json.get("dry_run").asBoolean()).isTrue();
    assertThat(json.get("pages").asInt()).isEqualTo(all.size());
    long bytes = all.stream().mapToLong(page -> page.content().length).sum();
    assertThat(json.get("bytes").asLong()).isEqualTo(bytes);
    assertThat(runHere("migrate", "--to", to, "--dry-run").lines())
        .containsExactly(
            all.size()
                + " pages, "
                + Text.bytes(bytes)
                + " would be moved from "
                + other(to)
                + " to "
                + to);
    assertThat(tree()).isEqualTo(before);
    assertHolds(config(other(to)).build(), all);
  }

  @Test(dataProvider = "targets")
  public void shouldLeaveThePagesWhenToldToKeepThem(String to) {
    List<Page> all = variousPages();
    set(config(other(to)).build(), all);
    assertThat(counts(migrate(to, "--keep"))).isEqualTo(Map.of("moved", (long) all.size()));
    assertHolds(config(to).build(), all);
    assertHolds(config(other(to)).build(), all);
    assertThat(counts(migrate(to, "--keep"))).isEqualTo(Map.of("present", (long) all.size()));
    assertThat(counts(migrate(to))).isEqualTo(Map.of("present", (long) all.size()));
    assertHolds(config(to).build(), all);
    assertHolds(config(other(to)).build(), List.of());
  }

  @Test(dataProvider = "targets")
  public void shouldDoNothingInAnEmptyDirectory(String to) {
    JsonNode json = migrate(to);
    assertThat(json.get("exit_code").asInt()).isZero();
    assertThat(json.get("pages").asInt()).isZero();
    assertThat(json.get("stopped").isNull()).isTrue();
    assertThat(migrate(to, "--dry-run").get("pages").asInt()).isZero();
  }

  @DataProvider
  public Object[][] limits() {
    return new Object[][] {
      {SEGMENTS, "capacity_bytes = 8388608"},
      {FILES, "capacity_bytes = 8388608"},
      {SEGMENTS, "l3_cleaner_capacity_gb = 0.0078125\nl3_cleaner_low_watermark = 1"},
      {FILES, "l3_cleaner_capacity_gb = 0.0078125\nl3_cleaner_low_watermark = 1"},
      {SEGMENTS, "l3_cleaner_high_watermark = 0.002\nl3_cleaner_low_watermark = 0.001"},
    };
  }

  @Test(dataProvider = "limits")
  public void shouldMoveMoreThanTheCapacityAndEvictNothing(String to, String limit)
      throws IOException {
    List<Page> all = equalPages(200, 64 << 10);
    set(config(other(to)).build(), all);
    Path file = Files.writeString(inFolder("store.toml"), limit + "\n");
    JsonNode json = migrate(to, "--config", file.toString());
    assertThat(counts(json)).as(json.toString()).isEqualTo(Map.of("moved", 200L));
    assertHolds(config(to).build(), all);
    Path segments = pages.resolve(".hicache/segments");
    if (to.equals(SEGMENTS) && limit.contains("capacity")) {
      assertThat(segments.resolve("000000.segment"))
          .as("segments have the size that the engine would give them")
          .hasSize(1 << 20);
    }
  }

  @Test(dataProvider = "targets")
  public void shouldMoveNothingWithoutRoom(String to) throws IOException {
    List<Page> all = equalPages(3, 4096);
    set(config(other(to)).build(), all);
    Path file = Files.writeString(inFolder("store.toml"), "min_free_bytes = \"1024TiB\"\n");
    JsonNode json = migrate(to, "--config", file.toString());
    assertThat(json.get("exit_code").asInt()).isEqualTo(3);
    assertThat(json.at("/error/code").asText()).isEqualTo("NO_SPACE");
    assertThat(json.at("/error/message").asText())
        .contains(pages.toString(), "12.0 KiB are needed", "0 B may still be taken", "min_free");
    assertHolds(config(other(to)).build(), all);
    assertHolds(config(to).build(), List.of());
  }

  @Test
  public void shouldMoveAPageOfMoreThanAnEighthOfASegment() throws IOException {
    put("large", 300 << 10);
    put("small", 3000);
    Path file = Files.writeString(inFolder("store.toml"), "segment_bytes = 1048576\n");
    assertThat(counts(migrate(SEGMENTS, "--config", file.toString())))
        .isEqualTo(Map.of("moved", 2L));
    assertThat(keysOf(config(SEGMENTS).build())).containsExactlyInAnyOrder("large", "small");
    assertThat(keysOf(config(FILES).build())).isEmpty();
  }

  @Test
  public void shouldSayWhichKeysAreNotKnown() throws IOException {
    String key = "k".repeat(60_000);
    List<Page> all = List.of(new Page(key, ScalarType.Byte, 5000));
    set(config(SEGMENTS).build(), all);
    assertThat(counts(migrate(FILES))).isEqualTo(Map.of("moved", 1L));
    try (HiCacheNixl store = HiCacheNixl.open(config(FILES).build())) {
      assertThat(contentOf(store, all.get(0))).isEqualTo(all.get(0).content());
    }
    if (keysOf(config(FILES).build()).contains(key)) {
      throw new SkipException("attributes take a key of 60000 bytes here");
    }
    JsonNode json = migrate(SEGMENTS);
    assertThat(counts(json)).isEqualTo(Map.of("failed", 1L));
    assertThat(json.at("/problems/0/reason").asText()).contains("its key is not known");
    try (HiCacheNixl store = HiCacheNixl.open(config(FILES).build())) {
      assertThat(contentOf(store, all.get(0))).isEqualTo(all.get(0).content());
    }
  }

  @Test(dataProvider = "targets")
  public void shouldBeSafeUnderAnEngineThatUsesTheSource(String to) {
    List<Page> all = equalPages(50, 4096);
    set(config(other(to)).build(), all);
    try (HiCacheNixl engine = HiCacheNixl.open(config(other(to)).build())) {
      assertThat(contentOf(engine, all.get(7))).isEqualTo(all.get(7).content());
      assertThat(counts(migrate(to))).isEqualTo(Map.of("moved", 50L));
      assertThat(contentOf(engine, all.get(7))).as("a miss").isNull();
      set(config(other(to)).build(), all.subList(0, 1));
      assertThat(contentOf(engine, all.get(0))).isEqualTo(all.get(0).content());
    }
    assertHolds(config(to).build(), all);
  }

  @Test
  public void shouldRefuseWhatMakesNoSense() {
    assertThat(runHere("migrate").err()).contains("--to");
    assertThat(runHere("migrate", "--to", "objects").code()).isEqualTo(2);
    assertThat(runHere("migrate", "--to", "objects").err()).contains("files or segments");
    Result both = runHere("migrate", "--to", SEGMENTS, "--layout", FILES);
    assertThat(both.code()).isEqualTo(2);
    assertThat(both.err()).contains("--layout: leave it out");
    assertThat(pages).doesNotExist();
  }

  @Test
  public void shouldEndBeforeTheFirstBatchWhenInterrupted() throws IOException {
    put("a", 10);
    HiCacheCli cli = new HiCacheCli(Map.of(), InputStream.nullInputStream(), false);
    cli.interruption().request();
    Result result = run(cli, "migrate", "--to", SEGMENTS, "--dir", pages.toString());
    assertThat(result.code()).isEqualTo(3);
    assertThat(result.err()).contains("stopped: it was told to end").contains("same command");
    assertThat(keysOf(config(FILES).build())).containsExactly("a");
    JsonNode json = migrate(SEGMENTS);
    assertThat(counts(json)).isEqualTo(Map.of("moved", 1L));
  }
}
