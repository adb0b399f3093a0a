// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl.presets;

import static org.testng.Assert.assertEquals;
import static org.testng.Assert.assertFalse;
import static org.testng.Assert.assertNotEquals;
import static org.testng.Assert.assertTrue;

import io.hicache.nixl.core.global.hicache_nixl;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.example.OtherPreset;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** The native libraries as they are shipped: they load, and they say why when they do not. */
public class CoreLoadingTest {

  /** Run in a JVM of its own: loading happens once in a process. */
  public static final class PrintVersion {
    private PrintVersion() {}

    /**
     * Prints the core's version.
     *
     * @param arguments the class of another preset to load before, or none
     */
    public static void main(String[] arguments) throws ClassNotFoundException {
      for (String other : arguments) {
        try {
          Loader.load(Class.forName(other));
        } catch (UnsatisfiedLinkError e) {
          System.out.println(other + " does not load, as expected");
        }
      }
      System.out.println("version " + hicache_nixl.hicache_version().getString());
    }
  }

  @Test
  public void shouldLoadNixlAndTheCoreOnTheFirstCall() throws Exception {
    Result result = runInNewJvm();

    assertEquals(result.exitCode(), 0, result.output());
    assertTrue(result.output().contains("version 0.1.0"), result.output());
  }

  @Test
  public void shouldSayWhatToDoWhenNixlIsMissing() throws Exception {
    Result result = runInNewJvm("-Dhicache.nixl.home=/nonexistent/nixl");

    assertNotEquals(result.exitCode(), 0);
    assertTrue(result.output().contains("/nonexistent/nixl: no such folder"), result.output());
    assertTrue(result.output().contains("scripts/setup.sh"), result.output());
  }

  @Test
  public void shouldLoadFromAJarAfterAnotherPresetMissedTheCudaRuntime() throws Exception {
    Path folder = Files.createTempDirectory("core-loading");
    try {
      Path jar = folder.resolve("native.jar");
      int status =
          ToolProvider.findFirst("jar")
              .orElseThrow()
              .run(System.out, System.err, "-cf", jar.toString(), "-C", "target/classes", ".");
      assertEquals(status, 0);
      String classes = Path.of("target/classes").toAbsolutePath().toString();
      String classPath = System.getProperty("java.class.path").replace(classes, jar.toString());
      assertTrue(classPath.contains(jar.toString()), classPath);

      Result result =
          runInNewJvm(
              classPath,
              List.of("-Dorg.bytedeco.javacpp.cachedir=" + folder.resolve("cache")),
              List.of(OtherPreset.class.getName()));

      assertEquals(result.exitCode(), 0, result.output());
      assertTrue(result.output().contains("OtherPreset does not load"), result.output());
      assertTrue(result.output().contains("version 0.1.0"), result.output());
    } finally {
      deleteAll(folder);
    }
  }

  @Test
  public void shouldNameTheMissingJarOfNativeLibraries() throws Exception {
    Path folder = Files.createTempDirectory("core-loading");
    try {
      Path jar = folder.resolve("classes.jar");
      ToolProvider tool = ToolProvider.findFirst("jar").orElseThrow();
      String[] arguments = {
        "-cf",
        jar.toString(),
        "-C",
        "target/classes",
        "io/hicache/nixl/core",
        "-C",
        "target/classes",
        "io/hicache/nixl/presets"
      };
      assertEquals(tool.run(System.out, System.err, arguments), 0);
      String classes = Path.of("target/classes").toAbsolutePath().toString();
      String classPath = System.getProperty("java.class.path").replace(classes, jar.toString());

      Result result = runInNewJvm(classPath, List.of(), List.of());

      assertNotEquals(result.exitCode(), 0);
      assertTrue(result.output().contains("hicache-nixl-native with the classifier linux-x86_64"));
    } finally {
      deleteAll(folder);
    }
  }

  @DataProvider
  public Object[][] shippedLibraries() {
    return new Object[][] {{"libjnihicache_nixl.so"}, {"libhicache_nixl.so"}};
  }

  @Test(dataProvider = "shippedLibraries")
  public void shouldLookForOtherLibrariesOnlyBesideItself(String library) throws Exception {
    Path folder = Path.of("target/classes/io/hicache/nixl/linux-x86_64");

    String dynamic = run(List.of("readelf", "-d", folder.resolve(library).toString())).output();

    String runPath = dynamic.lines().filter(line -> line.contains("PATH")).toList().toString();
    assertTrue(runPath.matches("\\[.*\\(RUNPATH\\).*\\[\\$ORIGIN/?\\]\\]"), dynamic);
    assertFalse(dynamic.contains(Path.of("").toAbsolutePath().toString()), dynamic);
  }

  private record Result(int exitCode, String output) {}

  private static Result runInNewJvm(String... options) throws IOException, InterruptedException {
    return runInNewJvm(System.getProperty("java.class.path"), List.of(options), List.of());
  }

  private static Result runInNewJvm(String classPath, List<String> options, List<String> arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(List.of("-cp", classPath));
    command.add(PrintVersion.class.getName());
    command.addAll(arguments);
    return run(command);
  }

  private static void deleteAll(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  private static Result run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    try (InputStream stream = process.getInputStream()) {
      String output = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(process.waitFor(60, TimeUnit.SECONDS), "still running: " + command);
      return new Result(process.exitValue(), output);
    } finally {
      process.destroyForcibly();
    }
  }
}
