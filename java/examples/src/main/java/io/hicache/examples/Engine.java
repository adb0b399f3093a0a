// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import io.hicache.nixl.HiCacheStorage;
import java.util.List;

/**
 * An inference engine in small: prefill and greedy decoding over a paged pool, with the store
 * behind it or without.
 *
 * <pre>{@code
 * try (HiCacheNixl store = HiCacheNixl.open(config);
 *     Engine engine = Engine.withStore(model, 256, 32, store);
 *     Sequence sequence = engine.prefill(prompt)) {   // restores what it can, computes the rest
 *   int[] answer = engine.decode(sequence, 100);
 * }
 * }</pre>
 *
 * <p>Threads: one thread at a time.
 */
final class Engine implements AutoCloseable {
  private final Decoder decoder;
  private final PagedKv kv;
  private final PageAllocator allocator;
  private final PrefixCache cache; // null: without a store

  private Engine(Decoder decoder, int pages, int pageSize, HiCacheStorage storage) {
    this.decoder = decoder;
    kv = new PagedKv(decoder.config(), pages, pageSize);
    allocator = new PageAllocator(pages);
    cache = storage == null ? null : new PrefixCache(storage, kv.pool());
  }

  /**
   * An engine that restores and stores pages.
   *
   * @param pages of the pool
   * @param pageSize tokens of a page
   * @param storage opened for this model alone; stays the caller's to close, after the engine
   */
  static Engine withStore(Decoder decoder, int pages, int pageSize, HiCacheStorage storage) {
    return new Engine(decoder, pages, pageSize, storage);
  }

  /** An engine that computes everything. */
  static Engine withoutStore(Decoder decoder, int pages, int pageSize) {
    return new Engine(decoder, pages, pageSize, null);
  }

  /**
   * Reads a prompt: restores the longest prefix that is stored, computes the rest page by page, and
   * stores the pages that are new, which goes on after this returns.
   *
   * @param prompt 1 token or more
   * @return to be closed by the caller; its logits are those after the prompt
   * @throws IllegalStateException when the pool has too few free pages
   */
  Sequence prefill(int... prompt) {
    requireTokens(prompt);
    Sequence sequence = new Sequence(allocator, kv.pageSize());
    try {
      sequence.append(prompt);
      restore(sequence);
      compute(sequence, sequence.restoredPages() * kv.pageSize());
      writeThrough(sequence, sequence.restoredPages());
      return sequence;
    } catch (RuntimeException e) {
      sequence.close();
      throw e;
    }
  }

  /**
   * Generates tokens, always the likeliest, and stores the pages that fill up on the way.
   *
   * @param sequence of this engine
   * @param count 0 or more
   * @return the new tokens
   * @throws IllegalStateException as {@link #prefill}; what was generated before stays
   */
  int[] decode(Sequence sequence, int count) {
    int[] generated = new int[count];
    for (int i = 0; i < count; i++) {
      int stored = sequence.wholePages();
      generated[i] = likeliest(sequence.logits());
      sequence.append(generated[i]);
      compute(sequence, sequence.length() - 1);
      writeThrough(sequence, stored);
    }
    return generated;
  }

  /** Nothing needs to be computed again but the last token, whose logits no page holds. */
  private void restore(Sequence sequence) {
    if (cache == null) {
      return;
    }
    int usable = (sequence.length() - 1) / kv.pageSize();
    int found = cache.lookUp(sequence.keys(0, usable));
    sequence.restored(cache.prefetch(sequence.keys(0, found), sequence.pages(0, found)).join());
  }

  /** Computes the tokens from one on, those of one page at a time. */
  private void compute(Sequence sequence, int from) {
    int pageSize = kv.pageSize();
    for (int at = from; at < sequence.length(); ) {
      int end = Math.min((at / pageSize + 1) * pageSize, sequence.length());
      int pageStart = at - at % pageSize;
      Decoder.Rows rows = new Decoder.Rows(at - pageStart, end - pageStart);
      sequence.computed(
          decoder.compute(kv, sequence.pageTable(at), rows, sequence.tokens(at, end)));
      at = end;
    }
  }

  private void writeThrough(Sequence sequence, int firstPage) {
    int end = sequence.wholePages();
    if (cache != null && firstPage < end) {
      List<Integer> pages = sequence.pages(firstPage, end);
      sequence.writing(pages, cache.writeThrough(sequence.keys(firstPage, end), pages));
    }
  }

  private void requireTokens(int[] prompt) {
    if (prompt.length == 0) {
      throw new IllegalArgumentException("prefill: the prompt has no tokens");
    }
    int last = decoder.config().vocab() - 1;
    for (int token : prompt) {
      if (token < 0 || token > last) {
        throw new IllegalArgumentException(
            "prefill: token " + token + " is not in the vocabulary, 0 to " + last);
      }
    }
  }

  private static int likeliest(float[] logits) {
    int best = 0;
    for (int token = 1; token < logits.length; token++) {
      if (logits[token] > logits[best]) {
        best = token;
      }
    }
    return best;
  }

  /** Pages of the pool that no sequence uses. */
  int freePages() {
    return allocator.freePages();
  }

  /** Waits for the writes under way, then gives the pool's memory back. */
  @Override
  public void close() {
    if (cache != null) {
      cache.close();
    }
    kv.close();
  }
}
