// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import io.hicache.nixl.BackendReport.State;
import java.util.Map;
import java.util.Optional;
import org.testng.SkipException;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** Backends are chosen by what they prove, and the report says why. */
public class NixlBackendSelectionTest extends StoreFixture {

  @Test
  public void shouldPassOverWhatIsMissingUntilABackendProvesItself() {
    try (NixlAgent agent = new NixlAgent("auto");
        CapturedLog log = new CapturedLog()) {
      NixlBackendSelection selection =
          new NixlBackendSelection("auto", Map.of(), MemoryType.DRAM, Optional.of(dir));
      assertThat(selection.backendName()).isEmpty();
      assertThat(selection.memType()).isEmpty();

      assertThat(selection.createBackend(agent)).as(() -> selection.report().toString()).isTrue();

      assertThat(log.lines())
          .contains("INFO Backend " + selection.backendName() + " was instantiated");
      assertThat(selection.memType()).isEqualTo("FILE");
      BackendReport report = selection.report();
      assertThat(report.candidates())
          .extracting(BackendReport.Candidate::backend)
          .containsExactly("3FS", "POSIX", "GDS_MT", "GDS", "OBJ");
      assertThat(report.candidates())
          .filteredOn(c -> c.state() == State.SELECTED)
          .singleElement()
          .satisfies(c -> assertThat(c.backend()).isEqualTo(selection.backendName()));
      assertThat(report.candidates().get(0).nixlPlugin()).isEqualTo("HF3FS");
      assertThat(report.candidates())
          .filteredOn(c -> c.state() == State.PASSED_OVER)
          .allSatisfy(c -> assertThat(c.reason()).isNotBlank());
      assertThat(report).isEqualTo(agent.report());
    }
    assertThat(dir).isEmptyDirectory();
  }

  @Test(dataProvider = "queues")
  public void shouldTakePosixWithEachQueue(String queue) {
    try (NixlAgent agent = new NixlAgent("posix")) {
      NixlBackendSelection selection =
          new NixlBackendSelection(
              "POSIX", Map.of("use_" + queue, "true"), MemoryType.DRAM, Optional.of(dir));
      if (!selection.createBackend(agent) && queue.equals("uring")) {
        throw new SkipException("no io_uring here: " + selection.report());
      }
      assertThat(selection.backendName()).isEqualTo("POSIX");
      assertThat(selection.memType()).isEqualTo("FILE");
    }
  }

  @DataProvider
  public Object[][] unusable() {
    return new Object[][] {
      {"POSIX", Map.of("use_aio", "true", "use_uring", "true"), MemoryType.DRAM},
      {"POSIX", Map.of(), MemoryType.VRAM},
      {"3FS", Map.of(), MemoryType.DRAM},
    };
  }

  @Test(dataProvider = "unusable")
  public void shouldAnswerFalseAndReportWhy(
      String plugin, Map<String, String> params, MemoryType memory) {
    try (NixlAgent agent = new NixlAgent("unusable");
        CapturedLog log = new CapturedLog()) {
      NixlBackendSelection selection =
          new NixlBackendSelection(plugin, params, memory, Optional.of(dir));

      assertThat(selection.createBackend(agent)).isFalse();

      assertThat(selection.backendName()).isEmpty();
      assertThat(selection.report().candidates())
          .filteredOn(c -> c.backend().equals(plugin))
          .singleElement()
          .satisfies(c -> assertThat(c.state()).isEqualTo(State.PASSED_OVER))
          .satisfies(c -> assertThat(c.reason()).isNotBlank());
      assertThat(selection.report().toString()).startsWith("no backend\n  " + plugin);
      assertThat(log.lines()).anyMatch(line -> line.startsWith("WARN") && line.contains(plugin));
    }
  }

  @Test
  public void shouldRefuseUnknownNamesAndMemoryTypes() {
    for (String name : new String[] {"posix", "", "HDFS", null}) {
      assertThat(refused(() -> new NixlBackendSelection(name))).hasMessageContaining("POSIX");
    }
    refused(() -> new NixlBackendSelection("POSIX", Map.of(), MemoryType.FILE, Optional.empty()));
    refused(() -> new NixlAgent(null));
  }

  @Test
  public void shouldRefuseAClosedAgent() {
    NixlAgent agent = new NixlAgent("closed");
    agent.close();
    agent.close();
    refused(ErrorCode.CLOSED, () -> new NixlBackendSelection("POSIX").createBackend(agent));
    refused(ErrorCode.CLOSED, agent::report);
    assertThat(agent.name()).isEqualTo("closed");
  }
}
