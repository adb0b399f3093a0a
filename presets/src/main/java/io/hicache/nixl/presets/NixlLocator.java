// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl.presets;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.function.Consumer;

/**
 * Finds NIXL's C library, {@code libnixl_capi.so}, and loads it. The places, in order:
 *
 * <ol>
 *   <li>the system property {@value #HOME_PROPERTY}
 *   <li>the environment variable {@value #PREFIX_VARIABLE}
 *   <li>{@code .deps/nixl} in the current directory or in any directory above it, which {@code
 *       scripts/setup.sh} fills
 *   <li>{@code hicache-nixl/nixl} in {@code XDG_DATA_HOME}, by default {@code ~/.local/share}
 * </ol>
 *
 * <p>In each, the folder itself and its usual library folders are looked through. Who sets the
 * property or the variable means it: then no later place is tried. An empty value counts as unset.
 *
 * <p>Threads: immutable, safe from any thread.
 */
public final class NixlLocator {

  /** System property that names the folder of NIXL. */
  public static final String HOME_PROPERTY = "hicache.nixl.home";

  /** Environment variable that names the folder of NIXL. */
  public static final String PREFIX_VARIABLE = "NIXL_PREFIX";

  /** The file that is looked for. */
  static final String LIBRARY = "libnixl_capi.so";

  /** Library folders of an installation, of Debian's multiarch, and of the two wheels. */
  static final List<String> FOLDERS =
      List.of(
          "",
          "lib",
          "lib64",
          "lib/x86_64-linux-gnu",
          ".nixl_cu12.mesonpy.libs",
          ".nixl_cu13.mesonpy.libs");

  /** Where to look, and who said so. */
  private record Place(String source, String folder) {}

  private final String platform;
  private final String explicitSource;
  private final List<Place> places;

  /**
   * Works out the places; looks at no file yet.
   *
   * @param properties system properties: {@value #HOME_PROPERTY}, {@code user.home}, {@code
   *     os.name}, {@code os.arch}
   * @param environment environment variables: {@value #PREFIX_VARIABLE}, {@code XDG_DATA_HOME}
   * @param currentDirectory where the search for {@code .deps/nixl} starts
   */
  public NixlLocator(
      Properties properties, Map<String, String> environment, Path currentDirectory) {
    platform = properties.getProperty("os.name") + " on " + properties.getProperty("os.arch");
    String home = properties.getProperty(HOME_PROPERTY, "");
    String prefix = environment.getOrDefault(PREFIX_VARIABLE, "");
    if (!home.isEmpty()) {
      explicitSource = "system property " + HOME_PROPERTY;
      places = List.of(new Place(explicitSource, home));
    } else if (!prefix.isEmpty()) {
      explicitSource = "environment variable " + PREFIX_VARIABLE;
      places = List.of(new Place(explicitSource, prefix));
    } else {
      explicitSource = null;
      places = new ArrayList<>();
      for (Path directory = currentDirectory.toAbsolutePath().normalize();
          directory != null;
          directory = directory.getParent()) {
        String source = places.isEmpty() ? "current directory" : "directory above it";
        places.add(new Place(source, directory.resolve(".deps/nixl").toString()));
      }
      String data = environment.getOrDefault("XDG_DATA_HOME", "");
      if (data.isEmpty()) {
        data = properties.getProperty("user.home") + "/.local/share";
      }
      places.add(new Place("user's data folder", data + "/hicache-nixl/nixl"));
    }
  }

  /**
   * The locator that looks with the properties, environment and current directory of this process.
   *
   * @return a new locator
   */
  public static NixlLocator ofThisProcess() {
    return new NixlLocator(System.getProperties(), System.getenv(), Path.of(""));
  }

  /**
   * Loads the first library that can be loaded. A file that is there but does not load counts as an
   * attempt, and the search goes on.
   *
   * @param loader loads a library by its absolute path and throws {@link UnsatisfiedLinkError} when
   *     it cannot, as {@link System#load} does
   * @return the absolute path of the library that was loaded
   * @throws UnsatisfiedLinkError when the platform is not Linux on x86_64, or nothing could be
   *     loaded; the message names every place tried, why it did not serve, and what to do
   */
  public Path load(Consumer<String> loader) {
    requireSupportedPlatform();
    List<String> attempts = new ArrayList<>();
    for (Place place : places) {
      Path library = tryPlace(place, loader, attempts);
      if (library != null) {
        return library;
      }
    }
    throw new UnsatisfiedLinkError(describe(attempts));
  }

  private void requireSupportedPlatform() {
    String lower = platform.toLowerCase(Locale.ROOT);
    if (!lower.equals("linux on amd64") && !lower.equals("linux on x86_64")) {
      throw new UnsatisfiedLinkError(
          "hicache-nixl has native libraries for Linux on x86_64 only; this JVM runs on "
              + platform);
    }
  }

  /** Returns the library that was loaded, or null with what was tried added to attempts. */
  private static Path tryPlace(Place place, Consumer<String> loader, List<String> attempts) {
    String prefix = place.source() + ": " + place.folder() + ": ";
    Path home;
    try {
      home = Path.of(place.folder()).toAbsolutePath();
    } catch (InvalidPathException e) {
      attempts.add(prefix + "not a path: " + e.getReason());
      return null;
    }
    if (!Files.isDirectory(home)) {
      attempts.add(prefix + (Files.exists(home) ? "not a folder" : "no such folder"));
      return null;
    }
    boolean found = false;
    for (String folder : FOLDERS) {
      Path library = home.resolve(folder).resolve(LIBRARY);
      if (!Files.exists(library)) {
        continue;
      }
      found = true;
      try {
        loader.accept(library.toString());
        return library;
      } catch (UnsatisfiedLinkError e) {
        attempts.add(place.source() + ": " + library + ": does not load: " + e.getMessage());
      }
    }
    if (!found) {
      attempts.add(
          prefix
              + "no "
              + LIBRARY
              + " in it, nor in its "
              + String.join(", ", FOLDERS.subList(1, FOLDERS.size())));
    }
    return null;
  }

  private String describe(List<String> attempts) {
    StringBuilder text = new StringBuilder("NIXL cannot be loaded. Tried:\n");
    for (String attempt : attempts) {
      text.append("  ").append(attempt).append('\n');
    }
    if (explicitSource != null) {
      text.append("No other place is tried while the ")
          .append(explicitSource)
          .append(" is set: correct it, or unset it.\n");
    }
    return text.append("What to do: run scripts/setup.sh, which fetches NIXL into .deps/nixl")
        .append(" and start the JVM below that folder; or install NIXL 1.5.1 or newer and name its")
        .append(" folder with -D")
        .append(HOME_PROPERTY)
        .append("=FOLDER or ")
        .append(PREFIX_VARIABLE)
        .append("=FOLDER.")
        .toString();
  }
}
