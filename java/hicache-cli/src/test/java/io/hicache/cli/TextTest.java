// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.testng.annotations.Test;

public class TextTest {

  @Test
  public void shouldGiveBytesAUnit() {
    assertThat(Text.bytes(0)).isEqualTo("0 B");
    assertThat(Text.bytes(1023)).isEqualTo("1023 B");
    assertThat(Text.bytes(72 << 10)).isEqualTo("72.0 KiB");
    assertThat(Text.bytes(8L << 20)).isEqualTo("8.0 MiB");
    assertThat(Text.bytes(Long.MAX_VALUE)).isEqualTo("8.0 EiB");
  }

  @Test
  public void shouldGiveARate() {
    assertThat(Text.rate(1L << 30, 500_000_000L)).isEqualTo("2.00 GiB/s");
    assertThat(Text.rate(1L << 30, 0)).startsWith("1000000000");
  }

  @Test
  public void shouldEscapeWhatMovesTheCursorOrHides() {
    assertThat(Text.oneLine("plain größe 页")).isEqualTo("plain größe 页");
    assertThat(Text.oneLine("a\nb\\c\u001b[0m\u202e\ud800\u2028"))
        .isEqualTo("a\\u{a}b\\\\c\\u{1b}[0m\\u{202e}\\u{d800}\\u{2028}");
  }

  @Test
  public void shouldReadLimits() {
    List<String> lines =
        List.of(
            "Limit                     Soft Limit           Hard Limit           Units     ",
            "Max open files            1024                 1048576              files     ",
            "Max locked memory         8388608              unlimited            bytes     ");
    assertThat(ProcessLimits.named("Max open files", lines))
        .contains(new ProcessLimits(1024, 1048576));
    assertThat(ProcessLimits.named("Max locked memory", lines))
        .contains(new ProcessLimits(8388608, -1));
    assertThat(ProcessLimits.named("Max nice priority", lines)).isEqualTo(Optional.empty());
    assertThat(new ProcessLimits(1024, -1).isBelow(4096)).isTrue();
    assertThat(new ProcessLimits(-1, -1).isBelow(4096)).isFalse();
  }
}
