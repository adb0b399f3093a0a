// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import io.hicache.nixl.PageKeys;
import io.hicache.nixl.PageResult;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/**
 * A prompt and what was generated after it: tokens, their pages in the pool, and the key of each
 * page that is whole. Closing it gives the pages back, those that are being stored once they are.
 *
 * <p>Threads: one thread at a time.
 */
final class Sequence implements AutoCloseable {
  private final PageAllocator allocator;
  private final int pageSize;
  private final PageKeys chain;
  private final List<String> keys = new ArrayList<>();
  private final List<Integer> pages = new ArrayList<>();
  private final List<CompletableFuture<?>> writes = new ArrayList<>();
  private int[] tokens = {};
  private int restoredPages;
  private int computedChunks;
  private float[] logits;
  private boolean closed;

  Sequence(PageAllocator allocator, int pageSize) {
    this.allocator = allocator;
    this.pageSize = pageSize;
    chain = PageKeys.start(pageSize);
  }

  /**
   * Adds tokens, takes pages for them, and makes the keys of pages that became whole.
   *
   * @throws IllegalStateException when no page is free; no token is added then
   */
  void append(int... more) {
    int length = tokens.length;
    while ((long) pages.size() * pageSize < length + more.length) {
      pages.add(allocator.take());
    }
    keys.addAll(chain.append(more));
    tokens = Arrays.copyOf(tokens, length + more.length);
    System.arraycopy(more, 0, tokens, length, more.length);
  }

  int length() {
    return tokens.length;
  }

  int[] tokens(int from, int to) {
    return Arrays.copyOfRange(tokens, from, to);
  }

  /** Number of pages that are full of tokens. */
  int wholePages() {
    return keys.size();
  }

  List<String> keys(int from, int to) {
    return List.copyOf(keys.subList(from, to));
  }

  List<Integer> pages(int from, int to) {
    return List.copyOf(pages.subList(from, to));
  }

  /** The pages up to the one that a token lies in. */
  int[] pageTable(int token) {
    return IntStream.rangeClosed(0, token / pageSize).map(pages::get).toArray();
  }

  /**
   * Takes over what a prefetch brought: the pages up to the first that is not a hit. A page that a
   * late transfer may still fill is replaced by another.
   *
   * @param results for this sequence's pages from the first on
   * @throws IllegalStateException when no page is free to replace one
   */
  void restored(List<PageResult> results) {
    List<Integer> late =
        IntStream.range(0, results.size())
            .filter(i -> PrefixCache.mayStillMove(results.get(i)))
            .boxed()
            .toList();
    late.forEach(i -> allocator.setAside(pages.get(i))); // all, before a take can fail
    late.forEach(i -> pages.set(i, allocator.take()));
    while (restoredPages < results.size() && results.get(restoredPages).isHit()) {
      restoredPages++;
    }
  }

  void computed(float[] newLogits) {
    computedChunks++;
    logits = newLogits;
  }

  /** Notes that pages of this sequence are being stored. */
  void writing(List<Integer> written, CompletableFuture<List<PageResult>> write) {
    writes.add(
        write.thenAccept(
            results -> {
              for (int i = 0; i < results.size(); i++) {
                if (PrefixCache.mayStillMove(results.get(i))) {
                  allocator.setAside(written.get(i));
                }
              }
            }));
  }

  /** Pages of the prompt that came from the store. */
  int restoredPages() {
    return restoredPages;
  }

  /** How often the model ran for this sequence, each time for tokens of one page. */
  int computedChunks() {
    return computedChunks;
  }

  /** The logits after the last token, vocab long; null before the prefill. */
  float[] logits() {
    return logits;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      List<Integer> held = List.copyOf(pages);
      CompletableFuture.allOf(writes.toArray(CompletableFuture[]::new))
          .whenComplete((done, failure) -> allocator.giveBack(held));
    }
  }
}
