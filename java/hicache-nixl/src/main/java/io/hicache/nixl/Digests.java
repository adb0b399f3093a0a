// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * SHA-256 of the JDK, with and without a key, and the strict text form that goes into it.
 *
 * <p>Threads: stateless.
 */
final class Digests {
  private static final String HMAC = "HmacSHA256";

  private Digests() {}

  /** A fresh SHA-256. */
  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw missing(e);
    }
  }

  /** The digest of a message: HMAC-SHA-256 under a secret, plain SHA-256 when it is empty. */
  static byte[] digest(String secret, byte[] message) {
    if (secret.isEmpty()) {
      return sha256().digest(message);
    }
    try {
      Mac mac = Mac.getInstance(HMAC);
      mac.init(new SecretKeySpec(utf8("secret", secret), HMAC));
      return mac.doFinal(message);
    } catch (GeneralSecurityException e) {
      throw missing(e);
    }
  }

  /**
   * A text's UTF-8. String.getBytes would write '?' for a lone surrogate, so that different texts
   * would become the same bytes.
   *
   * @param what names the text in the error, which does not quote it
   * @throws HiCacheException INVALID_ARGUMENT when it holds a lone surrogate
   */
  static byte[] utf8(String what, String text) {
    try {
      ByteBuffer bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
      return Arrays.copyOf(bytes.array(), bytes.limit());
    } catch (CharacterCodingException e) {
      throw HiCacheException.invalid(what + ": holds a lone surrogate, which has no UTF-8 form");
    }
  }

  private static HiCacheException missing(GeneralSecurityException e) {
    return new HiCacheException(
        ErrorCode.INTERNAL, "this Java runtime has no SHA-256: " + e.getMessage(), e);
  }
}
