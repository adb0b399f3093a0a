// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import io.hicache.nixl.core.global.hicache_nixl;
import io.hicache.nixl.core.hicache_error;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.testng.annotations.BeforeClass;
import org.testng.annotations.Test;

/** Every number of the core's header has its Java constant, and every error its exception. */
public class NativeErrorTest {

  @BeforeClass
  public void loadNativeLibrary() {
    NativeLibrary.load();
  }

  @Test
  public void shouldTurnEveryCodeIntoItsException() throws Exception {
    Map<String, Integer> codes = constants("hicache_code");
    assertThat(codes).containsEntry("HICACHE_OK", 0).hasSize(ErrorCode.values().length + 1);
    for (ErrorCode code : ErrorCode.values()) {
      assertThat(codes).containsEntry("HICACHE_" + code.name(), code.number());
      try (NativeError error = new NativeError()) {
        fill(error.out(), code.number(), -2, 28, "set 'k': no room");

        HiCacheException e = error.toException();

        assertThat(e.code()).isEqualTo(code);
        assertThat(e.nixlStatus()).isEqualTo(-2);
        assertThat(e.errno()).isEqualTo(28);
        assertThat(e).hasMessage("set 'k': no room");
        assertThat(e.toString()).isEqualTo("HiCacheException[" + code + "]: set 'k': no room");
        HiCacheException again = e.here();
        assertThat(again.code()).isEqualTo(code);
        assertThat(again.nixlStatus()).isEqualTo(-2);
        assertThat(again.errno()).isEqualTo(28);
        assertThat(again).hasMessage("set 'k': no room").hasCause(e);
      }
    }
  }

  @Test
  public void shouldNameACodeThatIsUnknown() {
    for (int number : new int[] {-1, 0, ErrorCode.values().length + 1, Integer.MAX_VALUE}) {
      HiCacheException e = NativeError.toException(number, 0, 0, "text");
      assertThat(e.code()).isEqualTo(ErrorCode.INTERNAL);
      assertThat(e).hasMessageContainingAll(String.valueOf(number), "text");
    }
    assertThat(NativeError.toException(5, 0, 0, "")).hasMessage("the core gave no message");
  }

  @Test
  public void shouldReadAMessageThatFillsAllItsRoom() {
    String longest = "\u00e9".repeat(1023);
    try (NativeError error = new NativeError()) {
      fill(error.out(), 1, 0, 0, longest);
      assertThat(error.toException()).hasMessage(longest);
    }
  }

  @Test
  public void shouldHaveEveryOutcomeOfTheCore() throws Exception {
    Map<String, Integer> outcomes = constants("hicache_outcome");
    assertThat(outcomes)
        .containsEntry("HICACHE_PENDING", 0)
        .hasSize(PageOutcome.values().length + 1);
    for (PageOutcome outcome : PageOutcome.values()) {
      assertThat(outcomes.values()).contains(outcome.number());
      assertThat(outcomes.keySet()).anyMatch(name -> name.endsWith("_" + outcome.name()));
      assertThat(PageOutcome.of(outcome.number())).isEqualTo(outcome);
    }
    assertThat(PageOutcome.of(0)).isNull();
    assertThat(PageOutcome.of(-1)).isNull();
    assertThat(PageOutcome.of(PageOutcome.values().length + 1)).isNull();
  }

  @Test
  public void shouldHaveEveryMemoryTypeOfTheCore() throws Exception {
    Map<String, Integer> types = constants("hicache_memory_type");
    assertThat(types).hasSize(MemoryType.values().length);
    for (MemoryType type : MemoryType.values()) {
      assertThat(types).containsEntry("HICACHE_MEMORY_" + type.name(), type.number());
      assertThat(MemoryType.of(type.number())).isEqualTo(type);
    }
  }

  private static void fill(hicache_error error, int code, int status, int errno, String message) {
    error.code(code).nixl_status(status).error_number(errno);
    byte[] bytes = (message + '\0').getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < bytes.length; i++) {
      error.message(i, bytes[i]);
    }
  }

  /** The constants of one enum of the header, by the header's own text. */
  private static Map<String, Integer> constants(String enumName) throws Exception {
    Map<String, Integer> constants = new TreeMap<>();
    String header = Files.readString(Path.of("../../cpp/include/hicache_nixl.h"));
    Matcher body =
        Pattern.compile("enum " + enumName + " \\{(.*?)\\};", Pattern.DOTALL).matcher(header);
    assertThat(body.find()).as(enumName).isTrue();
    Matcher names = Pattern.compile("(HICACHE_[A-Z_]+) =").matcher(body.group(1));
    while (names.find()) {
      Field field = hicache_nixl.class.getField(names.group(1));
      constants.put(names.group(1), field.getInt(null));
    }
    return constants;
  }
}
