// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** The record of a namespace: damaged, planted, raced for, half written by a killed process. */
public class NamespaceManifestTest extends StoreFixture {
  private static final String SECRET = "correct horse battery staple";

  private Path own;
  private Path manifest;

  @BeforeMethod
  public void nameFiles() {
    own = dir.resolve(".hicache");
    manifest = own.resolve("namespace-chat-prod.json");
  }

  private HiCacheNixl openNamespace() {
    return HiCacheNixl.open(config().identity(HiCacheIdentityTest.full().build()).build());
  }

  private void enter(HiCacheIdentity identity) {
    NamespaceManifest.enter(identity, List.of(dir));
  }

  @Test
  public void shouldRecordEverythingButRanksAndSecretForTheOwnerAlone() throws IOException {
    HiCacheIdentity identity =
        HiCacheIdentityTest.full().model("größe/\"漢\"").tenantSecret(SECRET).build();
    HiCacheNixl.open(config().identity(identity).build()).close();

    JsonNode json = new ObjectMapper().readTree(manifest.toFile());
    assertThat(json)
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    """
                    {"schema": 1, "namespace": "chat-prod", "model": "größe/\\"漢\\"",
                     "revision": "8cde5ca8", "dtype": "bfloat16", "page_size": 64,
                     "kv_layout": "page_first", "tp_size": 2, "pp_size": 4, "cp_size": 3,
                     "mla": false, "tenant_proof":
                     "81e3297bbaf2164a4a0a1c8a93757a752c72a718cfcd73699959bd9ae4f184dc"}
                    """));
    assertThat(Files.getPosixFilePermissions(manifest, LinkOption.NOFOLLOW_LINKS))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    assertThat(Files.getAttribute(manifest, "unix:nlink")).isEqualTo(1);
    assertThat(filesBelow(own)).containsExactly(manifest);
    HiCacheNixl.open(config().identity(identity).build()).close();
  }

  @DataProvider
  public Object[][] damages() {
    return new Object[][] {
      {"emptied", "", ""},
      {"cut", "\"dtype\".*", ""},
      {"no JSON", ".*", "what is this"},
      {"no table", ".*", "[1, 2]"},
      {"null", ".*", "null"},
      {"zeros", ".*", "\0\0\0\0"},
      {"too long", "$", " ".repeat(65 << 10)},
      {"entry missing", "\"dtype\" : \"bfloat16\",", ""},
      {"entry of another type", "\"page_size\" : 64", "\"page_size\" : \"64\""},
      {"entry null", "\"page_size\" : 64", "\"page_size\" : null"},
      {"entry too many", "\"mla\" :", "\"more\" : 1, \"mla\" :"},
      {"entry twice", "\"mla\" :", "\"dtype\" : \"bfloat16\", \"mla\" :"},
      {"text behind", "$", "{}"},
      {"no schema", "\"schema\" : 1,", ""},
      {"schema 0", "\"schema\" : 1,", "\"schema\" : 0,"},
      {"another namespace's", "chat-prod", "chat-test"},
      {"proof missing", ",\\s*\"tenant_proof\" : \"\"", ""},
    };
  }

  @Test(dataProvider = "damages")
  public void shouldRefuseADamagedRecordWithAdviceThatHelps(
      String how, String pattern, String replacement) throws IOException {
    Tensor page = Tensors.randomFloats(16);
    try (HiCacheNixl store = openNamespace()) {
      assertThat(store.set("key", page)).isTrue();
    }
    String good = Files.readString(manifest);
    String bad = pattern.isEmpty() ? "" : good.replaceFirst("(?s)" + pattern, replacement);
    assertThat(bad).isNotEqualTo(good);
    Files.writeString(manifest, bad);

    HiCacheException error = refused(ErrorCode.CORRUPT, this::openNamespace);
    assertThat(error)
        .hasMessageContaining(manifest.toString())
        .hasMessageContaining("is damaged")
        .hasMessageContaining("Remove it");
    assertThat(manifest).hasContent(bad);
    assertThat(filesBelow(own)).containsExactly(manifest);

    Files.delete(manifest);
    try (HiCacheNixl store = openNamespace()) {
      Tensors.assertSame(store.get("key", Tensors.blankLike(page)), page);
    }
    assertThat(manifest).hasContent(good);
  }

  @Test
  public void shouldNotTouchTheRecordOfALaterVersion() throws IOException {
    openNamespace().close();
    String later = Files.readString(manifest).replace("\"schema\" : 1", "\"schema\" : 2");
    Files.writeString(manifest, later.replace("\"mla\"", "\"more\" : true, \"mla\""));
    assertThat(refused(this::openNamespace))
        .hasMessageContaining("has schema 2, and this version knows 1 only");
  }

  @Test
  public void shouldNotReadOrWriteThroughAPlantedLink() throws IOException {
    openNamespace().close();
    Path outside = dir.resolve("outside");
    Files.move(manifest, outside);
    byte[] content = Files.readAllBytes(outside);
    Path nowhere = dir.resolve("nowhere");
    for (Path target : List.of(outside, nowhere)) {
      Files.createSymbolicLink(manifest, target);
      assertThat(refused(ErrorCode.IO, this::openNamespace))
          .hasMessageContaining(manifest + "' is no regular file, perhaps a link; move it away");
      assertThat(manifest).isSymbolicLink();
      Files.delete(manifest);
    }
    assertThat(outside).hasBinaryContent(content);
    assertThat(nowhere).doesNotExist();
  }

  @Test
  public void shouldNotWaitForAPlantedPipe() throws Exception {
    openNamespace().close();
    Files.delete(manifest);
    assertThat(ChildJvm.run(List.of("mkfifo", manifest.toString())).exitCode()).isZero();
    assertThat(refused(ErrorCode.IO, this::openNamespace)).hasMessageContaining("no regular file");
    Files.delete(manifest);
    Files.createDirectory(manifest);
    assertThat(refused(ErrorCode.IO, this::openNamespace)).hasMessageContaining("no regular file");
  }

  @Test
  public void shouldNotFollowALinkInPlaceOfItsFolder() throws IOException {
    Path outside = Files.createDirectory(dir.resolve("outside"));
    Files.createSymbolicLink(own, outside);
    assertThat(refused(ErrorCode.IO, () -> enter(HiCacheIdentityTest.full().build())))
        .hasMessageContaining(own + "' is no directory, perhaps a link");
    assertThat(outside).isEmptyDirectory();
  }

  @Test
  public void shouldOpenOverWhatAKilledProcessLeft() throws IOException {
    openNamespace().close();
    Path half = own.resolve("probe-namespace-0123456789abcdef");
    Files.move(manifest, half);
    Files.writeString(half, Files.readString(half).substring(0, 40));
    openNamespace().close();
    assertThat(filesBelow(own)).containsExactly(manifest);
  }

  @Test
  public void shouldLetOneOfTwoIdentitiesInWhenThreadsRace() throws Exception {
    Files.createDirectories(own);
    List<HiCacheIdentity> identities =
        List.of(
            HiCacheIdentityTest.full().build(), HiCacheIdentityTest.full().dtype("other").build());
    int threads = 8;
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      for (int round = 0; round < 50; round++) {
        CyclicBarrier start = new CyclicBarrier(threads);
        List<Future<HiCacheIdentity>> entered = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
          HiCacheIdentity identity = identities.get(i % 2);
          entered.add(
              pool.submit(
                  () -> {
                    start.await();
                    return entered(identity);
                  }));
        }
        Set<HiCacheIdentity> winners = new HashSet<>();
        int count = 0;
        for (Future<HiCacheIdentity> one : entered) {
          HiCacheIdentity winner = one.get(60, TimeUnit.SECONDS);
          if (winner != null) {
            winners.add(winner);
            count++;
          }
        }
        assertThat(winners).hasSize(1);
        assertThat(count).isEqualTo(threads / 2);
        assertThat(filesBelow(own)).containsExactly(manifest);
        Files.delete(manifest);
      }
    } finally {
      pool.shutdownNow();
    }
  }

  /** The identity when it was let in, null when it was refused for the other one's sake. */
  private HiCacheIdentity entered(HiCacheIdentity identity) {
    try {
      enter(identity);
      return identity;
    } catch (HiCacheException e) {
      if (e.code() != ErrorCode.INVALID_ARGUMENT || !e.getMessage().contains("dtype")) {
        throw e;
      }
      return null;
    }
  }

  @Test
  public void shouldLetOneOfTwoIdentitiesInWhenProcessesRace() throws Exception {
    Path barrier = dir.resolve("go");
    Path pages = Files.createDirectory(dir.resolve("pages"));
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try {
      List<Future<ChildJvm>> children = new ArrayList<>();
      for (String dtype : List.of("bfloat16", "float16", "bfloat16", "float16")) {
        children.add(
            pool.submit(
                () ->
                    ChildJvm.run(
                        NamespaceProbe.class,
                        List.of(),
                        "",
                        List.of(),
                        "race",
                        pages.toString(),
                        dtype,
                        barrier.toString(),
                        "4")));
      }
      Set<String> opened = new TreeSet<>();
      int refusals = 0;
      for (Future<ChildJvm> future : children) {
        ChildJvm child = future.get(180, TimeUnit.SECONDS);
        assertThat(child.exitCode()).as(child.output()).isZero();
        for (String line : child.lines()) {
          if (line.startsWith("opened ")) {
            opened.add(line);
          } else if (line.startsWith("refused INVALID_ARGUMENT ")) {
            assertThat(line).contains("dtype = ");
            refusals++;
          }
        }
      }
      assertThat(opened).hasSize(1);
      assertThat(refusals).isEqualTo(2);
    } finally {
      pool.shutdownNow();
    }
  }

  @Test
  public void shouldNeverShowAHalfWrittenRecordWhenItsWriterIsKilled() throws Exception {
    Files.createDirectories(own);
    Path log = dir.resolve("log");
    for (int round = 0; round < 3; round++) {
      Process writer = NamespaceProbe.start(log, "publish", dir.toString(), "n" + round);
      try {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (records("n" + round).size() < 20 + Tensors.random().nextInt(20)) {
          assertThat(writer.isAlive()).as(Files.readString(log)).isTrue();
          assertThat(System.nanoTime()).isLessThan(deadline);
          Thread.sleep(1);
        }
      } finally {
        writer.destroyForcibly().waitFor();
      }
      List<Path> records = records("n" + round);
      assertThat(records).hasSizeGreaterThanOrEqualTo(20);
      for (Path record : records) {
        String name = record.getFileName().toString();
        enter(NamespaceProbe.identity(name.substring("namespace-".length(), name.length() - 5)));
      }
    }
    openNamespace().close();
    assertThat(filesBelow(own)).allMatch(file -> file.toString().endsWith(".json"));
  }

  /** By their names alone: the writer's temporary files come and go. */
  private List<Path> records(String prefix) throws IOException {
    try (Stream<Path> files = Files.list(own)) {
      return files
          .filter(file -> file.getFileName().toString().startsWith("namespace-" + prefix + "-"))
          .toList();
    }
  }

  @Test
  public void shouldSayWhatItNeedsWhenTheRecordCannotBeMade() {
    assertThat(refused(ErrorCode.IO, () -> enter(HiCacheIdentityTest.full().build())))
        .hasMessageContaining(manifest.toString())
        .hasMessageContaining("can be written to and has hard links");
  }
}
