// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.bytedeco.pytorch.Tensor;

/**
 * The batch calls of {@link PageStore} without the wait: each hands its batch to the core and
 * returns a future. {@link HiCacheNixl} implements them.
 *
 * <p><b>Arguments</b> are checked as in the blocking forms: lists that are null or differ in size
 * throw INVALID_ARGUMENT at once, a closed store throws CLOSED at once, and a bad entry is FAILED
 * alone. Lists and arrays are read before the call returns.
 *
 * <p><b>Completion.</b> A future always completes, at the latest when the store closes, with one
 * result for each key in their order. What the storage does, a deadline and a cancel are outcomes:
 * a future of results never completes exceptionally by itself. It completes on the executor of
 * {@link HiCacheConfigBuilder#completionExecutor(Executor)}, else on threads of the store's own, so
 * a callback may block. A batch without a good entry is complete when the call returns.
 *
 * <p><b>Deadline.</b> It is the configured time-out, from the call on; keys that are open then are
 * TIMED_OUT. {@code orTimeout} and {@code complete} end only the future: the batch goes on, and
 * uses its memory.
 *
 * <p><b>Cancel.</b> {@code cancel} of the future that was returned (not of one derived from it)
 * cancels in the core, with either argument: keys that are open are CANCELLED at once, what was
 * done before keeps its outcome, and the future completes with these results. It returns true when
 * a key was open. {@code isCancelled} stays false, for there are results.
 *
 * <p><b>Memory.</b> It is borrowed until the future completes; after TIMED_OUT and CANCELLED the
 * storage may use it for longer. Tensors stay referenced until it lets go. The owner of a plain
 * address range has to leave it allocated, and of any target not to read or reuse it, until {@link
 * HiCacheNixl#describe()} shows no batch, or {@link HiCacheNixl#close(java.time.Duration)} says
 * that nothing hangs.
 *
 * <p><b>Back-pressure.</b> The bytes of sets and gets that are in flight are bounded by {@code
 * max_in_flight_bytes}. A call that would exceed it waits for room, in the order of arrival and at
 * most for the time-out, in these forms too: then every entry is TIMED_OUT, and nothing was
 * started.
 *
 * <p>Threads: safe from any number of threads, virtual ones among them.
 */
public interface AsyncPageStore {
  /**
   * As {@link PageStore#batchSetPages(List, List)}.
   *
   * @param keys one for each value
   * @param values contiguous tensors, referenced until the storage lets go of them
   * @return completes with one result for each key, in their order
   */
  CompletableFuture<List<PageResult>> batchSetPagesAsync(List<String> keys, List<Tensor> values);

  /**
   * As {@link PageStore#batchSetPages(List, long[], long[])}.
   *
   * @param keys one for each range
   * @param addresses first bytes
   * @param lengths bytes
   * @return completes with one result for each key, in their order
   */
  CompletableFuture<List<PageResult>> batchSetPagesAsync(
      List<String> keys, long[] addresses, long[] lengths);

  /**
   * As {@link PageStore#batchGetPages(List, List)}.
   *
   * @param keys one for each target
   * @param targets contiguous tensors, referenced until the storage lets go of them
   * @return completes with one result for each key, in their order
   */
  CompletableFuture<List<PageResult>> batchGetPagesAsync(List<String> keys, List<Tensor> targets);

  /**
   * As {@link PageStore#batchGetPages(List, long[], long[])}.
   *
   * @param keys one for each range
   * @param addresses first bytes
   * @param lengths the pages' numbers of bytes
   * @return completes with one result for each key, in their order
   */
  CompletableFuture<List<PageResult>> batchGetPagesAsync(
      List<String> keys, long[] addresses, long[] lengths);

  /**
   * As {@link PageStore#batchExistsPages(List)}.
   *
   * @param keys any keys
   * @return completes with one result for each key, in their order
   */
  CompletableFuture<List<PageResult>> batchExistsPagesAsync(List<String> keys);

  /**
   * As {@link PageStore#batchDeletePages(List)}.
   *
   * @param keys any keys
   * @return completes with one result for each key, in their order
   */
  CompletableFuture<List<PageResult>> batchDeletePagesAsync(List<String> keys);

  /**
   * As {@link HiCacheNixl#clear()}.
   *
   * @return completes with the number of pages removed; exceptionally with {@link HiCacheException}
   *     when the storage failed or the deadline passed, and with {@link
   *     java.util.concurrent.CancellationException} when it was cancelled: some pages may be gone
   *     then
   */
  CompletableFuture<Long> clearAsync();
}
