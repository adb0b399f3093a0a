// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.math.BigInteger;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a configuration value may be. The same text means the same in a file, in the environment and
 * in the builder.
 *
 * @param allowed the allowed values in words, for errors
 * @param values the allowed values where they can be listed, else empty
 * @param parser turns a raw value (String, Boolean, Number or List) into the effective one, or
 *     returns null when it is not allowed
 */
record ValueKind(String allowed, Set<String> values, Function<Object, Object> parser) {
  private static final long BYTES_MAX = 1L << 60;
  private static final Pattern BYTES =
      Pattern.compile("(\\d+)\\s*([KMGT]?)(?:iB)?", Pattern.CASE_INSENSITIVE);
  private static final String UNITS = " KMGT";
  private static final Set<String> YES = Set.of("true", "1", "yes", "y");
  private static final Set<String> NO = Set.of("false", "0", "no", "n");

  /** true or false, also as text, so that the text "false" is false. */
  static ValueKind bool() {
    return new ValueKind(
        "true or false (as text also 1, yes, y, 0, no, n)", Set.of(), ValueKind::parseBool);
  }

  /** A whole number in [least, most]. */
  static ValueKind whole(long least, long most) {
    String allowed =
        most == Long.MAX_VALUE
            ? "a whole number of at least " + least
            : "a whole number from " + least + " to " + most;
    return new ValueKind(allowed, Set.of(), raw -> parseWhole(raw, least, most));
  }

  /** true or false, and no text: SGLang takes every text for true. */
  static ValueKind realBool() {
    return new ValueKind(
        "true or false, not as text", Set.of(), raw -> raw instanceof Boolean ? raw : null);
  }

  /** Bytes: a whole number, or a text with a unit of powers of 1024. */
  static ValueKind bytes() {
    return new ValueKind(
        "a whole number of bytes, also as text with KiB, MiB, GiB or TiB, such as \"200GiB\"",
        Set.of(),
        ValueKind::parseBytes);
  }

  /** A number from 0 to 100, kept as text. */
  static ValueKind percent() {
    return new ValueKind(
        "a number from 0 to 100",
        Set.of(),
        raw ->
            parseNumber(raw) instanceof Double value && value >= 0 && value <= 100
                ? raw.toString().strip()
                : null);
  }

  /** A number greater than zero, kept as text. */
  static ValueKind positiveNumber() {
    return new ValueKind("a number greater than 0", Set.of(), ValueKind::parsePositive);
  }

  /** One of the given words, upper or lower case. */
  static ValueKind oneOf(String... words) {
    return named(Arrays.asList(words), Map.of());
  }

  /**
   * One of the given words, or one of the aliases (in lower case), which stand for one of the
   * words.
   */
  static ValueKind named(List<String> words, Map<String, String> aliases) {
    return new ValueKind(
        "one of " + String.join(", ", words),
        new LinkedHashSet<>(words),
        raw -> {
          if (!(raw instanceof String text)) {
            return null;
          }
          String lower = text.strip().toLowerCase(Locale.ROOT);
          String meant = aliases.getOrDefault(lower, lower);
          return words.stream()
              .filter(word -> word.equalsIgnoreCase(meant))
              .findFirst()
              .orElse(null);
        });
  }

  /** Any text without NUL, also the empty one. */
  static ValueKind text() {
    return new ValueKind("text without a NUL character", Set.of(), ValueKind::parseText);
  }

  /** Any text without NUL, at least one character. */
  static ValueKind name() {
    return new ValueKind(
        "text of at least one character, without a NUL character",
        Set.of(),
        raw -> parseText(raw) instanceof String text && !text.isBlank() ? text : null);
  }

  /** The name of a namespace. */
  static ValueKind namespace() {
    return checked(IdentityRules.NAME, IdentityRules::isName);
  }

  /** Any text that can be recorded and shown on one line, also the empty one. */
  static ValueKind label() {
    return checked(IdentityRules.TEXT, IdentityRules::isText);
  }

  /** A secret; the empty one only from who says so in code. */
  static ValueKind secret() {
    ValueKind given = checked(IdentityRules.SECRET, IdentityRules::isSecret);
    return new ValueKind(
        given.allowed, Set.of(), raw -> raw == Secrets.NONE ? "" : given.parser.apply(raw));
  }

  private static ValueKind checked(String allowed, Predicate<String> good) {
    return new ValueKind(
        allowed, Set.of(), raw -> raw instanceof String text && good.test(text) ? text : null);
  }

  /** A list of directories, or one text with commas between them; blank entries do not count. */
  static ValueKind directories() {
    return new ValueKind(
        "a list of directories, or one text with commas between them; '~' is not expanded",
        Set.of(),
        ValueKind::parseDirectories);
  }

  /** Two tiers, see {@link TierPlace}. */
  static ValueKind tiers() {
    return new ValueKind(TierPlace.ALLOWED, Set.of(), TierPlace::parseTwo);
  }

  private static Object parseBool(Object raw) {
    if (raw instanceof Boolean) {
      return raw;
    }
    if (raw instanceof String text) {
      String lower = text.strip().toLowerCase(Locale.ROOT);
      return YES.contains(lower) ? Boolean.TRUE : NO.contains(lower) ? Boolean.FALSE : null;
    }
    return null;
  }

  private static Object parseWhole(Object raw, long least, long most) {
    if (!(raw instanceof Long
        || raw instanceof Integer
        || raw instanceof BigInteger
        || raw instanceof String)) {
      return null;
    }
    try {
      long value = Long.parseLong(raw.toString().strip());
      return value >= least && value <= most ? value : null;
    } catch (NumberFormatException notWhole) {
      return null;
    }
  }

  private static Object parsePositive(Object raw) {
    return parseNumber(raw) instanceof Double value && value > 0 && !value.isInfinite()
        ? raw.toString().strip()
        : null;
  }

  private static Object parseNumber(Object raw) {
    if (!(raw instanceof Number || raw instanceof String)) {
      return null;
    }
    try {
      return Double.valueOf(raw.toString().strip());
    } catch (NumberFormatException notNumber) {
      return null;
    }
  }

  private static Object parseBytes(Object raw) {
    if (raw instanceof String text) {
      Matcher matcher = BYTES.matcher(text.strip());
      if (!matcher.matches()) {
        return null;
      }
      int power = UNITS.indexOf(matcher.group(2).toUpperCase(Locale.ROOT));
      try {
        return inBounds(
            Math.multiplyExact(Long.parseLong(matcher.group(1)), 1L << (10 * Math.max(power, 0))));
      } catch (ArithmeticException | NumberFormatException tooLarge) {
        return null;
      }
    }
    return parseWhole(raw, 0, BYTES_MAX);
  }

  private static Long inBounds(long bytes) {
    return bytes <= BYTES_MAX ? bytes : null;
  }

  private static Object parseText(Object raw) {
    return raw instanceof String text && text.indexOf('\0') < 0 ? text : null;
  }

  private static Object parseDirectories(Object raw) {
    Collection<?> parts =
        raw instanceof String text
            ? List.of(text.split(","))
            : raw instanceof Collection<?> list ? list : List.of();
    List<Path> directories = new ArrayList<>();
    for (Object part : parts) {
      if (part instanceof Path path) {
        directories.add(path.toAbsolutePath());
      } else if (!(parseText(part) instanceof String text) || text.strip().startsWith("~")) {
        return null;
      } else if (!text.isBlank()) {
        try {
          directories.add(Path.of(text.strip()).toAbsolutePath());
        } catch (InvalidPathException notPath) {
          return null;
        }
      }
    }
    return directories.isEmpty() ? null : List.copyOf(directories);
  }
}
