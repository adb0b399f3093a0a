// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.Test;

/** A hundred thousand operations leave the process as it was. */
public class SoakTest extends StoreFixture {
  private static final int OPERATIONS = 100_000;

  /** A heap that is resident from the start: what grows is native. */
  private static final List<String> FIXED_HEAP =
      List.of("-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC");

  private Path memory;

  /** In memory where there is such a place: it is the process that is watched, not the disk. */
  @BeforeMethod
  public void makeMemoryDirectory() throws IOException {
    Path shared = Path.of("/dev/shm");
    memory = Files.createTempDirectory(Files.isWritable(shared) ? shared : dir, "hicache-soak");
  }

  @AfterMethod(alwaysRun = true)
  public void removeMemoryDirectory() throws IOException {
    removeTree(memory);
  }

  @Test
  public void shouldHoldFileDescriptorsThreadsAndMemoryConstant() throws Exception {
    long seed = Tensors.random().nextLong();
    ChildJvm child =
        ChildJvm.run(
            SoakProbe.class,
            List.of(),
            "",
            FIXED_HEAP,
            memory.toString(),
            String.valueOf(OPERATIONS),
            String.valueOf(seed));

    assertThat(child.exitCode()).as(child.output()).isZero();
    String growth = child.value("growth");
    System.out.println("soak: resident memory grew by " + growth + " bytes");
    assertThat(Long.parseLong(growth)).isLessThan(SoakProbe.GROWTH_BYTES_MAX);
    assertThat(filesBelow(memory)).hasSize(SoakProbe.KEYS);
  }
}
