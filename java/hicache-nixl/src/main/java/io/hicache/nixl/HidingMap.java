// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.AbstractMap;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** A read-only map whose {@code toString()} hides secrets. */
final class HidingMap extends AbstractMap<String, String> {
  private final Map<String, String> real;

  HidingMap(Map<String, String> real) {
    this.real = Collections.unmodifiableMap(real);
  }

  @Override
  public Set<Entry<String, String>> entrySet() {
    return real.entrySet();
  }

  @Override
  public String toString() {
    return real.entrySet().stream()
        .map(entry -> entry.getKey() + "=" + Secrets.shown(entry.getKey(), entry.getValue()))
        .collect(Collectors.joining(", ", "{", "}"));
  }
}
