// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import org.testng.annotations.Test;

/** Only what was made here is ever removed. */
public class OwnFilesTest extends StoreFixture {

  @Test
  public void shouldKnowItsFilesAgainInAnotherProcess() throws IOException {
    Path file = Files.createFile(dir.resolve("file"));
    new OwnFiles().mark(file);

    boolean kept = attributes(file).list().contains("hicache.file");

    assertThat(new OwnFiles().isOwn(file)).isEqualTo(kept);
  }

  @Test
  public void shouldKnowAFileThatHasNoRoomForAMark() throws IOException {
    Path file = Files.createFile(dir.resolve("full"));
    fillAttributes(file);
    OwnFiles own = new OwnFiles();
    assertThat(own.isOwn(file)).isFalse();

    own.mark(file);

    assertThat(own.isOwn(file)).isTrue();
    assertThat(own.removeBelow(dir)).isEqualTo(1);
    assertThat(file).doesNotExist();
  }

  @Test
  public void shouldOwnNoLinksAndNoDirectories() throws IOException {
    OwnFiles own = new OwnFiles();
    Path file = Files.createFile(dir.resolve("file"));
    own.mark(file);
    Path below = Files.createDirectory(dir.resolve("below"));
    Path link = Files.createSymbolicLink(below.resolve("link"), file);
    Path linkedDirectory = Files.createSymbolicLink(below.resolve("way"), dir);

    assertThat(own.isOwn(link)).isFalse();
    assertThat(own.isOwn(below)).isFalse();
    assertThat(own.removeBelow(below)).isZero();

    assertThat(file).exists();
    assertThat(link).isSymbolicLink();
    assertThat(linkedDirectory).isSymbolicLink();
  }

  private static UserDefinedFileAttributeView attributes(Path file) {
    return Files.getFileAttributeView(file, UserDefinedFileAttributeView.class);
  }

  /** Takes the room that the file system has for a file's attributes, in ever smaller pieces. */
  private static void fillAttributes(Path file) {
    for (int size = 1024, i = 0; size > 0 && i < 100; i++) {
      try {
        attributes(file).write("fill" + i, ByteBuffer.allocate(size));
      } catch (IOException e) {
        size /= 2;
      }
    }
  }
}
