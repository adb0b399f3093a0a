// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.hicache.nixl.HiCacheConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.testng.annotations.Test;

public class VerifyCommandTest extends CliFixture {
  /**
   * Of the form of SGLang's keys: only such a page is listed when it does not carry our attributes.
   */
  private static final String SGLANG_KEY = "0123456789abcdef".repeat(4);

  @Test
  public void shouldCountEveryKindOfPage() throws IOException {
    put("good", 5001);
    put("empty", 0);
    stripSeal(put(SGLANG_KEY, 4096));
    Path flipped = put("flipped", 8192);
    flipByte(flipped, 8191);
    truncate(put("cut", 8192), 1);

    JsonNode json = runHere("verify", "--json").json();

    assertThat(json.get("exit_code").asInt()).isEqualTo(3);
    assertThat(json.get("pages").asInt()).isEqualTo(5);
    assertThat(json.get("ok").asInt()).isEqualTo(2);
    assertThat(json.get("unverified").asInt()).isEqualTo(1);
    assertThat(json.get("corrupt").asInt()).isEqualTo(2);
    assertThat(json.get("failed").asInt()).isZero();
    assertThat(json.get("gone").asInt()).isZero();
    assertThat(json.get("stopped").asBoolean()).isFalse();
    assertThat(json.get("bytes").asLong()).isEqualTo(5001 + 4096);
    assertThat(json.get("problems").findValuesAsText("key"))
        .containsExactlyInAnyOrder("flipped", "cut");
    for (JsonNode problem : json.get("problems")) {
      assertThat(problem.get("finding").asText()).isEqualTo("corrupt");
      assertThat(problem.at("/error/code").asText()).isEqualTo("CORRUPT");
      assertThat(Path.of(problem.get("path").asText())).exists();
    }

    Result text = runHere("verify");
    assertThat(text.code()).isEqualTo(3);
    assertThat(text.out()).contains("corrupt  flipped  " + flipped);
    assertThat(text.lines())
        .last()
        .asString()
        .endsWith("2 ok, 1 unverified, 2 corrupt, 0 failed, 0 gone");
  }

  @Test
  public void shouldBeContentWithSoundPagesAndWithNone() throws IOException {
    assertThat(runHere("verify").lines())
        .containsExactly("0 pages, 0 B: 0 ok, 0 unverified, 0 corrupt, 0 failed, 0 gone");
    put("a", 10);
    stripSeal(put(SGLANG_KEY, 10));
    JsonNode json = runHere("verify", "--json").json();
    assertThat(json.get("exit_code").asInt()).isZero();
    assertThat(json.get("ok").asInt()).isEqualTo(1);
    assertThat(json.get("unverified").asInt()).isEqualTo(1);
  }

  @Test
  public void shouldReadMoreThanABatchHolds() throws IOException {
    int small = 300;
    int large = 3;
    HiCacheConfig config =
        HiCacheConfig.builder().environment(Map.of()).storageDir(pages).layout("files").build();
    StoreCommand.withStore(
        config,
        (store, memory) -> {
          NativeMemory.Range page = memory.allocate(40 << 20);
          List<String> keys = new ArrayList<>();
          for (int i = 0; i < small; i++) {
            keys.add("small-" + i);
          }
          long[] addresses = new long[small];
          long[] lengths = new long[small];
          Arrays.fill(addresses, page.address());
          Arrays.setAll(lengths, i -> i * 7);
          assertThat(store.batchSet(keys, addresses, lengths)).isTrue();
          for (int i = 0; i < large; i++) {
            assertThat(store.set("large-" + i, page.address(), page.length())).isTrue();
          }
          return null;
        });

    JsonNode json = runHere("verify", "--json").json();
    assertThat(json.get("ok").asInt()).isEqualTo(small + large);
    assertThat(json.get("bytes").asLong())
        .isEqualTo(7L * small * (small - 1) / 2 + large * (40L << 20));
  }

  @Test
  public void shouldReadOnlyTheChosenModel() throws IOException {
    flipByte(put("a", 10), 3);
    assertThat(runHere("verify").code()).isEqualTo(3);
    assertThat(runHere("verify", "--model", "other").code()).isZero();
  }

  @Test
  public void shouldReadAgainWhatWasReplacedAndMissWhatWasRemoved() throws IOException {
    Map<String, Path> files = new TreeMap<>();
    for (int i = 0; i < 20; i++) {
      files.put("key-" + i, put("key-" + i, 100));
    }
    // Bucket directories are listed in order, so this page is seen last, and those before it wait
    // in a batch.
    String last =
        Collections.max(files.entrySet(), Comparator.comparing(file -> file.getValue().getParent()))
            .getKey();
    truncate(files.remove(last), 1);
    String replaced =
        Collections.min(files.entrySet(), Comparator.comparing(file -> file.getValue().getParent()))
            .getKey();
    Path old = files.remove(replaced);
    String removed = files.keySet().iterator().next();

    HiCacheConfig config =
        HiCacheConfig.builder().environment(Map.of()).storageDir(pages).layout("files").build();
    PageVerifier verifier =
        StoreCommand.withStore(
            config,
            (store, memory) -> {
              NativeMemory.Range longer = memory.allocate(200);
              PageVerifier one = new PageVerifier(store, memory);
              one.verifyAll(
                  bytes -> {
                    if (bytes == 1) {
                      assertThat(store.set(replaced, longer.address(), longer.length())).isTrue();
                      assertThat(store.delete(removed)).isTrue();
                    }
                  });
              return one;
            });

    assertThat(old).hasSize(200);
    assertThat(verifier.pages()).isEqualTo(20);
    assertThat(verifier.count(PageVerifier.Finding.CORRUPT)).isEqualTo(1);
    assertThat(verifier.count(PageVerifier.Finding.GONE)).isEqualTo(1);
    assertThat(verifier.count(PageVerifier.Finding.OK)).isEqualTo(18);
    assertThat(verifier.bytes()).isEqualTo(17 * 100 + 200);
    assertThat(verifier.problems()).extracting(PageVerifier.Problem::key).containsExactly(last);
  }
}
