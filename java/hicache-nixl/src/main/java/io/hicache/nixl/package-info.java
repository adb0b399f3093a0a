// SPDX-License-Identifier: Apache-2.0
/**
 * A store of KV-cache pages for LLM inference engines on the JVM: libtorch tensors in, files or
 * objects out, through NVIDIA NIXL.
 *
 * <p>What matters here, in this order; where two are at odds the first wins:
 *
 * <ol>
 *   <li><b>Never wrong.</b> A get returns exactly the bytes that were set under that key, or it
 *       reports a miss or a failure. Never anything else: not after a kill, a full disk, a flipped
 *       bit, a hung backend, a second process, or a hostile key.
 *   <li><b>Fast.</b> One native call for a batch; memory goes to the storage as it lies, without a
 *       copy in Java; nothing is computed for a page that can be computed for a batch.
 *   <li><b>Easy.</b> One class opens, stores and restores; every error names the cause and what to
 *       do.
 *   <li><b>Small.</b> What an engine can do as well itself is left to it.
 * </ol>
 *
 * <p>Start at {@link io.hicache.nixl.HiCacheNixl}:
 *
 * <pre>{@code
 * try (HiCacheNixl store = HiCacheNixl.open(Path.of("/var/cache/pages"))) {
 *   store.batchSet(keys, pages);
 *   int known = store.batchExists(keys);
 *   store.batchGet(keys.subList(0, known), targets);
 * }
 * }</pre>
 *
 * <p>{@link io.hicache.nixl.NixlBackendSelection}, {@link io.hicache.nixl.NixlRegistration} and
 * {@link io.hicache.nixl.NixlFileManager} are for callers that talk to a NIXL agent themselves.
 */
package io.hicache.nixl;
