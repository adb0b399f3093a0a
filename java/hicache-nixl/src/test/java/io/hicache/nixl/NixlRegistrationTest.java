// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.testng.SkipException;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.Test;

/** Registration Tests: the two of the specification, and what else a registration owes. */
public class NixlRegistrationTest extends StoreFixture {
  private NixlAgent agent;
  private NixlRegistration registration;

  private void openAgent(String queue) {
    agent = new NixlAgent("registration test");
    NixlBackendSelection selection =
        new NixlBackendSelection(
            "POSIX", Map.of("use_" + queue, "true"), MemoryType.DRAM, Optional.of(dir));
    if (!selection.createBackend(agent)) {
      if (queue.equals("uring")) {
        throw new SkipException("no io_uring here: " + selection.report());
      }
      throw new AssertionError(selection.report().toString());
    }
    registration = new NixlRegistration(agent);
  }

  @AfterMethod(alwaysRun = true)
  public void closeAgent() {
    agent.close();
  }

  @Test(dataProvider = "queues", description = "Tensor registration with memory type detection")
  public void tensorRegistrationWithMemoryTypeDetection(String queue) {
    openAgent(queue);
    Tensor tensor = Tensors.randomFloats(10, 10);
    List<Tensor> tensors = List.of(Tensors.randomFloats(5, 5), Tensors.randomFloats(3, 3));

    try (Registration one = registration.registerBuffers(tensor);
        Registration many = registration.registerBuffers(tensors);
        Registration ranges =
            registration.registerBuffers(
                new long[] {Tensors.address(tensor)}, new long[] {tensor.nbytes()})) {
      assertThat(one.memoryType()).isEqualTo(MemoryType.DRAM);
      assertThat(one.size()).isEqualTo(1);
      assertThat(many.memoryType()).isEqualTo(MemoryType.DRAM);
      assertThat(many.size()).isEqualTo(2);
      assertThat(ranges.memoryType()).isEqualTo(MemoryType.DRAM);
    }
    assertThat(registration.registerBuffers(List.of())).isNull();
  }

  @Test(dataProvider = "queues", description = "File registration using NIXL tuples")
  public void fileRegistrationUsingNixlTuples(String queue) {
    openAgent(queue);
    try (NixlFileManager files = new NixlFileManager(dir)) {
      List<String> paths = List.of(files.getFilePath("a"), files.getFilePath("b"));
      paths.forEach(files::createFile);
      List<FileTuple> tuples = files.filesToNixlTuples(paths);
      assertThat(tuples).extracting(FileTuple::path).containsExactlyElementsOf(paths);

      try (Registration registered = registration.registerFiles(tuples)) {
        assertThat(registered.memoryType()).isEqualTo(MemoryType.FILE);
        assertThat(registered.size()).isEqualTo(2);
      }
      assertThat(registration.registerFiles(List.of())).isNull();
    }
  }

  @Test
  public void shouldRefuseWhatCannotBeRegistered() {
    openAgent("posix_aio");
    refused(() -> registration.registerBuffers((Tensor) null));
    refused(() -> registration.registerBuffers(Tensors.randomFloats(4, 4).t()));
    refused(() -> registration.registerBuffers(new long[] {1}, new long[] {1, 2}));
    refused(() -> registration.registerBuffers(new long[] {0}, new long[] {8}));
    refused(() -> registration.registerBuffers(new long[] {4096}, new long[] {-1}));
    refused(() -> registration.registerObjects(List.of("")));
  }

  @Test
  public void shouldTakeNoObjectsWithoutAnObjectBackend() {
    openAgent("posix_aio");
    assertThat(registration.registerObjects(List.of())).isNull();
    assertThatThrownBy(() -> registration.registerObjects(List.of("key")))
        .isInstanceOf(HiCacheException.class);
  }

  @Test
  public void shouldOutliveItsAgentAndBeClosedTwice() {
    openAgent("posix_aio");
    Registration registered = registration.registerBuffers(Tensors.randomFloats(8));
    agent.close();
    agent.close();

    registered.close();
    registered.close();

    refused(ErrorCode.CLOSED, () -> registration.registerBuffers(Tensors.randomFloats(8)));
  }

  @Test
  public void shouldMakeQueryTuplesOfPathsAndKeys() {
    openAgent("posix_aio");
    try (NixlFileManager files = new NixlFileManager(dir)) {
      assertThat(registration.createQueryTuples("k", "FILE", files))
          .containsExactly(new FileTuple(0, 0, 0, dir.resolve("k").toString()));
      assertThat(registration.createQueryTuples("a/b", "OBJ", null))
          .containsExactly(new FileTuple(0, 0, 0, "a/b"));
      refused(() -> registration.createQueryTuples("k", "DRAM", files));
      refused(() -> registration.createQueryTuples("../k", "FILE", files));
    }
  }
}
