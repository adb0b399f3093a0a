// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.Test;

public class PageStoreBenchmarkTest {
  private Path directory;

  @BeforeMethod
  void makeDirectory() throws IOException {
    directory = Files.createTempDirectory("hicache-jmh");
  }

  @AfterMethod
  void removeDirectory() throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  @Test
  public void shouldRunEachBenchmarkInEachFormAndLeaveNoPage() throws RunnerException, IOException {
    Collection<RunResult> results =
        new Runner(
                new OptionsBuilder()
                    .include(PageStoreBenchmark.class.getName())
                    .param("directory", directory.toString())
                    .forks(0)
                    .warmupIterations(0)
                    .measurementIterations(1)
                    .measurementTime(TimeValue.milliseconds(20))
                    .shouldFailOnError(true)
                    .verbosity(VerboseMode.SILENT)
                    .build())
            .run();
    List<String> names = results.stream().map(PageStoreBenchmarkTest::nameOf).toList();
    for (String layout : List.of("segments", "files")) {
      for (String memory : List.of("tensors", "addresses")) {
        for (String call :
            List.of("batchSet", "batchGet", "batchExists", "singleSet", "singleGet")) {
          assertThat(names).contains(call + " " + layout + " " + memory);
        }
      }
    }
    assertThat(results).hasSize(20).allMatch(result -> result.getPrimaryResult().getScore() > 0);
    try (Stream<Path> left = Files.walk(directory.resolve("files"))) {
      assertThat(left.filter(Files::isRegularFile).map(Path::getFileName).map(Path::toString))
          .noneMatch(name -> name.contains("bench-jmh"));
    }
  }

  private static String nameOf(RunResult result) {
    String benchmark = result.getParams().getBenchmark();
    return benchmark.substring(benchmark.lastIndexOf('.') + 1)
        + " "
        + result.getParams().getParam("layout")
        + " "
        + result.getParams().getParam("memory");
  }
}
