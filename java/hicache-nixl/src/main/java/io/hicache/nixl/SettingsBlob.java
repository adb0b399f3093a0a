// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The core's text form of names and values: name NUL value NUL, in UTF-8. Written for agents, read
 * from the describe functions.
 *
 * <p>Threads: one thread at a time.
 */
final class SettingsBlob {
  private final Map<String, String> values = new LinkedHashMap<>();

  /** A describe function: fills text up to capacity bytes and returns the bytes it needs. */
  interface Source {
    long describe(byte[] text, long capacity);
  }

  /** Calls a describe function with as much room as it needs. */
  static SettingsBlob read(Source source) {
    byte[] text = new byte[8192];
    long needed = source.describe(text, text.length);
    while (needed > text.length) {
      text = new byte[Math.toIntExact(needed)];
      needed = source.describe(text, text.length);
    }
    return parse(Arrays.copyOf(text, (int) Math.max(0, needed)));
  }

  static SettingsBlob parse(byte[] blob) {
    SettingsBlob parsed = new SettingsBlob();
    String name = null;
    int start = 0;
    for (int i = 0; i < blob.length; i++) {
      if (blob[i] == 0) {
        String part = new String(blob, start, i - start, StandardCharsets.UTF_8);
        start = i + 1;
        if (name == null) {
          name = part;
        } else {
          parsed.values.put(name, part);
          name = null;
        }
      }
    }
    return parsed;
  }

  /** Adds one pair. */
  SettingsBlob with(String name, String value) {
    if (name.indexOf('\0') >= 0 || value.indexOf('\0') >= 0) {
      throw HiCacheException.invalid(
          "setting '" + KeyCodec.shown(name) + "' holds a NUL character");
    }
    values.put(name, value);
    return this;
  }

  /** Adds all pairs of another one under names with a prefix. */
  void withAll(String prefix, SettingsBlob other) {
    other.values.forEach((name, value) -> values.put(prefix + name, value));
  }

  /** The pairs whose names have a prefix, with that taken off. */
  SettingsBlob under(String prefix) {
    SettingsBlob found = new SettingsBlob();
    values.forEach(
        (name, value) -> {
          if (name.startsWith(prefix)) {
            found.values.put(name.substring(prefix.length()), value);
          }
        });
    return found;
  }

  boolean isEmpty() {
    return values.isEmpty();
  }

  byte[] toBytes() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    values.forEach(
        (name, value) -> {
          out.writeBytes(name.getBytes(StandardCharsets.UTF_8));
          out.write(0);
          out.writeBytes(value.getBytes(StandardCharsets.UTF_8));
          out.write(0);
        });
    return out.toByteArray();
  }

  /** The value of a name, "" when it was not written. */
  String text(String name) {
    return values.getOrDefault(name, "");
  }

  /** The value as a number, 0 when it was not written or is none. */
  long number(String name) {
    try {
      return Long.parseLong(text(name));
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  boolean flag(String name) {
    return text(name).equals("true");
  }

  /**
   * The blocks {@code group.0.*}, {@code group.1.*}, ... each with that prefix taken off, in order.
   */
  List<SettingsBlob> blocks(String group) {
    Map<Integer, SettingsBlob> found = new TreeMap<>();
    values.forEach(
        (name, value) -> {
          String[] parts = name.split("\\.", 3);
          if (parts.length == 3 && parts[0].equals(group) && parts[1].matches("[0-9]{1,9}")) {
            int index = Integer.parseInt(parts[1]);
            found.computeIfAbsent(index, i -> new SettingsBlob()).values.put(parts[2], value);
          }
        });
    return new ArrayList<>(found.values());
  }
}
