// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import org.apache.commons.text.similarity.JaroWinklerSimilarity;

/** Finds what a misspelt name was meant to be. */
final class Suggestion {
  /**
   * Below this similarity (0 to 1) two names have too little in common to be mistaken for each
   * other.
   */
  private static final double LIKELY = 0.8;

  /** Counts for less than a single wrong letter in a name of eight. */
  private static final double PART = 0.9;

  /** Shorter parts are shared by names that have nothing to do with each other. */
  private static final int SHORTEST_PART = 4;

  private static final JaroWinklerSimilarity SIMILARITY = new JaroWinklerSimilarity();

  private Suggestion() {}

  /**
   * Text to be appended to an error: {@code ; did you mean 'x'?}, or nothing when no known name
   * comes near.
   */
  static String didYouMean(String name, Collection<String> known) {
    String wanted = plain(name);
    return known.stream()
        .max(Comparator.comparingDouble(candidate -> likeness(wanted, plain(candidate))))
        .filter(candidate -> likeness(wanted, plain(candidate)) >= LIKELY)
        .map(candidate -> "; did you mean '" + candidate + "'?")
        .orElse("");
  }

  /** {@link #PART} when one name is a part of the other, else their similarity. */
  private static double likeness(String wanted, String candidate) {
    boolean part =
        wanted.length() >= SHORTEST_PART && candidate.contains(wanted)
            || wanted.contains(candidate);
    return part && candidate.length() >= SHORTEST_PART ? PART : SIMILARITY.apply(wanted, candidate);
  }

  private static String plain(String name) {
    return name.toLowerCase(Locale.ROOT).replace('-', '_');
  }
}
