// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_KEY_BYTES_MAX;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Keys as the UTF-8 bytes that cross into the core. Strict: what has no UTF-8 form is refused, so
 * that two different keys never become the same bytes.
 *
 * <p>Threads: stateless.
 */
final class KeyCodec {
  private static final int SHOWN_CHARS = 80;

  private KeyCodec() {}

  /** The bytes of a key, and behind them of its component, which is ASCII. */
  static byte[] encode(String call, String key, String component) {
    byte[] bytes = encode(call, key);
    byte[] tail = component.getBytes(StandardCharsets.US_ASCII);
    byte[] both = Arrays.copyOf(bytes, bytes.length + tail.length);
    System.arraycopy(tail, 0, both, bytes.length, tail.length);
    return both;
  }

  /**
   * The bytes of a key.
   *
   * @throws HiCacheException INVALID_ARGUMENT when the key is null, empty, longer than 65535 bytes,
   *     or holds a lone surrogate
   */
  static byte[] encode(String operation, String key) {
    if (key == null) {
      throw HiCacheException.invalid(operation + ": the key is null");
    }
    if (key.isEmpty()) {
      throw HiCacheException.invalid(
          operation + ": the key is empty; use 1 to 65535 bytes of UTF-8");
    }
    refuseLoneSurrogates(operation, key);
    byte[] bytes = key.getBytes(StandardCharsets.UTF_8);
    if (bytes.length > HICACHE_KEY_BYTES_MAX) {
      throw HiCacheException.invalid(
          operation
              + " '"
              + shown(key)
              + "': the key has "
              + bytes.length
              + " bytes of UTF-8, the limit is "
              + HICACHE_KEY_BYTES_MAX
              + "; store a hash of it");
    }
    return bytes;
  }

  /**
   * Writes the bytes of a key that has none but ASCII, without making anything.
   *
   * @param into has room for key.length() bytes from at on
   * @return false for other keys; what was written then means nothing
   */
  static boolean writeAscii(String key, byte[] into, int at) {
    for (int i = 0; i < key.length(); i++) {
      char c = key.charAt(i);
      if (c > 0x7F) {
        return false;
      }
      into[at + i] = (byte) c;
    }
    return true;
  }

  /** A key or path as a message shows it: shortened, with control characters made visible. */
  static String shown(String text) {
    return shown(text, SHOWN_CHARS);
  }

  /** As above, with another limit. */
  static String shown(String text, int chars) {
    if (text == null) {
      return "null";
    }
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .limit(chars)
        .forEach(
            c -> {
              if (Character.isISOControl(c) || isInvisible(c)) {
                out.append(String.format("\\u%04x", c));
              } else {
                out.appendCodePoint(c);
              }
            });
    return text.codePointCount(0, text.length()) > chars ? out + "..." : out.toString();
  }

  /** Format characters (among them those that turn the writing direction) and surrogates. */
  private static boolean isInvisible(int codePoint) {
    int type = Character.getType(codePoint);
    return type == Character.FORMAT || type == Character.SURROGATE;
  }

  /** String.getBytes would write '?' for these. */
  private static void refuseLoneSurrogates(String operation, String key) {
    for (int i = 0; i < key.length(); i++) {
      char c = key.charAt(i);
      if (Character.isSurrogate(c)) {
        boolean pair =
            Character.isHighSurrogate(c)
                && i + 1 < key.length()
                && Character.isLowSurrogate(key.charAt(i + 1));
        if (!pair) {
          throw HiCacheException.invalid(
              operation
                  + " '"
                  + shown(key)
                  + "': the key has a lone surrogate at index "
                  + i
                  + ", which has no UTF-8 form");
        }
        i++;
      }
    }
  }
}
