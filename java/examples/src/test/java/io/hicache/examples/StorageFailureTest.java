// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.HiCacheStorage;
import io.hicache.nixl.HostKVCache;
import io.hicache.nixl.PageOutcome;
import io.hicache.nixl.PageResult;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.BytePointer;
import org.testng.annotations.Test;

/** A storage that fails costs time, and no bit of an answer. */
public class StorageFailureTest extends EngineFixture {
  private static final int DECODE = 3;
  private static final HiCacheException LATE = new HiCacheException(ErrorCode.TIMEOUT, "late");

  @Test
  public void shouldAnswerAsEverWhenTheStoreTakesNoPage() {
    int[] prompt = randomTokens(3 * PAGE + 4);
    Answer without = answerWithoutStore(prompt, DECODE);

    Answer first = answerWithStore(config().capacityBytes(1), prompt, DECODE);
    Answer second = answerWithStore(config().capacityBytes(1), prompt, DECODE);

    first.assertSameBits(without);
    second.assertSameBits(without);
    assertThat(second.restoredPages()).isZero(); // nothing had been stored
  }

  /** The late get then does what it may: it fills the memory that it was given. */
  @Test
  public void shouldNeverUseAPageThatALateGetMayStillFill() {
    int[] prompt = randomTokens(6 * PAGE + 4);
    answerWithStore(prompt, 0);
    try (HiCacheNixl store = open()) {
      Intercepted late = new Intercepted(store, "batchGetPagesV1Async", r -> lateFrom(r, 2));
      try (Engine engine = Engine.withStore(MODEL, POOL_PAGES, PAGE, late.storage())) {
        try (Sequence sequence = engine.prefill(prompt)) {
          assertThat(sequence.restoredPages()).isEqualTo(2);
          late.scribble(2, 6);
          int[] tokens = engine.decode(sequence, DECODE);
          Answer without = answerWithoutStore(prompt, DECODE);
          assertThat(tokens).isEqualTo(without.tokens());
          assertThat(bits(sequence.logits())).isEqualTo(bits(without.lastLogits()));
        }
        awaitFreePages(engine, POOL_PAGES - 4);
      }
    }
  }

  @Test
  public void shouldSetLatePagesAsideAlsoWhenThePoolHasNoOthers() {
    int[] prompt = randomTokens(6 * PAGE + 4);
    answerWithStore(prompt, 0);
    try (HiCacheNixl store = open()) {
      Intercepted late = new Intercepted(store, "batchGetPagesV1Async", r -> lateFrom(r, 2));
      try (Engine engine = Engine.withStore(MODEL, 9, PAGE, late.storage())) {
        assertThatIllegalStateException().isThrownBy(() -> engine.prefill(prompt));
        assertThat(engine.freePages()).isEqualTo(5);
      }
    }
  }

  @Test
  public void shouldNeverReuseAPageThatALateSetMayStillRead() {
    int[] prompt = randomTokens(5 * PAGE);
    try (HiCacheNixl store = open()) {
      Intercepted late = new Intercepted(store, "batchSetPagesV1Async", r -> lateFrom(r, 3));
      Engine engine = Engine.withStore(MODEL, POOL_PAGES, PAGE, late.storage());
      engine.prefill(prompt).close();
      engine.close();
      awaitFreePages(engine, POOL_PAGES - 2);
    }
  }

  private static List<PageResult> lateFrom(List<PageResult> results, int first) {
    PageResult[] late = results.toArray(PageResult[]::new);
    for (int i = first; i < late.length; i++) {
      late[i] = new PageResult(late[i].key(), PageOutcome.TIMED_OUT, 0, false, LATE);
    }
    return Arrays.asList(late);
  }

  /** A store of which one call's results are changed. */
  private static final class Intercepted {
    private final HiCacheStorage storage;
    private HostKVCache pool;
    private long[] lastIndices;

    Intercepted(HiCacheStorage real, String call, UnaryOperator<List<PageResult>> change) {
      storage =
          (HiCacheStorage)
              Proxy.newProxyInstance(
                  getClass().getClassLoader(),
                  new Class<?>[] {HiCacheStorage.class},
                  (proxy, method, arguments) -> {
                    if (method.getName().equals("registerMemPoolHost")) {
                      pool = (HostKVCache) arguments[0];
                    }
                    try {
                      Object result = method.invoke(real, arguments);
                      if (!method.getName().equals(call)) {
                        return result;
                      }
                      lastIndices = (long[]) arguments[1];
                      @SuppressWarnings("unchecked")
                      var future = (CompletableFuture<List<PageResult>>) result;
                      return future.thenApply(change);
                    } catch (InvocationTargetException e) {
                      throw e.getCause();
                    }
                  });
    }

    HiCacheStorage storage() {
      return storage;
    }

    /** Writes NaN over pages of the last call. */
    void scribble(int from, int to) {
      long[] indices = Arrays.copyOfRange(lastIndices, from * PAGE, to * PAGE);
      var blocks = pool.getPageBufferMeta(indices);
      BytePointer memory = new BytePointer(pool.kvBuffer().data_ptr());
      for (int i = 0; i < blocks.addresses().length; i++) {
        byte[] ones = new byte[Math.toIntExact(blocks.lengths()[i])];
        Arrays.fill(ones, (byte) 0xFF);
        memory.position(blocks.addresses()[i] - pool.address()).put(ones);
      }
    }
  }
}
