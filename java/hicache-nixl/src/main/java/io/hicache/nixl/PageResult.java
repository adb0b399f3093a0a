// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.concurrent.CancellationException;

/**
 * What became of one key of a call.
 *
 * <p>Threads: immutable.
 *
 * @param key the key as it was passed; null only where null was passed
 * @param outcome what became of it
 * @param length bytes stored or read; for exists the page's length where it is known; 0 otherwise
 * @param verified true for a get whose bytes were compared with the page's checksum; false for
 *     every other call, and for a page without one (written by another program, or on a file system
 *     without extended attributes), of which only the length was checked
 * @param cause why it failed; null unless {@link PageOutcome#isFailure()}
 */
public record PageResult(
    String key, PageOutcome outcome, long length, boolean verified, HiCacheException cause) {

  /**
   * Shorthand for a get or an exists that found the page.
   *
   * @return true for {@link PageOutcome#HIT}
   */
  public boolean isHit() {
    return outcome == PageOutcome.HIT;
  }

  /**
   * The cause as an exception thrown here, for callers that want no failure to pass unseen.
   *
   * @return this result, when it is neither a failure nor cancelled
   * @throws HiCacheException with the code of {@link #cause()}
   * @throws CancellationException for {@link PageOutcome#CANCELLED}
   */
  public PageResult orThrow() {
    if (outcome.isFailure()) {
      throw cause.here();
    }
    if (outcome == PageOutcome.CANCELLED) {
      throw new CancellationException("the batch with '" + key + "' was cancelled by its caller");
    }
    return this;
  }
}
