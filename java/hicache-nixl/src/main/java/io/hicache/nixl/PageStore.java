// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * The calls that tell what became of every key. {@link HiCacheNixl} implements them, and derives
 * SGLang's booleans and nulls from them.
 *
 * <p>A call for one key throws {@link HiCacheException} INVALID_ARGUMENT for a bad argument. In a
 * batch a bad entry is FAILED with that exception as its cause, and its neighbours proceed; lists
 * that are null or differ in size are refused as a whole. Every call throws CLOSED on a closed
 * store. Whatever the storage does is an outcome.
 *
 * <p>Threads: safe from any number of threads.
 */
public interface PageStore {
  /**
   * Stores a tensor under a key, replacing what was there.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @param value contiguous, 0 to 8 dimensions, any dtype, any number of elements
   * @return STORED, or FAILED or TIMED_OUT with the cause
   */
  PageResult setPage(String key, Tensor value);

  /**
   * Stores plain memory under a key, replacing what was there.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @param address first byte, on the host or a CUDA device; any value when length is 0
   * @param length bytes
   * @return STORED, or FAILED or TIMED_OUT with the cause
   */
  PageResult setPage(String key, long address, long length);

  /**
   * Fills a tensor with the page under a key.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @param target contiguous, with the page's dtype and number of bytes
   * @return HIT or MISS, or CORRUPT, FAILED or TIMED_OUT with the cause
   */
  PageResult getPage(String key, Tensor target);

  /**
   * Fills plain memory with the page under a key.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @param address first byte, on the host or a CUDA device; any value when length is 0
   * @param length the page's number of bytes
   * @return HIT or MISS, or CORRUPT, FAILED or TIMED_OUT with the cause
   */
  PageResult getPage(String key, long address, long length);

  /**
   * Stores many tensors in one call.
   *
   * @param keys one for each value
   * @param values contiguous tensors
   * @return one result for each key, in their order
   */
  List<PageResult> batchSetPages(List<String> keys, List<Tensor> values);

  /**
   * Stores many memory ranges in one call.
   *
   * @param keys one for each range
   * @param addresses first bytes
   * @param lengths bytes
   * @return one result for each key, in their order
   */
  List<PageResult> batchSetPages(List<String> keys, long[] addresses, long[] lengths);

  /**
   * Fills many tensors in one call.
   *
   * @param keys one for each target
   * @param targets contiguous tensors
   * @return one result for each key, in their order
   */
  List<PageResult> batchGetPages(List<String> keys, List<Tensor> targets);

  /**
   * Fills many memory ranges in one call.
   *
   * @param keys one for each range
   * @param addresses first bytes
   * @param lengths the pages' numbers of bytes
   * @return one result for each key, in their order
   */
  List<PageResult> batchGetPages(List<String> keys, long[] addresses, long[] lengths);

  /**
   * Tells whether a whole page is there, without reading it.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @return HIT with the page's length, MISS, or FAILED or TIMED_OUT with the cause
   */
  PageResult existsPage(String key);

  /**
   * Tells of many pages whether they are there, without reading them.
   *
   * @param keys any keys
   * @return one result for each key, in their order
   */
  List<PageResult> batchExistsPages(List<String> keys);

  /**
   * Removes a page.
   *
   * @param key 1 to 65535 bytes of UTF-8
   * @return REMOVED or MISS, or FAILED or TIMED_OUT with the cause
   */
  PageResult deletePage(String key);

  /**
   * Removes many pages.
   *
   * @param keys any keys
   * @return one result for each key, in their order
   */
  List<PageResult> batchDeletePages(List<String> keys);
}
