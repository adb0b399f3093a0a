// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/**
 * What the parts of an identity may be: for the configuration's keys and for {@link
 * HiCacheIdentity}.
 *
 * <p>Threads: stateless.
 */
final class IdentityRules {
  static final String NAME = "1 to 64 characters of a-z 0-9 . _ -, the first of them no dot";
  static final String TEXT =
      "text of at most 1024 bytes, without control characters and lone surrogates";
  static final String SECRET =
      "text of 1 to 1024 bytes, not blank, without control characters and lone surrogates";

  private static final int TEXT_BYTES_MAX = 1024;
  private static final Pattern NAME_PATTERN = Pattern.compile("[a-z0-9_-][a-z0-9._-]{0,63}");

  private IdentityRules() {}

  /** Whether a text can name a namespace: it becomes part of a file name. */
  static boolean isName(String text) {
    return NAME_PATTERN.matcher(text).matches();
  }

  /** Whether a text, perhaps an empty one, can be recorded and shown on one line. */
  static boolean isText(String text) {
    return text.codePoints().noneMatch(IdentityRules::isUnusable)
        && text.getBytes(StandardCharsets.UTF_8).length <= TEXT_BYTES_MAX;
  }

  /** Whether a text can be a tenant's secret. */
  static boolean isSecret(String text) {
    return isText(text) && !text.isBlank();
  }

  private static boolean isUnusable(int codePoint) {
    return Character.isISOControl(codePoint) || Character.getType(codePoint) == Character.SURROGATE;
  }
}
