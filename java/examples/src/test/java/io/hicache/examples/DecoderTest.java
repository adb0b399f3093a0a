// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.Test;

/** The model computes what its formulas say, in the same bits however a sequence is cut. */
public class DecoderTest extends EngineFixture {
  private static final int PAGES = 3;

  /** The logits after the last token, and the bytes of all pages. */
  private record Computed(float[] logits, List<byte[]> pages) {}

  @Test
  public void shouldComputeWhatTheFormulasSay() {
    int[] tokens = randomTokens(2 * PAGE + 5);
    double[] expected = new ReferenceDecoder(MODEL).logits(tokens);

    float[] logits = compute(tokens, PAGE).logits();

    for (int token = 0; token < expected.length; token++) {
      assertThat((double) logits[token]).isCloseTo(expected[token], Offset.offset(2e-4));
    }
    assertThat(Arrays.stream(expected).map(Math::abs).max().orElseThrow()).isGreaterThan(0.5);
  }

  @Test
  public void shouldGiveATokenTheSameBitsHoweverTheSequenceIsCut() {
    int[] tokens = randomTokens(2 * PAGE + 5);
    Computed byPages = compute(tokens, PAGE);
    for (int step : new int[] {1, 3, PAGE / 2}) {
      Computed inSteps = compute(tokens, step);
      assertThat(bits(inSteps.logits())).as("steps of %d", step).isEqualTo(bits(byPages.logits()));
      for (int page = 0; page < PAGES; page++) {
        assertThat(inSteps.pages().get(page))
            .as("page %d, steps of %d", page, step)
            .isEqualTo(byPages.pages().get(page));
      }
    }
  }

  @Test
  public void shouldHaveTheSameWeightsForTheSameSeedAndOthersForAnother() {
    ModelConfig config = MODEL.config();
    Decoder same = new Decoder(config);
    Decoder other = new Decoder(new ModelConfig(2, 6, 2, 16, 64, 160, 256, config.seed() + 1));
    int[] tokens = randomTokens(PAGE);
    float[] logits = compute(MODEL, tokens, PAGE).logits();
    assertThat(bits(compute(same, tokens, PAGE).logits())).isEqualTo(bits(logits));
    assertThat(bits(compute(other, tokens, PAGE).logits())).isNotEqualTo(bits(logits));
    assertThat(other.config().identity(PAGE)).isNotEqualTo(config.identity(PAGE));
  }

  private static Computed compute(int[] tokens, int step) {
    return compute(MODEL, tokens, step);
  }

  /** Computes in steps that end at a page's end or after so many tokens, in scattered pages. */
  private static Computed compute(Decoder decoder, int[] tokens, int step) {
    int[] table = {4, 1, 3};
    try (PagedKv kv = new PagedKv(decoder.config(), 5, PAGE)) {
      scribble(kv);
      float[] logits = null;
      for (int at = 0; at < tokens.length; ) {
        int first = at % PAGE;
        int end = Math.min(Math.min(first + step, PAGE), first + tokens.length - at);
        int[] chunk = Arrays.copyOfRange(tokens, at, at + end - first);
        int[] pages = Arrays.copyOf(table, at / PAGE + 1);
        logits = decoder.compute(kv, pages, new Decoder.Rows(first, end), chunk);
        at += end - first;
      }
      int used = (tokens.length + PAGE - 1) / PAGE;
      return new Computed(
          logits,
          IntStream.range(0, used)
              .mapToObj(page -> bytes(kv.pool().getDataPage((long) table[page] * PAGE, true)))
              .toList());
    }
  }

  /** What an earlier sequence or a failed get may have left: here NaN in every element. */
  private static void scribble(PagedKv kv) {
    byte[] all = new byte[Math.toIntExact(kv.pool().length())];
    Arrays.fill(all, (byte) 0xFF);
    new BytePointer(kv.pool().kvBuffer().data_ptr()).put(all);
  }

  private static byte[] bytes(Tensor tensor) {
    byte[] bytes = new byte[Math.toIntExact(tensor.nbytes())];
    new BytePointer(tensor.data_ptr()).get(bytes);
    return bytes;
  }
}
