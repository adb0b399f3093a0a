// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.bytedeco.pytorch.Tensor;

/**
 * Bytes of pages that follow from a seed, the key and the rank alone: the words of SplitMix64,
 * little end first. {@code scripts/peer/pages.py} has the same in Python, and says what it is.
 *
 * <p>Threads: stateless.
 */
final class InteropStream {
  private InteropStream() {}

  /** The key of a page, in the form of SGLang's. */
  static String key(int page) {
    return HexFormat.of().formatHex(sha256("interop-" + page));
  }

  /**
   * The bytes of a page.
   *
   * @param length a multiple of 8
   * @return of the dtype Byte, one-dimensional
   */
  static Tensor bytes(long seed, String key, int rank, long length) {
    long state = ByteBuffer.wrap(sha256(seed + "|" + key + "|" + rank)).getLong();
    ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(length)).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      state += 0x9e3779b97f4a7c15L;
      bytes.putLong(mix(state));
    }
    return Tensor.create(bytes.array(), false);
  }

  private static long mix(long word) {
    word = (word ^ word >>> 30) * 0xbf58476d1ce4e5b9L;
    word = (word ^ word >>> 27) * 0x94d049bb133111ebL;
    return word ^ word >>> 31;
  }

  private static byte[] sha256(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException everyJavaHasIt) {
      throw new IllegalStateException(everyJavaHasIt);
    }
  }
}
