// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * One tier as a configuration names it: {@code KIND:PLACE}.
 *
 * <p>Threads: immutable.
 *
 * @param place a directory, absolute; else the name of a bucket or container
 */
record TierPlace(Kind kind, String place) {
  /** Two tiers, as an error says what they must be. */
  static final String ALLOWED =
      "two tiers as KIND:PLACE: first segments:DIR or files:DIR, then obj:BUCKET, azure:CONTAINER,"
          + " segments:DIR or files:DIR; '~' is not expanded";

  /** What keeps the pages of a tier. */
  enum Kind {
    SEGMENTS(null, null),
    FILES(null, null),
    OBJ(PluginParameters.OBJ, "bucket"),
    AZURE(PluginParameters.AZURE_BLOB, "container_name");

    private final String backend;
    private final String parameter;

    Kind(String backend, String parameter) {
      this.backend = backend;
      this.parameter = parameter;
    }

    boolean isDirectory() {
      return backend == null;
    }

    /** The backend that moves its objects; null for a directory. */
    String backend() {
      return backend;
    }

    /** The plugin's parameter for the place; null for a directory. */
    String parameter() {
      return parameter;
    }

    /** How a configuration spells it; for a directory its layout. */
    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** A list of two tiers, or one text with a comma between them; null when it is none. */
  static List<TierPlace> parseTwo(Object raw) {
    Collection<?> texts =
        raw instanceof String text
            ? List.of(text.split(",", 2))
            : raw instanceof Collection<?> list ? list : List.of();
    List<TierPlace> places = new ArrayList<>();
    for (Object text : texts) {
      places.add(text instanceof TierPlace known ? known : parse(String.valueOf(text).strip()));
    }
    return places.size() == 2 && !places.contains(null) && places.get(0).kind.isDirectory()
        ? List.copyOf(places)
        : null;
  }

  private static TierPlace parse(String text) {
    int colon = text.indexOf(':');
    if (colon < 0 || text.indexOf('\0') >= 0) {
      return null;
    }
    String word = text.substring(0, colon).strip();
    String place = text.substring(colon + 1).strip();
    return Stream.of(Kind.values())
        .filter(kind -> kind.word().equalsIgnoreCase(word))
        .findFirst()
        .map(kind -> of(kind, place))
        .orElse(null);
  }

  private static TierPlace of(Kind kind, String place) {
    if (place.isEmpty()) {
      return null;
    }
    if (!kind.isDirectory()) {
      return new TierPlace(kind, place);
    }
    try {
      return place.startsWith("~")
          ? null
          : new TierPlace(kind, Path.of(place).toAbsolutePath().toString());
    } catch (InvalidPathException notPath) {
      return null;
    }
  }

  /** For a tier in a directory. */
  Path directory() {
    return Path.of(place);
  }

  /** As it is written. */
  @Override
  public String toString() {
    return kind.word() + ":" + place;
  }
}
