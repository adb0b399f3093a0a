// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl.presets;

import static org.testng.Assert.assertEquals;
import static org.testng.Assert.assertFalse;
import static org.testng.Assert.assertTrue;
import static org.testng.Assert.expectThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** Where NIXL is looked for, and what is said when it is not there. */
public class NixlLocatorTest {

  private Path root;
  private Path currentDirectory;
  private Properties properties;
  private Map<String, String> environment;
  private List<String> loaded;

  @BeforeMethod
  public void makeEmptyMachine() throws IOException {
    root = Files.createTempDirectory("nixl-locator").toRealPath();
    currentDirectory = Files.createDirectories(root.resolve("project/module"));
    properties = new Properties();
    properties.setProperty("os.name", "Linux");
    properties.setProperty("os.arch", "amd64");
    properties.setProperty("user.home", root.resolve("home").toString());
    environment = new HashMap<>();
    loaded = new ArrayList<>();
  }

  @AfterMethod(alwaysRun = true)
  public void removeMachine() throws IOException {
    try (Stream<Path> paths = Files.walk(root)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  @DataProvider
  public Object[][] folders() {
    return NixlLocator.FOLDERS.stream()
        .map(folder -> new Object[] {folder})
        .toArray(Object[][]::new);
  }

  @Test(dataProvider = "folders")
  public void shouldFindTheLibraryInEachLibraryFolder(String folder) throws IOException {
    Path library = install(root.resolve("opt/nixl").resolve(folder));
    properties.setProperty(NixlLocator.HOME_PROPERTY, root.resolve("opt/nixl").toString());

    assertEquals(load(), library);
    assertEquals(loaded, List.of(library.toString()));
  }

  @Test
  public void shouldTryThePlacesInTheDocumentedOrder() throws IOException {
    Path byProperty = install(root.resolve("by-property"));
    Path byVariable = install(root.resolve("by-variable/lib"));
    Path here = install(currentDirectory.resolve(".deps/nixl/.nixl_cu12.mesonpy.libs"));
    Path above = install(root.resolve("project/.deps/nixl/.nixl_cu13.mesonpy.libs"));
    Path byXdg = install(root.resolve("xdg/hicache-nixl/nixl/lib64"));
    Path atHome = install(root.resolve("home/.local/share/hicache-nixl/nixl"));
    properties.setProperty(NixlLocator.HOME_PROPERTY, root.resolve("by-property").toString());
    environment.put(NixlLocator.PREFIX_VARIABLE, root.resolve("by-variable").toString());
    environment.put("XDG_DATA_HOME", root.resolve("xdg").toString());

    assertEquals(load(), byProperty);
    properties.remove(NixlLocator.HOME_PROPERTY);
    assertEquals(load(), byVariable);
    environment.remove(NixlLocator.PREFIX_VARIABLE);
    assertEquals(load(), here);
    Files.delete(here);
    assertEquals(load(), above);
    Files.delete(above);
    assertEquals(load(), byXdg);
    environment.remove("XDG_DATA_HOME");
    assertEquals(load(), atHome);
  }

  @Test
  public void shouldTreatAnEmptyPropertyOrVariableAsUnset() throws IOException {
    Path here = install(currentDirectory.resolve(".deps/nixl"));
    properties.setProperty(NixlLocator.HOME_PROPERTY, "");
    environment.put(NixlLocator.PREFIX_VARIABLE, "");

    assertEquals(load(), here);
  }

  @Test
  public void shouldNameEveryPlaceAndWhatToDoWhenNixlIsMissing() throws IOException {
    Files.createDirectories(currentDirectory.resolve(".deps/nixl"));

    String message = expectThrows(UnsatisfiedLinkError.class, this::load).getMessage();

    assertContains(message, currentDirectory + "/.deps/nixl: no libnixl_capi.so in it");
    assertContains(message, root + "/project/.deps/nixl: no such folder");
    assertContains(message, root + "/.deps/nixl: no such folder");
    assertContains(message, root + "/home/.local/share/hicache-nixl/nixl: no such folder");
    assertContains(message, "scripts/setup.sh");
    assertContains(message, "-Dhicache.nixl.home=");
    assertContains(message, "NIXL_PREFIX=");
    assertTrue(loaded.isEmpty());
  }

  @Test
  public void shouldNeverFallBackFromTheProperty() throws IOException {
    install(root.resolve("by-variable"));
    install(currentDirectory.resolve(".deps/nixl"));
    properties.setProperty(NixlLocator.HOME_PROPERTY, root.resolve("absent").toString());
    environment.put(NixlLocator.PREFIX_VARIABLE, root.resolve("by-variable").toString());

    String message = expectThrows(UnsatisfiedLinkError.class, this::load).getMessage();

    assertContains(
        message, "system property hicache.nixl.home: " + root + "/absent: no such folder");
    assertContains(message, "correct it, or unset it");
    assertFalse(message.contains("by-variable"), message);
    assertTrue(loaded.isEmpty());
  }

  @Test
  public void shouldNeverFallBackFromTheEnvironmentVariable() throws IOException {
    install(currentDirectory.resolve(".deps/nixl"));
    Path file = Files.createFile(root.resolve("file"));
    environment.put(NixlLocator.PREFIX_VARIABLE, file.toString());

    String message = expectThrows(UnsatisfiedLinkError.class, this::load).getMessage();

    assertContains(message, "environment variable NIXL_PREFIX: " + file + ": not a folder");
    assertTrue(loaded.isEmpty());
  }

  @Test
  public void shouldGoOnWhenALibraryDoesNotLoadAndKeepTheReason() throws IOException {
    Path broken = install(currentDirectory.resolve(".deps/nixl"));
    Path sound = install(root.resolve("project/.deps/nixl"));
    NixlLocator locator = new NixlLocator(properties, environment, currentDirectory);

    Path found =
        locator.load(
            path -> {
              if (path.equals(broken.toString())) {
                throw new UnsatisfiedLinkError("invalid ELF header");
              }
            });
    UnsatisfiedLinkError error =
        expectThrows(
            UnsatisfiedLinkError.class,
            () ->
                locator.load(
                    path -> {
                      throw new UnsatisfiedLinkError("invalid ELF header");
                    }));

    assertEquals(found, sound);
    assertContains(error.getMessage(), broken + ": does not load: invalid ELF header");
    assertContains(error.getMessage(), sound + ": does not load: invalid ELF header");
  }

  @Test
  public void shouldRefuseAPathThatCannotBeOne() {
    properties.setProperty(NixlLocator.HOME_PROPERTY, "nixl\0home");

    String message = expectThrows(UnsatisfiedLinkError.class, this::load).getMessage();

    assertContains(message, "not a path");
  }

  @DataProvider
  public Object[][] platforms() {
    return new Object[][] {{"Linux", "aarch64"}, {"Mac OS X", "aarch64"}, {"Windows 11", "amd64"}};
  }

  @Test(dataProvider = "platforms")
  public void shouldNameThePlatformWhenItIsNotSupported(String system, String architecture)
      throws IOException {
    install(currentDirectory.resolve(".deps/nixl"));
    properties.setProperty("os.name", system);
    properties.setProperty("os.arch", architecture);

    String message = expectThrows(UnsatisfiedLinkError.class, this::load).getMessage();

    assertContains(message, "Linux on x86_64 only");
    assertContains(message, system + " on " + architecture);
    assertTrue(loaded.isEmpty());
  }

  private Path load() {
    loaded.clear();
    return new NixlLocator(properties, environment, currentDirectory).load(loaded::add);
  }

  private static Path install(Path folder) throws IOException {
    return Files.createFile(Files.createDirectories(folder).resolve(NixlLocator.LIBRARY));
  }

  private static void assertContains(String text, String part) {
    assertTrue(text.contains(part), "'" + part + "' is not in:\n" + text);
  }
}
