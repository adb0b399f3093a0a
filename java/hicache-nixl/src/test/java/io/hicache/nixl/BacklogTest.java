// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.testng.annotations.Test;

/** The backlog has each name once, within its bound, and gives room in the order of arrival. */
public class BacklogTest {
  private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);
  private static final long PAGE = 1000 - Backlog.ENTRY_BYTES; // 1000 with its entry

  private static List<PageName> names(String... keys) {
    return java.util.Arrays.stream(keys).map(key -> new PageName(key, "")).toList();
  }

  private static long[] lengths(int count) {
    long[] lengths = new long[count];
    java.util.Arrays.fill(lengths, PAGE);
    return lengths;
  }

  private static CompletableFuture<Boolean> add(Backlog backlog, String... keys) {
    return backlog.add(names(keys), lengths(keys.length), MINUTE);
  }

  private static List<String> take(Backlog backlog, List<Backlog.Entry> into) throws Exception {
    List<Backlog.Entry> taken = backlog.take(100, 1 << 20);
    into.addAll(taken);
    return taken.stream().map(entry -> entry.name.key()).toList();
  }

  @Test(timeOut = 20_000)
  public void shouldHaveEachNameOnce() throws Exception {
    Backlog backlog = new Backlog(10_000);
    assertThat(add(backlog, "a", "b", "a").join()).isTrue();
    assertThat(add(backlog, "b").join()).isTrue();
    assertThat(backlog.pages()).isEqualTo(2);
    assertThat(backlog.bytes()).isEqualTo(2000);
    List<Backlog.Entry> taken = new java.util.ArrayList<>();
    assertThat(take(backlog, taken)).containsExactly("a", "b");
    assertThat(add(backlog, "b").join()).isTrue();
    assertThat(backlog.finish(taken.get(0))).isTrue();
    assertThat(backlog.finish(taken.get(1))).isTrue();
    assertThat(backlog.pages()).as("b was set while it was written").isEqualTo(1);
    assertThat(take(backlog, taken)).containsExactly("b");
    assertThat(backlog.finish(taken.get(2))).isTrue();
    assertThat(backlog.pages()).isZero();
    assertThat(backlog.bytes()).isZero();
    assertThat(backlog.holds(names("b").get(0))).isFalse();
  }

  @Test(timeOut = 20_000)
  public void shouldGiveRoomInTheOrderOfArrival() throws Exception {
    Backlog backlog = new Backlog(2500);
    List<Backlog.Entry> taken = new java.util.ArrayList<>();
    assertThat(add(backlog, "a", "b").join()).isTrue();
    CompletableFuture<Boolean> second = add(backlog, "c", "d");
    CompletableFuture<Boolean> third = add(backlog, "e");
    CompletableFuture<Boolean> impatient = backlog.add(names("f"), lengths(1), 0);
    assertThat(impatient.join()).isFalse();
    take(backlog, taken);
    backlog.finish(taken.get(0));
    assertThat(second).isNotDone();
    assertThat(third).as("does not overtake").isNotDone();
    backlog.finish(taken.get(1));
    assertThat(second.join()).isTrue();
    assertThat(third).isNotDone();
    assertThat(take(backlog, taken)).containsExactly("c", "d");
    backlog.finish(taken.get(2));
    assertThat(third.join()).isTrue();
  }

  @Test(timeOut = 20_000)
  public void shouldLetMoreThanTheBoundGoAloneAndEndWaits() throws Exception {
    Backlog backlog = new Backlog(1500);
    assertThat(add(backlog, "a", "b", "c").join()).isTrue();
    CompletableFuture<Boolean> short_ =
        backlog.add(names("d"), lengths(1), TimeUnit.MILLISECONDS.toNanos(30));
    assertThat(short_.get(10, TimeUnit.SECONDS)).isFalse();
    CompletableFuture<Boolean> cancelled = add(backlog, "e");
    backlog.giveUp(cancelled);
    assertThat(cancelled.get(10, TimeUnit.SECONDS)).isFalse();
    CompletableFuture<Boolean> closed = add(backlog, "f");
    backlog.close();
    assertThat(closed.get(10, TimeUnit.SECONDS)).isFalse();
    assertThat(add(backlog, "g").join()).isFalse();
    assertThat(backlog.take(1, 1)).isNull();
    assertThat(backlog.pages()).as("what was left").isEqualTo(3);
  }

  @Test(timeOut = 20_000)
  public void shouldNotWriteWhatWasDeletedUnlessItIsSetAgain() throws Exception {
    Backlog backlog = new Backlog(10_000);
    List<Backlog.Entry> taken = new java.util.ArrayList<>();
    add(backlog, "a", "b", "c").join();
    backlog.remove(names("b"));
    assertThat(take(backlog, taken)).containsExactly("a", "c");
    backlog.remove(names("a", "c"));
    assertThat(backlog.holds(names("a").get(0))).as("until it is gone below").isTrue();
    assertThat(backlog.finish(taken.get(0))).as("has to be removed below").isFalse();
    assertThat(backlog.finish(taken.get(0))).isTrue();
    add(backlog, "c").join();
    assertThat(backlog.finish(taken.get(1))).isTrue();
    assertThat(take(backlog, taken)).containsExactly("c");
    backlog.putBack(taken.get(2));
    backlog.putBack(taken.get(2));
    assertThat(take(backlog, taken)).containsExactly("c");
    assertThat(backlog.bytes()).isEqualTo(1000);
  }
}
