// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageKeys;
import io.hicache.nixl.StorageStats;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** What was restored gives the very bits that would have been computed. */
public class PrefixReuseTest extends EngineFixture {
  private static final int DECODE = 5;

  /** Prompt length, whole pages in it, pages that need not be computed again. */
  @DataProvider
  public Object[][] lengths() {
    return new Object[][] {
      {1, 0, 0},
      {PAGE - 1, 0, 0},
      {PAGE, 1, 0}, // the last token's logits are in no page
      {PAGE + 1, 1, 1},
      {5 * PAGE - 3, 4, 4},
      {5 * PAGE, 5, 4},
      {11 * PAGE + 7, 11, 11},
    };
  }

  @Test(dataProvider = "lengths")
  public void shouldGiveTheSameBitsAfterARestartAsWithoutAStore(
      int length, int wholePages, int restorable) {
    int[] prompt = randomTokens(length);
    Answer without = answerWithoutStore(prompt, DECODE);
    int allChunks = (length + PAGE - 1) / PAGE;
    assertThat(without.promptChunks()).isEqualTo(allChunks);

    Answer first = answerWithStore(prompt, 0);
    assertThat(first.restoredPages()).isZero();
    assertThat(bits(first.logits())).isEqualTo(bits(without.logits()));
    try (HiCacheNixl store = open()) {
      assertThat(store.batchExists(PageKeys.of(prompt, PAGE))).isEqualTo(wholePages);
    }

    Answer restarted = answerWithStore(prompt, DECODE);
    assertThat(restarted.restoredPages()).isEqualTo(restorable);
    assertThat(restarted.promptChunks()).isEqualTo(allChunks - restorable);
    restarted.assertSameBits(without);
  }

  @Test
  public void shouldRestoreThePrefixThatTwoPromptsShareAndNoMore() {
    int[] shared = randomTokens(4 * PAGE + 5);
    int[] one = join(shared, randomTokens(3 * PAGE));
    int[] other = join(shared, randomTokens(2 * PAGE + 1));
    other[shared.length] = (one[shared.length] + 1) % MODEL.config().vocab();
    answerWithStore(one, 0);

    Answer answer = answerWithStore(other, DECODE);

    assertThat(answer.restoredPages()).isEqualTo(4);
    answer.assertSameBits(answerWithoutStore(other, DECODE));
  }

  @Test
  public void shouldRestoreThePagesThatFilledUpInDecoding() {
    int[] prompt = randomTokens(2 * PAGE + 3);
    Answer first = answerWithStore(prompt, 2 * PAGE);
    int[] conversation = join(join(prompt, first.tokens()), randomTokens(PAGE));

    Answer next = answerWithStore(conversation, DECODE);

    assertThat(next.restoredPages()).isEqualTo(4); // two of the prompt, two of the answer
    next.assertSameBits(answerWithoutStore(conversation, DECODE));
  }

  /** A damaged page is removed, so the second run has stored it again. */
  @Test
  public void shouldComputeFromADamagedPageOnAndStoreItAgain() throws Exception {
    int[] prompt = randomTokens(7 * PAGE + 2);
    answerWithStore(prompt, 0);
    flipByte(pageFile(prompt, 3), 1000);
    Answer without = answerWithoutStore(prompt, DECODE);

    Answer damaged = answerWithStore(prompt, DECODE);
    assertThat(damaged.restoredPages()).isEqualTo(3);
    assertThat(damaged.promptChunks()).isEqualTo(5);
    damaged.assertSameBits(without);

    Answer mended = answerWithStore(prompt, DECODE);
    assertThat(mended.restoredPages()).isEqualTo(7);
    mended.assertSameBits(without);
  }

  @Test
  public void shouldComputeFromAMissingPageOn() throws Exception {
    int[] prompt = randomTokens(6 * PAGE + 2);
    answerWithStore(prompt, 0);
    Files.delete(pageFile(prompt, 2));

    Answer answer = answerWithStore(prompt, DECODE);

    assertThat(answer.restoredPages()).isEqualTo(2);
    answer.assertSameBits(answerWithoutStore(prompt, DECODE));
  }

  @Test
  public void shouldStoreOnlyPagesThatAreNew() {
    int[] prompt = randomTokens(3 * PAGE + 1);
    answerWithStore(prompt, 0);
    try (HiCacheNixl store = open()) {
      try (Engine engine = Engine.withStore(MODEL, POOL_PAGES, PAGE, store)) {
        engine.prefill(join(prompt, randomTokens(2 * PAGE))).close();
      }
      StorageStats stats = store.getStats();
      assertThat(stats.hitPages()).isEqualTo(3);
      assertThat(stats.storedPages()).isEqualTo(2);
      assertThat(stats.skippedPages()).isZero();
    }
  }

  /** Were a page's content of no effect on the logits, the tests above could not fail. */
  @Test
  public void shouldShowAWrongPageInTheLogits() {
    int[] prompt = randomTokens(4 * PAGE + 2);
    int[] otherStart = prompt.clone();
    otherStart[0] = (prompt[0] + 1) % MODEL.config().vocab();

    Answer answer = answerWithoutStore(prompt, 0);

    assertThat(bits(answer.logits()))
        .isNotEqualTo(bits(answerWithoutStore(otherStart, 0).logits()));
  }

  private Path pageFile(int[] prompt, int page) {
    List<String> keys = PageKeys.of(prompt, PAGE);
    try (HiCacheNixl store = open()) {
      return store.directory().path(keys.get(page));
    }
  }

  private static void flipByte(Path file, int at) throws Exception {
    byte[] content = Files.readAllBytes(file);
    content[at] ^= 1;
    try (var out = Files.newByteChannel(file, java.nio.file.StandardOpenOption.WRITE)) {
      out.write(java.nio.ByteBuffer.wrap(content));
    }
  }
}
