// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import java.util.List;
import java.util.Locale;

/** Values as people read them. */
final class Text {
  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

  private Text() {}

  /** A number of bytes with a unit, for example {@code 72.0 KiB}. */
  static String bytes(long bytes) {
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit + 1 < UNITS.length) {
      value /= 1024;
      unit++;
    }
    return unit == 0 ? bytes + " B" : String.format(Locale.ROOT, "%.1f %s", value, UNITS[unit]);
  }

  /** Bytes in a time as GiB/s. */
  static String rate(long bytes, long nanos) {
    return String.format(Locale.ROOT, "%.2f GiB/s", gibPerSecond(bytes, nanos));
  }

  static double gibPerSecond(long bytes, long nanos) {
    return bytes / (double) (1L << 30) / (Math.max(1, nanos) / 1e9);
  }

  static String yesNo(boolean value) {
    return value ? "yes" : "no";
  }

  /** A key or path on one line: what could move the cursor or start a new line is escaped. */
  static String oneLine(String text) {
    StringBuilder shown = new StringBuilder();
    text.codePoints()
        .forEach(
            point -> {
              int type = Character.getType(point);
              boolean hidden =
                  type == Character.CONTROL
                      || type == Character.FORMAT
                      || type == Character.SURROGATE
                      || type == Character.LINE_SEPARATOR
                      || type == Character.PARAGRAPH_SEPARATOR;
              if (hidden) {
                shown.append(String.format(Locale.ROOT, "\\u{%x}", point));
              } else if (point == '\\') {
                shown.append("\\\\");
              } else {
                shown.appendCodePoint(point);
              }
            });
    return shown.toString();
  }

  /** Rows of two cells as aligned lines. */
  static String table(List<List<String>> rows) {
    int width = rows.stream().mapToInt(row -> row.get(0).length()).max().orElse(0);
    StringBuilder lines = new StringBuilder();
    for (List<String> row : rows) {
      lines.append(
          String.format(
              Locale.ROOT, "%-" + Math.max(1, width) + "s  %s%n", row.get(0), row.get(1)));
    }
    return lines.toString();
  }
}
