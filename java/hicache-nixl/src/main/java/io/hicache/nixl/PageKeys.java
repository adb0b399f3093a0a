// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * SGLang's keys of the pages of a token sequence, so that a Java engine finds the pages that an
 * SGLang server stored, and the other way round.
 *
 * <p>A page's key is a SHA-256 in 64 lowercase hexadecimal digits, over the digest of the page
 * before it and the page's own tokens: it stands for the whole prefix up to that page's end. Only
 * whole pages have keys.
 *
 * <p>One-shot: {@link #of(long[], int)}. A sequence that grows, as in decoding: {@link #start(int)}
 * or {@link #after(String, int)}, then {@link #append(long...)} as tokens come.
 *
 * <p>The rule, as SGLang 0.5.23 has it: the 32 bytes of the digest before, if there is one; then
 * the tokens as unsigned 32-bit little-endian words. A page in which any token is larger than
 * 4294967295 is hashed as the byte 0xff and then all its tokens as 64-bit words. In a namespaced
 * chain a digest of extra key and cache salt takes the place of the one before the first page.
 *
 * <p>Threads: a chain is for one thread at a time; the static methods are safe from any thread.
 */
public final class PageKeys {
  /** Most tokens in a page. */
  public static final int PAGE_SIZE_MAX = 1 << 20;

  private static final long LARGEST_U32 = 0xFFFF_FFFFL;
  private static final byte WIDE = (byte) 0xFF;
  private static final int KEY_DIGITS = 64;
  private static final HexFormat HEX = HexFormat.of();
  private static final byte[] NAMESPACE =
      "sglang-cache-namespace-v1".getBytes(StandardCharsets.US_ASCII);

  private final MessageDigest sha256 = Digests.sha256();
  private final long[] pending;
  private final ByteBuffer words;

  /** What stands before the next page: the last digest, a namespace's seed, or nothing. */
  private byte[] prior;

  private int held;
  private String lastKey;

  private PageKeys(int pageSize, byte[] prior, String lastKey) {
    if (pageSize < 1 || pageSize > PAGE_SIZE_MAX) {
      throw HiCacheException.invalid(
          "page keys: a page of " + pageSize + " tokens; it must have 1 to " + PAGE_SIZE_MAX);
    }
    this.pending = new long[pageSize];
    this.words = ByteBuffer.allocate(pageSize * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    this.prior = prior;
    this.lastKey = lastKey;
  }

  /**
   * The keys of all whole pages of a sequence.
   *
   * @param tokens none negative
   * @param pageSize tokens in a page, 1 to {@link #PAGE_SIZE_MAX}
   * @return tokens.length / pageSize keys, in order; tokens beyond the last whole page have none
   * @throws HiCacheException INVALID_ARGUMENT for null, a negative token, or a bad page size
   */
  public static List<String> of(long[] tokens, int pageSize) {
    return start(pageSize).append(tokens);
  }

  /**
   * As {@link #of(long[], int)}.
   *
   * @param tokens none negative
   * @param pageSize tokens in a page, 1 to {@link #PAGE_SIZE_MAX}
   * @return tokens.length / pageSize keys, in order
   * @throws HiCacheException as {@link #of(long[], int)}
   */
  public static List<String> of(int[] tokens, int pageSize) {
    return start(pageSize).append(tokens);
  }

  /**
   * Begins a chain before its first page.
   *
   * @param pageSize tokens in a page, 1 to {@link #PAGE_SIZE_MAX}
   * @return a chain without tokens
   * @throws HiCacheException INVALID_ARGUMENT for a bad page size
   */
  public static PageKeys start(int pageSize) {
    return new PageKeys(pageSize, null, null);
  }

  /**
   * Begins a namespaced chain before its first page: the same tokens get other keys than in any
   * other namespace. With neither part it is {@link #start(int)}.
   *
   * @param pageSize tokens in a page, 1 to {@link #PAGE_SIZE_MAX}
   * @param extraKey what SGLang calls so (a LoRA adapter, for example); null: none
   * @param cacheSalt the request's cache salt; null or empty: none, as in SGLang
   * @return a chain without tokens
   * @throws HiCacheException INVALID_ARGUMENT for a bad page size, or text with a lone surrogate
   */
  public static PageKeys start(int pageSize, String extraKey, String cacheSalt) {
    String salt = cacheSalt == null || cacheSalt.isEmpty() ? null : cacheSalt;
    boolean plain = extraKey == null && salt == null;
    return new PageKeys(pageSize, plain ? null : seed(extraKey, salt), null);
  }

  /**
   * Goes on after a page whose key is known.
   *
   * @param lastKey key of the page before, 64 lowercase hexadecimal digits, of any namespace
   * @param pageSize tokens in a page, 1 to {@link #PAGE_SIZE_MAX}
   * @return a chain without further tokens
   * @throws HiCacheException INVALID_ARGUMENT for anything but such a key, or a bad page size
   */
  public static PageKeys after(String lastKey, int pageSize) {
    if (lastKey == null || !lastKey.matches("[0-9a-f]{" + KEY_DIGITS + "}")) {
      throw HiCacheException.invalid(
          "page keys after '"
              + KeyCodec.shown(lastKey)
              + "': the key of a page has 64 lowercase hexadecimal digits");
    }
    return new PageKeys(pageSize, HEX.parseHex(lastKey), lastKey);
  }

  /**
   * Adds tokens to the end of the sequence.
   *
   * @param tokens any number, none negative
   * @return the keys of the pages that became whole, in order; often none
   * @throws HiCacheException INVALID_ARGUMENT for null or a negative token; nothing is added then
   */
  public List<String> append(long... tokens) {
    if (tokens == null) {
      throw noTokens();
    }
    for (long token : tokens) {
      requireToken(token);
    }
    List<String> keys = new ArrayList<>((held + tokens.length) / pending.length);
    for (long token : tokens) {
      take(token, keys);
    }
    return List.copyOf(keys);
  }

  /**
   * As {@link #append(long...)}.
   *
   * @param tokens any number, none negative
   * @return the keys of the pages that became whole, in order; often none
   * @throws HiCacheException as {@link #append(long...)}
   */
  public List<String> append(int... tokens) {
    if (tokens == null) {
      throw noTokens();
    }
    for (int token : tokens) {
      requireToken(token);
    }
    List<String> keys = new ArrayList<>((held + tokens.length) / pending.length);
    for (int token : tokens) {
      take(token, keys);
    }
    return List.copyOf(keys);
  }

  /** {@return the key of the last whole page, empty before the first; to go on after it later} */
  public Optional<String> lastKey() {
    return Optional.ofNullable(lastKey);
  }

  /** {@return tokens beyond the last whole page, 0 to the page size - 1} */
  public int pendingTokens() {
    return held;
  }

  private void take(long token, List<String> keys) {
    pending[held++] = token;
    if (held == pending.length) {
      held = 0;
      prior = hashPending();
      lastKey = HEX.formatHex(prior);
      keys.add(lastKey);
    }
  }

  private byte[] hashPending() {
    boolean wide = false;
    for (long token : pending) {
      wide |= token > LARGEST_U32;
    }
    words.clear();
    for (long token : pending) {
      if (wide) {
        words.putLong(token);
      } else {
        words.putInt((int) token);
      }
    }
    words.flip();
    if (prior != null) {
      sha256.update(prior);
    }
    if (wide) {
      sha256.update(WIDE);
    }
    sha256.update(words);
    return sha256.digest();
  }

  /** Each part as 0 when there is none, else 1, its bytes of UTF-8 as u64 LE, and those bytes. */
  private static byte[] seed(String... parts) {
    MessageDigest seed = Digests.sha256();
    seed.update(NAMESPACE);
    for (String part : parts) {
      if (part == null) {
        seed.update((byte) 0);
      } else {
        byte[] text = Digests.utf8("page keys: extra key or cache salt", part);
        ByteBuffer length = ByteBuffer.allocate(1 + Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        seed.update(length.put((byte) 1).putLong(text.length).flip());
        seed.update(text);
      }
    }
    return seed.digest();
  }

  private static HiCacheException noTokens() {
    return HiCacheException.invalid("page keys: the tokens are null");
  }

  private static void requireToken(long token) {
    if (token < 0) {
      throw HiCacheException.invalid(
          "page keys: token " + token + " is negative; token ids start at 0");
    }
  }
}
