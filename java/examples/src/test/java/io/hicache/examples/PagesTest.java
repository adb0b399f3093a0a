// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hicache.nixl.HiCacheNixl;
import java.util.List;
import org.testng.annotations.Test;

/** Pages of the pool are handed out once, come back once, and are missed when there are too few. */
public class PagesTest extends EngineFixture {

  @Test
  public void shouldHandOutEachPageOnceUntilItComesBack() {
    PageAllocator allocator = new PageAllocator(3);
    List<Integer> all = List.of(allocator.take(), allocator.take(), allocator.take());
    assertThat(all).doesNotHaveDuplicates();
    assertThatIllegalStateException()
        .isThrownBy(allocator::take)
        .withMessageContaining("all 3 pages of the pool are in use");

    allocator.giveBack(List.of(all.get(1)));

    assertThat(allocator.take()).isEqualTo(all.get(1));
  }

  @Test
  public void shouldRefuseAPageThatIsNotInUse() {
    PageAllocator allocator = new PageAllocator(2);
    int page = allocator.take();
    allocator.giveBack(List.of(page));
    assertThatIllegalStateException()
        .isThrownBy(() -> allocator.giveBack(List.of(page)))
        .withMessageContaining("page " + page);
    assertThat(allocator.freePages()).isEqualTo(2);
  }

  @Test
  public void shouldNeverHandOutAPageAgainThatWasSetAside() {
    PageAllocator allocator = new PageAllocator(2);
    int page = allocator.take();
    allocator.setAside(page);
    allocator.giveBack(List.of(page));
    assertThat(allocator.take()).isNotEqualTo(page);
    assertThatIllegalStateException()
        .isThrownBy(allocator::take)
        .withMessageContaining("1 of them set aside");
  }

  @Test
  public void shouldGiveEveryPageBackWhenSequencesAndWritesAreDone() {
    try (HiCacheNixl store = open()) {
      Engine engine = Engine.withStore(MODEL, POOL_PAGES, PAGE, store);
      try (Sequence one = engine.prefill(randomTokens(3 * PAGE + 1));
          Sequence two = engine.prefill(randomTokens(2 * PAGE))) {
        engine.decode(two, 1);
        assertThat(engine.freePages()).isEqualTo(POOL_PAGES - 7);
        assertThat(one.wholePages()).isEqualTo(3);
      }
      engine.close();
      awaitFreePages(engine, POOL_PAGES);
    }
  }

  @Test
  public void shouldRefuseAPromptThatThePoolCannotHoldAndGoOn() {
    try (Engine engine = Engine.withoutStore(MODEL, 3, PAGE)) {
      int[] prompt = randomTokens(3 * PAGE);
      assertThatIllegalStateException()
          .isThrownBy(() -> engine.prefill(randomTokens(3 * PAGE + 1)))
          .withMessageContaining("all 3 pages of the pool are in use");
      assertThat(engine.freePages()).isEqualTo(3);
      try (Sequence sequence = engine.prefill(prompt)) {
        assertThatIllegalStateException().isThrownBy(() -> engine.decode(sequence, 1));
        assertThat(sequence.length()).isEqualTo(3 * PAGE);
      }
      assertThat(engine.freePages()).isEqualTo(3);
    }
  }

  @Test
  public void shouldRefuseAnEmptyPromptAndTokensBeyondTheVocabulary() {
    try (Engine engine = Engine.withoutStore(MODEL, 3, PAGE)) {
      assertThatThrownBy(engine::prefill).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> engine.prefill(MODEL.config().vocab()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("0 to 255");
      assertThat(engine.freePages()).isEqualTo(3);
    }
  }
}
