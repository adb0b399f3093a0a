// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.SkipException;
import org.testng.annotations.Test;

/** Faults of the machine, each in a JVM of its own: one clear error, and no page is wrong. */
public class ProcessFaultTest extends StoreFixture {
  private static final List<String> IN_NAMESPACE = List.of("unshare", "-rm");

  @Test
  public void shouldSayOnceAndClearlyThatNixlIsMissing() throws Exception {
    ChildJvm child =
        ChildJvm.run(
            FaultProbe.class,
            List.of(),
            "",
            List.of("-Dhicache.nixl.home=/nonexistent/nixl"),
            "open",
            dir.toString());

    assertThat(child.exitCode()).as(child.output()).isZero();
    assertThat(child.lines())
        .filteredOn(line -> line.startsWith("refused"))
        .hasSize(2)
        .allMatch(line -> line.startsWith("refused BACKEND_UNAVAILABLE"))
        .allMatch(line -> line.contains("/nonexistent/nixl"))
        .allMatch(line -> line.contains("scripts/setup.sh"));
    assertThat(child.output()).doesNotContain("Exception in thread");
  }

  @Test
  public void shouldKeepWholePagesOnlyWhenTheDiskIsFull() throws Exception {
    requireNamespaces();
    ChildJvm child =
        ChildJvm.run(
            FaultProbe.class,
            IN_NAMESPACE,
            "mount -t tmpfs -o size=4m tmpfs " + dir,
            List.of(),
            "fill",
            dir.toString());

    assertThat(child.exitCode()).as(child.output()).isZero();
    List<String> sets = child.lines().stream().filter(l -> l.startsWith("set ")).toList();
    int stored = sets.size() - 1;
    assertThat(stored).as(child.output()).isBetween(8, 16);
    assertThat(sets.get(stored)).contains("FAILED NO_SPACE 28 set 'page" + stored + "': ");
    assertThat(child.lines())
        .contains(
            "full MISS",
            "files " + stored + " of " + stored,
            "whole " + stored,
            "removed true true",
            "again STORED",
            "last 1");
  }

  @Test
  public void shouldRefuseToWriteIntoAReadOnlyDirectory() throws Exception {
    requireNamespaces();
    ChildJvm child =
        ChildJvm.run(
            FaultProbe.class,
            IN_NAMESPACE,
            "mount -t tmpfs -o size=4m tmpfs " + dir + " && mount -o remount,ro " + dir,
            List.of(),
            "store",
            dir.toString());

    assertThat(child.exitCode()).as(child.output()).isZero();
    assertThat(child.lines())
        .anyMatch(
            line ->
                (line.startsWith("refused IO") || line.startsWith("set FAILED IO"))
                    && line.contains(dir.toString()));
    assertThat(child.output()).doesNotContain("get HIT");
  }

  @Test
  public void shouldLiveWithFewFileDescriptors() throws Exception {
    ChildJvm child =
        ChildJvm.run(
            FaultProbe.class, List.of(), "ulimit -n 96", List.of(), "batch", dir.toString());

    assertThat(child.exitCode()).as(child.output()).isZero();
    assertThat(child.lines())
        .filteredOn(line -> line.startsWith("set ") || line.startsWith("get "))
        .allMatch(line -> line.contains(" 24 ") || line.startsWith("get MISS"));
    String summary =
        child.lines().stream().filter(l -> l.startsWith("stored ")).findFirst().orElseThrow();
    String[] words = summary.split(" ");
    assertThat(words[1]).as(child.output()).isEqualTo(words[3]).isEqualTo(words[5]);
    assertThat(child.lines()).contains("again STORED");
    assertThat(filesBelow(dir)).hasSize(Integer.parseInt(words[1]) + 1);
  }

  @Test
  public void shouldExitCleanlyWhenAStoreIsLeftInUse() throws Exception {
    ChildJvm child =
        ChildJvm.run(FaultProbe.class, List.of(), "", List.of(), "leave", dir.toString());

    assertThat(child.exitCode()).as(child.output()).isZero();
    assertThat(child.lines()).contains("left");
    assertWholePagesOnly();
  }

  @Test(invocationCount = 3)
  public void shouldHaveWholePagesOnlyAfterAKill() throws Exception {
    ChildJvm child =
        ChildJvm.run(FaultProbe.class, List.of(), "", List.of(), "kill", dir.toString());

    assertThat(child.exitCode()).as(child.output()).isEqualTo(128 + 9);
    assertWholePagesOnly();
  }

  /**
   * After a writer that ended in its work: every page is one version of it, and nothing else is
   * left.
   */
  private void assertWholePagesOnly() throws Exception {
    try (HiCacheNixl store = open()) {
      Tensor target = Tensors.filled(ScalarType.Byte, 0, FaultProbe.PAGE_BYTES);
      for (int i = 0; i < FaultProbe.LEFT_PAGES; i++) {
        assertThat(store.get("page" + i, target)).as("page%d, stored twice before", i).isNotNull();
        byte[] bytes = Tensors.bytes(target);
        assertThat(bytes[0]).isNotZero();
        assertThat(bytes).containsOnly(bytes[0]);
      }
    }
    assertThat(filesBelow(dir)).hasSize(FaultProbe.LEFT_PAGES);
  }

  private static void requireNamespaces() throws Exception {
    ChildJvm trial =
        ChildJvm.run(List.of("unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"));
    if (trial.exitCode() != 0) {
      throw new SkipException("no mount in a namespace of our own: " + trial.output().strip());
    }
  }
}
