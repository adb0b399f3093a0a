// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** Decides by name which values are secret, and hides them. */
final class Secrets {
  static final String HIDDEN = "***";

  /** In place of a secret: that there is none. */
  static final Object NONE = new Object();

  private static final List<String> MARKS =
      List.of(
          "secret", "token", "password", "passwd", "credential", "access_key", "connection_string");
  private static final Pattern URL_USER = Pattern.compile("://[^/@\\s]*@");

  /** The signature in a URL of Azure, which is as good as a key. */
  private static final Pattern URL_SIGNATURE = Pattern.compile("([?&]sig=)[^&\\s]*");

  private Secrets() {}

  /** Whether a value under this name must never be shown. */
  static boolean isSecret(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return MARKS.stream().anyMatch(lower::contains);
  }

  /** Whether a text mentions a name that {@link #isSecret}: then no part of it may be quoted. */
  static boolean mayHold(String text) {
    return isSecret(text) || URL_USER.matcher(text).find() || URL_SIGNATURE.matcher(text).find();
  }

  /**
   * The value as it may be shown: {@code ***} under a secret name unless it is empty, and without
   * the user part and the signature of a URL elsewhere.
   */
  static String shown(String name, Object value) {
    String text = String.valueOf(value);
    if (isSecret(name)) {
      return text.isEmpty() ? "" : HIDDEN;
    }
    String userless = URL_USER.matcher(text).replaceAll("://" + HIDDEN + "@");
    return URL_SIGNATURE.matcher(userless).replaceAll("$1" + HIDDEN);
  }
}
