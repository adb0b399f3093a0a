// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheConfigBuilder;
import io.hicache.nixl.HiCacheNixl;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;

/** A small model, random prompts, and stores over real NIXL in a directory of the test's own. */
abstract class EngineFixture {
  static final int PAGE = 16;
  static final int POOL_PAGES = 24;

  /** A page is 8192 bytes: 2 x 2 layers x 16 tokens x 2 heads x 16 x 4. */
  static final Decoder MODEL = new Decoder(new ModelConfig(2, 6, 2, 16, 64, 160, 256, 7));

  private static final long SEED = Long.getLong("hicache.test.seed", System.nanoTime());
  private static final Random RANDOM = new Random(SEED);
  private static final Path ROOT = Path.of("target", "test-stores").toAbsolutePath();

  static {
    System.out.println("random data: -Dhicache.test.seed=" + SEED);
  }

  /** Removed with everything in it after each test. */
  Path dir;

  @BeforeMethod(alwaysRun = true)
  final void makeDirectory() throws IOException {
    Files.createDirectories(ROOT);
    dir = Files.createTempDirectory(ROOT, getClass().getSimpleName());
  }

  @AfterMethod(alwaysRun = true)
  final void removeDirectory() throws IOException {
    try (Stream<Path> tree = Files.walk(dir)) {
      for (Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  final HiCacheConfigBuilder config() {
    return HiCacheConfig.builder()
        .environment(Map.of())
        .storageDir(dir)
        .layout("files")
        .backend("POSIX")
        .lanes(2)
        .timeoutMillis(20_000)
        .identity(MODEL.config().identity(PAGE));
  }

  final HiCacheNixl open() {
    return HiCacheNixl.open(config().build());
  }

  static int[] randomTokens(int count) {
    return RANDOM.ints(count, 0, MODEL.config().vocab()).toArray();
  }

  static int[] join(int[] first, int... second) {
    return IntStream.concat(Arrays.stream(first), Arrays.stream(second)).toArray();
  }

  /** What an engine made of a prompt: logits after it, then greedy tokens and the logits after. */
  record Answer(
      float[] logits, int[] tokens, float[] lastLogits, int restoredPages, int promptChunks) {

    /** Compares raw bits: -0 is not 0, and a NaN is only itself. */
    void assertSameBits(Answer other) {
      assertThat(bits(logits)).isEqualTo(bits(other.logits));
      assertThat(tokens).isEqualTo(other.tokens);
      assertThat(bits(lastLogits)).isEqualTo(bits(other.lastLogits));
    }
  }

  static int[] bits(float[] values) {
    return IntStream.range(0, values.length).map(i -> Float.floatToRawIntBits(values[i])).toArray();
  }

  static Answer answer(Engine engine, int[] prompt, int decode) {
    try (Sequence sequence = engine.prefill(prompt)) {
      float[] logits = sequence.logits();
      int chunks = sequence.computedChunks();
      int[] tokens = engine.decode(sequence, decode);
      return new Answer(logits, tokens, sequence.logits(), sequence.restoredPages(), chunks);
    }
  }

  /** By an engine and a store of its own, as after a restart. */
  final Answer answerWithStore(int[] prompt, int decode) {
    return answerWithStore(config(), prompt, decode);
  }

  static Answer answerWithStore(HiCacheConfigBuilder config, int[] prompt, int decode) {
    try (HiCacheNixl store = HiCacheNixl.open(config.build());
        Engine engine = Engine.withStore(MODEL, POOL_PAGES, PAGE, store)) {
      return answer(engine, prompt, decode);
    }
  }

  static Answer answerWithoutStore(int[] prompt, int decode) {
    try (Engine engine = Engine.withoutStore(MODEL, POOL_PAGES, PAGE)) {
      return answer(engine, prompt, decode);
    }
  }

  /** Pages of a closed sequence come back when their writes are done, from another thread. */
  static void awaitFreePages(Engine engine, int expected) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (engine.freePages() != expected && System.nanoTime() < deadline) {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
    }
    assertThat(engine.freePages()).isEqualTo(expected);
  }
}
