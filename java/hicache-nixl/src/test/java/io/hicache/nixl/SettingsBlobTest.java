// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.StoreFixture.refused;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.testng.annotations.Test;

/** The text form in which the core takes settings and describes itself. */
public class SettingsBlobTest {

  @Test
  public void shouldReadWhatItWrote() {
    SettingsBlob written =
        new SettingsBlob()
            .with("name", "v\u00e4lue")
            .with("lanes", "4")
            .with("on", "true")
            .with("empty", "");

    SettingsBlob read = SettingsBlob.parse(written.toBytes());

    assertThat(read.text("name")).isEqualTo("v\u00e4lue");
    assertThat(read.number("lanes")).isEqualTo(4);
    assertThat(read.flag("on")).isTrue();
    assertThat(read.text("empty")).isEmpty();
    assertThat(read.text("absent")).isEmpty();
    assertThat(read.number("name")).isZero();
    assertThat(read.flag("absent")).isFalse();
  }

  @Test
  public void shouldRefuseANulCharacter() {
    refused(() -> new SettingsBlob().with("a", "b\0c"));
    refused(() -> new SettingsBlob().with("a\0", "b"));
  }

  @Test
  public void shouldKeepBlocksInTheirOrder() {
    SettingsBlob blob = new SettingsBlob();
    for (int i = 11; i >= 0; i--) {
      blob.with("directory." + i + ".path", "/" + i);
    }
    blob.with("directory.x.path", "none").with("other.0.path", "none");

    List<SettingsBlob> blocks = SettingsBlob.parse(blob.toBytes()).blocks("directory");

    assertThat(blocks)
        .extracting(block -> block.text("path"))
        .containsExactly("/0", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9", "/10", "/11");
  }

  @Test
  public void shouldAskAgainWithMoreRoom() {
    byte[] whole = new SettingsBlob().with("name", "x".repeat(50_000)).toBytes();

    SettingsBlob read =
        SettingsBlob.read(
            (text, room) -> {
              System.arraycopy(whole, 0, text, 0, (int) Math.min(room, whole.length));
              return whole.length;
            });

    assertThat(read.text("name")).hasSize(50_000);
  }
}
