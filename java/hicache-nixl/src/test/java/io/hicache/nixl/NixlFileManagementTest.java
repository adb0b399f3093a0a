// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.Test;

/** File Management Tests: the five of the specification. */
public class NixlFileManagementTest extends StoreFixture {
  private NixlFileManager files;

  @BeforeMethod
  public void openManager() {
    files = new NixlFileManager(dir.resolve("files"));
  }

  @AfterMethod(alwaysRun = true)
  public void closeManager() {
    files.close();
  }

  @Test(description = "Basic file operations")
  public void basicFileOperations() throws Exception {
    String path = files.getFilePath("model/page_1");

    assertThat(path).isEqualTo(dir.resolve("files/model/page_1").toString());
    assertThat(files.createFile(path)).isTrue();
    assertThat(Path.of(path)).isEmptyFile();

    int fd = files.openFile(path).getAsInt();
    assertThat(Path.of("/proc/self/fd/" + fd).toRealPath()).isEqualTo(Path.of(path).toRealPath());
    assertThat(files.closeFile(fd)).isTrue();
    assertThat(Path.of("/proc/self/fd/" + fd)).doesNotExist();

    Files.delete(Path.of(path));
    assertThat(Path.of(path)).doesNotExist();
  }

  @Test(description = "NIXL tuple creation")
  public void nixlTupleCreation() {
    List<String> paths = List.of(files.getFilePath("a"), files.getFilePath("b"));
    paths.forEach(path -> assertThat(files.createFile(path)).isTrue());

    List<FileTuple> tuples = files.filesToNixlTuples(paths);

    assertThat(tuples).hasSize(2);
    for (int i = 0; i < 2; i++) {
      FileTuple tuple = tuples.get(i);
      assertThat(tuple).isEqualTo(new FileTuple(0, 0, tuple.fd(), paths.get(i)));
      assertThat(Path.of("/proc/self/fd/" + tuple.fd())).exists();
      assertThat(files.closeFile(tuple.fd())).isTrue();
    }
    assertThat(files.filesToNixlTuples(List.of())).isEmpty();
  }

  @Test(description = "Error handling in file operations")
  public void errorHandlingInFileOperations() throws Exception {
    assertThat(files.createFile("")).isFalse();
    assertThat(files.createFile(null)).isFalse();
    assertThat(files.createFile("nul\0path")).isFalse();
    assertThat(files.createFile(dir.resolve("outside").toString())).isFalse();
    assertThat(files.openFile(files.getFilePath("absent"))).isEqualTo(OptionalInt.empty());
    assertThat(files.openFile(dir.resolve("files").toString())).isEqualTo(OptionalInt.empty());
    assertThat(Files.deleteIfExists(Path.of(files.getFilePath("absent")))).isFalse();

    String good = files.getFilePath("good");
    assertThat(files.createFile(good)).isTrue();
    ProcessState before = ProcessState.now();
    assertThat(files.filesToNixlTuples(List.of(good, files.getFilePath("absent")))).isEmpty();
    assertThat(ProcessState.now().openFiles()).isLessThanOrEqualTo(before.openFiles());
    assertThat(files.closeFile(0)).as("standard input is not ours").isFalse();
    assertThat(files.closeFile(-1)).isFalse();
  }

  @Test(description = "Paths stay below the base directory")
  public void pathsStayBelowTheBaseDirectory() throws Exception {
    for (String key :
        List.of("..", "../x", "a/../../x", "/etc/passwd", "a//b", "a/", "./a", "", "a\0b")) {
      refused(() -> files.getFilePath(key));
    }
    Path outside = Files.createDirectory(dir.resolve("outside"));
    Files.createFile(outside.resolve("secret"));
    Files.createSymbolicLink(dir.resolve("files/way"), outside);
    Files.createSymbolicLink(dir.resolve("files/secret"), outside.resolve("secret"));

    assertThat(files.createFile(files.getFilePath("way/new"))).isFalse();
    assertThat(files.createFile(files.getFilePath("way/deep/new"))).isFalse();
    assertThat(files.openFile(files.getFilePath("way/secret"))).isEmpty();
    assertThat(files.openFile(files.getFilePath("secret"))).isEmpty();
    assertThat(filesBelow(outside)).containsExactly(outside.resolve("secret"));
  }

  @Test(description = "Clear removes only what is ours")
  public void clearRemovesOnlyWhatIsOurs() throws Exception {
    Path base = dir.resolve("files");
    Path foreign = Files.writeString(base.resolve("foreign"), "kept");
    Path outside = Files.writeString(dir.resolve("outside"), "kept");
    Files.createSymbolicLink(base.resolve("link"), outside);
    assertThat(files.createFile(files.getFilePath("own"))).isTrue();
    assertThat(files.createFile(files.getFilePath("deep/er/own"))).isTrue();
    assertThat(files.createFile(foreign.toString())).as("it has content").isFalse();

    assertThat(files.clear()).isEqualTo(2);

    assertThat(foreign).hasContent("kept");
    assertThat(outside).hasContent("kept");
    assertThat(base.resolve("link")).isSymbolicLink();
    assertThat(base.resolve("own")).doesNotExist();
    assertThat(base.resolve("deep/er/own")).doesNotExist();
    assertThat(files.clear()).isZero();
  }

  @Test
  public void shouldEmptyAFileOfOursWhenItIsCreatedAgain() throws Exception {
    String path = files.getFilePath("page");
    assertThat(files.createFile(path)).isTrue();
    Files.writeString(Path.of(path), "old content");

    assertThat(files.createFile(path)).isTrue();

    assertThat(Path.of(path)).isEmptyFile();
  }

  @Test
  public void shouldCloseEveryFileAtClose() throws Exception {
    ProcessState before = ProcessState.now();
    String path = files.getFilePath("page");
    assertThat(files.createFile(path)).isTrue();
    assertThat(files.filesToNixlTuples(List.of(path, path, path))).hasSize(3);

    files.close();
    files.close();

    assertThat(ProcessState.now().openFiles()).isLessThanOrEqualTo(before.openFiles());
    refused(ErrorCode.CLOSED, () -> files.openFile(path));
  }
}
