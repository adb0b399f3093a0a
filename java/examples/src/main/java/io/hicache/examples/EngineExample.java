// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.StorageStats;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * Answers one long prompt twice, with the store and without, and compares the logits bit by bit.
 * Run once, it fills the store; run again, as a new process on the same directory, it finds there
 * what the first run computed. {@code scripts/example.sh} does both.
 */
@Command(
    name = "EngineExample",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Answers a prompt with the store and without, and compares the logits.",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      " 0:logits and tokens are the same, bit for bit",
      " 1:they differ, or --expect-restored found less than the whole prefix",
      " 2:wrong options"
    })
public final class EngineExample implements Callable<Integer> {
  private static final int DIFFERENT = 1;

  @Spec private CommandSpec spec;

  @Option(names = "--dir", required = true, description = "Storage directory.")
  private Path dir;

  @Option(names = "--prompt-tokens", description = "Length of the prompt (${DEFAULT-VALUE}).")
  private int promptTokens = 1000;

  @Option(names = "--decode", description = "Tokens to generate (${DEFAULT-VALUE}).")
  private int decode = 8;

  @Option(names = "--page-size", description = "Tokens of a page (${DEFAULT-VALUE}).")
  private int pageSize = 32;

  @Option(names = "--seed", description = "Of the prompt (${DEFAULT-VALUE}).")
  private long seed = 1;

  @Option(
      names = "--expect-restored",
      description = "Fail unless every page that can be restored was: for the run after a restart.")
  private boolean expectRestored;

  private EngineExample() {}

  /**
   * Runs the example and ends the process.
   *
   * @param arguments see {@code --help}
   */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new EngineExample()).execute(arguments));
  }

  /** What one engine made of the prompt. */
  private record Answer(
      double secondsToFirstToken,
      int restoredPages,
      int computedChunks,
      float[] promptLogits,
      int[] tokens,
      float[] lastLogits) {

    boolean isBitIdentical(Answer other) {
      return Arrays.equals(bits(promptLogits), bits(other.promptLogits))
          && Arrays.equals(tokens, other.tokens)
          && Arrays.equals(bits(lastLogits), bits(other.lastLogits));
    }

    private static int[] bits(float[] logits) {
      int[] bits = new int[logits.length];
      Arrays.setAll(bits, i -> Float.floatToRawIntBits(logits[i]));
      return bits;
    }
  }

  @Override
  public Integer call() {
    if (promptTokens < 1 || decode < 0 || pageSize < 1) {
      throw new ParameterException(
          spec.commandLine(),
          "--prompt-tokens and --page-size must be 1 or more, --decode 0 or more");
    }
    Decoder decoder = new Decoder(ModelConfig.small());
    ModelConfig config = decoder.config();
    int[] prompt = new Random(seed).ints(promptTokens, 0, config.vocab()).toArray();
    int pages = (promptTokens + decode) / pageSize + 1;
    warmUp(decoder);

    StorageStats stats;
    Answer with;
    HiCacheConfig storage =
        HiCacheConfig.builder().storageDir(dir).identity(config.identity(pageSize)).build();
    try (HiCacheNixl store = HiCacheNixl.open(storage)) {
      with = answer(() -> Engine.withStore(decoder, pages, pageSize, store), prompt);
      stats = store.getStats();
    }
    Answer without = answer(() -> Engine.withoutStore(decoder, pages, pageSize), prompt);
    print(without, with, stats);
    return verdict(without, with);
  }

  private Answer answer(Supplier<Engine> opened, int[] prompt) {
    try (Engine engine = opened.get()) {
      long started = System.nanoTime();
      try (Sequence sequence = engine.prefill(prompt)) {
        double seconds = (System.nanoTime() - started) / 1e9;
        int chunks = sequence.computedChunks();
        float[] promptLogits = sequence.logits();
        int[] tokens = engine.decode(sequence, decode);
        return new Answer(
            seconds, sequence.restoredPages(), chunks, promptLogits, tokens, sequence.logits());
      }
    }
  }

  /** Neither side shall pay for what a process does once. */
  private static void warmUp(Decoder decoder) {
    try (Engine engine = Engine.withoutStore(decoder, 1, 1)) {
      engine.prefill(0).close();
    }
  }

  private void print(Answer without, Answer with, StorageStats stats) {
    System.out.printf(
        Locale.ROOT, "prompt of %d tokens, pages of %d tokens%n%n", promptTokens, pageSize);
    row("", "without store", "with store");
    row(
        "time to first token",
        seconds(without.secondsToFirstToken()),
        seconds(with.secondsToFirstToken()));
    row("pages restored", without.restoredPages(), with.restoredPages());
    row("bytes restored", 0, stats.hitBytes());
    row("pages computed", without.computedChunks(), with.computedChunks());
    row("bytes stored", 0, stats.storedBytes());
    row(
        "logits and " + decode + " tokens",
        "",
        with.isBitIdentical(without) ? "bit-identical" : "DIFFERENT");
  }

  private static void row(String what, Object without, Object with) {
    System.out.printf("%-22s %16s %16s%n", what, without, with);
  }

  private static String seconds(double value) {
    return String.format(Locale.ROOT, "%.3f s", value);
  }

  private int verdict(Answer without, Answer with) {
    if (!with.isBitIdentical(without)) {
      System.err.println("error: logits or tokens differ with and without the store");
      return DIFFERENT;
    }
    int restorable = (promptTokens - 1) / pageSize;
    if (expectRestored && with.restoredPages() < restorable) {
      System.err.printf(
          "error: %d of %d pages were restored from %s%n", with.restoredPages(), restorable, dir);
      return DIFFERENT;
    }
    return 0;
  }
}
