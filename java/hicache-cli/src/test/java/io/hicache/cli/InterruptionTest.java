// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** What a process does that is told to end. */
public class InterruptionTest {

  @DataProvider
  public Object[][] ends() {
    return new Object[][] {
      {"heeds", 3, "ended"}, {"ignores", 128 + 15, null}, {"hangs", 128 + 15, null},
    };
  }

  @Test(dataProvider = "ends")
  public void shouldEndWithItsOwnExitCodeOnlyWhenTheCommandHeeds(
      String command, int exitCode, String lastWord) throws Exception {
    Process process = probe(command).redirectErrorStream(true).start();
    try (BufferedReader lines = process.inputReader()) {
      assertThat(lines.readLine()).isEqualTo("ready");
      process.toHandle().destroy(); // the pipe stays open
      assertThat(lines.readLine()).isEqualTo(lastWord);
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly().waitFor();
    }
    assertThat(process.exitValue()).isEqualTo(exitCode);
  }

  @Test
  public void shouldEndWithTheCommandsExitCodeWhenNobodyInterrupts() throws Exception {
    assertThat(probe("ends").inheritIO().start().waitFor()).isEqualTo(3);
  }

  private static ProcessBuilder probe(String command) {
    return new ProcessBuilder(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-cp",
        System.getProperty("java.class.path"),
        InterruptionProbe.class.getName(),
        command);
  }
}
