// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.StoreFixture.refused;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.testng.annotations.Test;

/** Keys as bytes: exactly one byte string for each key, or a refusal. */
public class KeyCodecTest {

  @Test
  public void shouldEncodeEveryWellFormedKey() {
    for (String key :
        new String[] {"k", "\0", "\u00e9", "\u4e2d", "\ud83d\ude00", "a\ud83d\ude00b", "\ufffd"}) {
      byte[] bytes = KeyCodec.encode("set", key);
      assertThat(new String(bytes, StandardCharsets.UTF_8)).isEqualTo(key);
    }
    assertThat(KeyCodec.encode("set", "x".repeat(65535))).hasSize(65535);
  }

  @Test
  public void shouldWriteAsciiAsItIsEncodedAndNothingElse() {
    StringBuilder all = new StringBuilder();
    for (char c = 0; c <= 0x7F; c++) {
      all.append(c);
    }
    byte[] into = new byte[200];
    assertThat(KeyCodec.writeAscii(all.toString(), into, 7)).isTrue();
    assertThat(Arrays.copyOfRange(into, 7, 7 + 128))
        .isEqualTo(KeyCodec.encode("set", all.toString()));
    assertThat(into[6]).isZero();
    assertThat(into[7 + 128]).isZero();
    for (String key : new String[] {"\u0080", "k\u00e9", "\ud83d\ude00", "\ud83d"}) {
      assertThat(KeyCodec.writeAscii(key, into, 0)).as(key).isFalse();
    }
  }

  @Test
  public void shouldRefuseWhatHasNoUtf8Form() {
    for (String key :
        new String[] {"\ud83d", "\ude00", "\ude00\ud83d", "a\ud83db", "\ud83d\ud83d\ude00"}) {
      assertThat(refused(() -> KeyCodec.encode("set", key)))
          .hasMessageContainingAll("set '", "lone surrogate");
    }
  }

  @Test
  public void shouldRefuseNullEmptyAndOverlong() {
    assertThat(refused(() -> KeyCodec.encode("get", null))).hasMessage("get: the key is null");
    assertThat(refused(() -> KeyCodec.encode("get", ""))).hasMessageContaining("empty");
    assertThat(refused(() -> KeyCodec.encode("get", "x".repeat(65536))))
        .hasMessageContainingAll("65536 bytes", "65535")
        .hasMessageNotContaining("x".repeat(200));
  }

  @Test
  public void shouldShowKeysWithoutControlCharacters() {
    assertThat(KeyCodec.shown("a\nb\0c\u202ed")).isEqualTo("a\\u000ab\\u0000c\\u202ed");
    assertThat(KeyCodec.shown("\ud83d\ude00\u00e9")).isEqualTo("\ud83d\ude00\u00e9");
    assertThat(KeyCodec.shown("x\ud83d")).isEqualTo("x\\ud83d");
    assertThat(KeyCodec.shown("y".repeat(100))).isEqualTo("y".repeat(80) + "...");
    assertThat(KeyCodec.shown(null)).isEqualTo("null");
  }
}
